"""Just this once: one occurrence of a schedule is skipped, moved or says something else, at a
running box; what is refused and why, and what is heard."""

import datetime

import pytest

from rig import daemon, sound
from rig.capture import Capture

DAY = datetime.timedelta(days=1)
MINUTE = datetime.timedelta(minutes=1)


def text(time):
    return time.isoformat(timespec="seconds")


class House:
    def __init__(self, box, folder, card):
        self.box, self.api, self.folder, self.card = box, box.api, folder, card
        self.sounds = {}  # by seed: what is to be heard of a clip
        output = box.output(card.pcm, channels=2, name="Hall")
        quiet = [{"from": "22:00", "to": "06:00"}]
        self.east = box.zone("East", output, [0], quiet=quiet)
        self.west = box.zone("West", output, [1])
        self.news = box.announcement([{"clip": self.upload(1)}], "News")
        self.weather = box.announcement([{"clip": self.upload(2)}], "Weather")
        self.schedule = box.schedule(self.news, [self.east], "30 7 * * *")
        tomorrow = datetime.datetime.now(daemon.ZONE) + DAY
        self.due = tomorrow.replace(hour=7, minute=30, second=0, microsecond=0)

    def upload(self, seed):
        path = sound.write_wav(self.folder / f"{seed}.wav", sound.noise(0.5, seed))
        clip = self.box.clip(path, "clip")["id"]
        opus = self.folder / f"{seed}.opus"
        opus.write_bytes(self.api.get(f"/clips/{clip}/audio"))
        self.sounds[seed] = sound.decode_opus(opus)
        return clip

    @property
    def at(self):
        return f"/schedules/{self.schedule}/overrides"

    def body(self, action="skip", **more):
        more = {k: text(v) if isinstance(v, datetime.datetime) else v for k, v in more.items()}
        return {"due": text(self.due), "action": action, **more}

    def set(self, action="skip", **more):
        return self.api.post(self.at, self.body(action, **more))

    def next(self, count=3):
        return self.api.get(f"/schedules/{self.schedule}/next", params={"count": count})


@pytest.fixture(name="house")
def house_(make_box, cards, folder):
    card = cards.add("horn")
    return House(make_box().start(), folder, card)


def test_set_seen_and_taken_back(house):
    api, due = house.api, house.due
    days = [text(due + i * DAY) for i in range(5)]
    skip = house.set()
    assert {k: skip[k] for k in ("schedule", "due", "action", "to", "announcement", "void", "author", "warnings")} == {
        "schedule": house.schedule, "due": text(due), "action": "skip", "to": None, "announcement": None,
        "void": False, "author": "root", "warnings": []}  # fmt: skip
    # Today's may be to come.
    first = house.next(1)["items"][0]
    ahead = 0 if first == days[1] else 1
    times = house.next(3 + ahead)
    assert times["items"][ahead:] == days[1:4]
    assert [(o["due"], o["at"]) for o in times["occurrences"][ahead:]] == [
        (days[0], None), *((d, d) for d in days[1:4])]  # fmt: skip
    assert times["occurrences"][ahead]["override"]["id"] == skip["id"]
    again = api.raw("POST", house.at, house.body())
    assert again.status_code == 200 and again.json() == skip
    moved = house.set("move", to=due + 90 * MINUTE)
    assert (moved["id"], moved["to"]) == (skip["id"], text(due + 90 * MINUTE))
    assert house.next(2 + ahead)["items"][ahead:] == [moved["to"], days[1]]
    across = house.set("move", to=due + DAY + 60 * MINUTE, announcement=house.weather)
    assert house.next(3 + ahead)["items"][ahead:] == [days[1], across["to"], days[2]]
    other = house.set("replace", announcement=house.weather)
    assert (other["to"], other["announcement"]) == (None, house.weather)
    assert house.next(2 + ahead)["items"][ahead:] == days[:2]
    del other["warnings"]
    assert api.all(house.at) == [other]
    assert api.get(f"/schedules/{house.schedule}")["overrides"] == [other]
    assert "just once" in api.refused("DELETE", f"/announcements/{house.weather}", 409)["detail"]
    house.box.stop()
    house.box.start()
    assert api.all(house.at) == [other]
    api.delete(f"/overrides/{other['id']}")
    assert api.all(house.at) == [] and house.next(1 + ahead)["items"][ahead:] == days[:1]
    api.refused("GET", f"/overrides/{other['id']}", 404)
    api.refused("DELETE", f"/overrides/{other['id']}", 404)
    api.delete(f"/announcements/{house.weather}")


def test_what_cannot_be(house):
    api, due = house.api, house.due
    past = text(datetime.datetime.now(daemon.ZONE) - DAY)
    for field, body in (
        ("due", {"action": "skip"}), ("action", {"due": text(due)}), ("action", house.body("cancel")),
        ("due", house.body() | {"due": text(due + MINUTE)}), ("due", house.body() | {"due": past}),
        ("due", house.body() | {"due": "tomorrow"}), ("colour", house.body() | {"colour": "red"}),
        ("to", house.body("move")), ("to", house.body("skip", to=due + MINUTE)),
        ("announcement", house.body("skip", announcement=house.weather)),
        ("announcement", house.body("replace")), ("announcement", house.body("replace", announcement=999999)),
        ("to", house.body("move", to=due)), ("to", house.body("move") | {"to": past}),
        ("to", house.body("move", to=due + 400 * DAY)),
        ("to", house.body("move", to=due.replace(hour=23))),  # quiet in its only zone
    ):  # fmt: skip
        assert api.refused("POST", house.at, 422, body=body)["field"] == field, body
    nearest = api.refused("POST", house.at, 422, body=house.body() | {"due": text(due + MINUTE)})["detail"]
    assert nearest == f"it is not due at {text(due + MINUTE)}, but at {text(due)} and {text(due + DAY)}"
    over = house.box.schedule(house.news, [house.east], "at 2024-01-01 08:00")
    never = api.refused("POST", f"/schedules/{over}/overrides", 422, body=house.body())
    assert never["detail"] == f"it is not due at {text(due)}, nor at any time to come"
    api.refused("POST", "/schedules/999999/overrides", 404, body=house.body())
    api.refused("GET", "/schedules/999999/overrides", 404)
    # Onto another occurrence, unless that is out of the way.
    onto = house.body("move", to=due + DAY)
    assert api.refused("POST", house.at, 409, body=onto)["field"] == "to"
    skipped = api.post(house.at, house.body() | {"due": text(due + DAY)})
    api.post(house.at, onto)
    # Now it cannot come back.
    assert api.refused("DELETE", f"/overrides/{skipped['id']}", 409)["field"] == "due"
    assert len(api.all(house.at)) == 2


def test_what_will_not_be_heard_is_said(house):
    api, due = house.api, house.due
    api.patch(f"/schedules/{house.schedule}", {"zones": [house.east, house.west]})
    moved = house.set("move", to=due.replace(hour=23))
    assert moved["warnings"] == ["it will be skipped: quiet hours 22:00 to 06:00 in zone 'East'"]
    api.patch(f"/announcements/{house.weather}", {"expires": text(due)})
    other = house.set("replace", announcement=house.weather)
    assert "expired" in other["warnings"][0]
    assert api.get(f"/overrides/{other['id']}") == other


def test_a_changed_rule_makes_it_void(house):
    api, at = house.api, f"/schedules/{house.schedule}"
    house.set("move", to=house.due + 90 * MINUTE)
    row = api.patch(at, {"rule": "0 8 * * *"})
    assert [o["void"] for o in row["overrides"]] == [True]
    assert all(o["override"] is None for o in house.next()["occurrences"])
    assert "void" in house.box.log
    row = api.patch(at, {"rule": "30 7 * * *"})
    assert [o["void"] for o in row["overrides"]] == [False]
    api.delete(at)
    api.refused("GET", house.at, 404)


def test_it_is_heard(house):
    """One is moved ahead and says something else, one moved back, one skipped."""
    api, box = house.api, house.box
    rules = [box.at(s) for s in (60, 6, 6)]
    ids = [box.schedule(house.news, [house.west], rule) for rule, _ in rules]
    dues = [text(due) for _, due in rules]
    ahead, back = (text(box.at(s)[1]) for s in (7, 10))
    api.post(f"/schedules/{ids[0]}/overrides", {"due": dues[0], "action": "move", "to": ahead,
                                                "announcement": house.weather})  # fmt: skip
    api.post(f"/schedules/{ids[1]}/overrides", {"due": dues[1], "action": "move", "to": back})
    api.post(f"/schedules/{ids[2]}/overrides", {"due": dues[2], "action": "skip"})

    def runs():
        found = {r["schedule"]: r for r in api.all("/runs")}
        return len(found) == 3 and all(r["state"] in ("played", "skipped", "missed") for r in found.values()) and found

    found = box.wait_for(runs, 30, "three runs to end")
    first, second, third = (found[i] for i in ids)
    assert (first["due"], first["moved_from"], first["title"]) == (ahead, dues[0], "Weather")
    assert "in place of 'News', by root" in first["zones"][0]["reason"]
    assert (second["due"], second["moved_from"], second["title"]) == (back, dues[1], "News")
    assert second["zones"][0]["reason"].startswith("moved from ")
    assert [r["state"] for r in (first, second)] == ["played", "played"]
    assert (third["due"], third["moved_from"], third["state"]) == (dues[2], None, "skipped")
    assert third["zones"][0]["reason"] == "skipped just this once by root"
    # What is claimed is not changed any more.
    body = {"due": dues[0], "action": "skip"}
    problem = api.refused("POST", f"/schedules/{ids[0]}/overrides", 409, body=body)
    assert f"run {first['id']}" in problem["detail"]
    (one,) = api.all(f"/schedules/{ids[0]}/overrides")
    api.refused("DELETE", f"/overrides/{one['id']}", 409)
    dues_ns = [daemon.monotonic_ns(datetime.datetime.fromisoformat(due)) for due in (ahead, back)]
    box.close()
    horn = Capture(house.card.capture)
    for seed, due_ns in zip((2, 1), dues_ns):
        match = horn.find(house.sounds[seed], sound.RATE, 1)
        assert match.snr_db >= 60 and abs(match.time_ns - due_ns) <= 20e6, (seed, match, due_ns)
    assert horn.loudest(0) <= 1.5, "silent beside it"

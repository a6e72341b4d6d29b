"""Every call of the API at a running box: what it does, what it refuses and how it says so, pages,
changes, what stands in the way of a deletion, and that a restart keeps all of it."""

import datetime
import hashlib
import os

import pytest

from rig import daemon, sound

NOBODY = 999999
NO_CLIP = "0" * 64
NAMES = ["东方红 🎺", "Ærø ’ / \\ \" % ?&#", "بلاغ", "ẞ" * 20, "a", "𠀀" * 60]


class House:
    """A box that has one of everything, its output a file."""

    def __init__(self, box, folder):
        self.box = box
        self.api = box.api
        self.folder = folder
        self.wav = folder / "horn.wav"
        self.area = self.api.post("/areas", {"code": "360925100", "name": "Town"})["id"]
        self.village = self.api.post(
            "/areas", {"code": "360925100201", "name": "Village", "parent": self.area})["id"]  # fmt: skip
        self.empty = self.api.post("/areas", {"code": "360925100202", "name": "New"})["id"]
        self.output = box.output(f"wav:{self.wav}", channels=4, name="Hall")
        self.zone = box.zone("East", self.output, [0], area=self.village)
        self.other = box.zone("West", self.output, [1])
        self.clip = self.upload(1)["id"]
        self.announcement = box.announcement([{"clip": self.clip}], "News")
        self.schedule = box.schedule(self.announcement, [self.zone], "30 7 * * *")

    def upload(self, seed, seconds=0.2, title="clip"):
        path = sound.write_wav(self.folder / f"{seed}.wav", sound.noise(seconds, seed))
        return self.box.clip(path, title)

    def body(self, kind):
        """What a POST of this kind takes; each time another row."""
        self.made = getattr(self, "made", 0) + 1
        n = self.made
        return {
            "/areas": {"code": f"360925100201{n:04}", "name": "Group", "parent": self.village},
            "/outputs": {"name": f"output {n}", "pcm": f"wav:{self.folder}/{n}.wav", "rate": 48000,
                         "channels": 2},
            "/zones": {"name": f"zone {n}", "output": self.output, "channels": [2 + n % 2],
                       "area": self.village, "gain_db": -3.5, "max_gain_db": 3,
                       "quiet": [{"from": "22:00", "to": "06:00"}], "lead_ms": 250, "amplifier": "hall", "pass": 2},
            "/announcements": {"title": f"title {n}", "parts": [{"chime": "two-tone"}, {"clip": self.clip},
                               {"text": "开会了"}, {"silence_ms": 20}], "repeat": 2, "gap_ms": 500,
                               "catalogue": "2.1", "resume": "restart",
                               "expires": "2099-01-01T00:00:00+08:00"},
            "/schedules": {"announcement": self.announcement, "zones": [self.zone],
                           "areas": ["360925100202"], "rule": "0 8 * * mon-fri",
                           "from": "2026-01-01T00:00:00+08:00", "until": "2099-01-01T00:00:00+08:00",
                           "class": "programme", "missed": {"play_within_s": 600},
                           "conflict": "skip", "enabled": True},
        }[kind]  # fmt: skip

    def add(self, kind):
        """A row, and where it holds words, the clip that these become a moment later."""
        row = self.api.post(kind, self.body(kind))
        words = {part["text"] for part in row.get("parts", []) if "text" in part}
        self.box.wait_for(lambda: words <= {c["title"] for c in self.api.all("/clips")}, 20,
                          f"clips of {words}")  # fmt: skip
        return row

    def everything(self):
        return {path: self.api.all(path) for path in (*KINDS, "/clips", "/runs")}


KINDS = ("/areas", "/outputs", "/zones", "/announcements", "/schedules")


@pytest.fixture(name="house")
def house_(make_box, folder):
    hall = {"command_on": "/bin/true", "command_off": "/bin/true"}
    return House(make_box(config={"amplifier hall": hall}).start(), folder)


# ------------------------------------------------------------------------- rows of every kind


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_from_first_to_last(house, kind):
    api, body = house.api, house.body(kind)
    answer = api.raw("POST", kind, body)
    row = answer.json()
    assert answer.status_code == 201
    at = f"{kind}/{row['id']}"
    assert answer.headers["Location"] == "/api/v1" + at
    assert {name: row[name] for name in body} == body
    assert api.get(at) == row
    assert row in api.all(kind)
    assert api.raw("DELETE", at).status_code == 204
    api.refused("GET", at, 404)
    api.refused("DELETE", at, 404)
    api.refused("PATCH", at, 404, body={})
    assert row not in api.all(kind)


CHANGES = {
    "/areas": {"code": "360925100201999", "name": "Renamed", "parent": None},
    "/outputs": {"name": "Renamed", "rate": 44100, "channels": 6},
    "/zones": {"name": "Renamed", "channels": [3, 2], "area": None, "gain_db": 2, "max_gain_db": 9.5,
               "quiet": [{"from": "12:00", "to": "24:00"}, {"from": "01:02", "to": "01:02"}],
               "lead_ms": 0, "amplifier": None, "pass": 9},
    "/announcements": {"title": "Renamed", "parts": [{"silence_ms": 1}], "repeat": 1, "gap_ms": 0,
                       "catalogue": None, "resume": "resume", "expires": None},
    "/schedules": {"areas": [], "rule": "at 2098-12-01 08:00:30", "from": None, "until": None,
                   "class": "background", "missed": "skip", "conflict": "wait", "enabled": False},
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_changes_what_it_names(house, kind):
    api = house.api
    row = api.post(kind, house.body(kind))
    at = f"{kind}/{row['id']}"
    moving = {"changed", "next", "area_code", "sentence"}
    assert set(CHANGES[kind]) <= set(row)
    for name, value in CHANGES[kind].items():
        changed = api.patch(at, {name: value})
        differs = {k for k in row if row[k] != changed[k]} - moving
        assert differs == {name} and changed[name] == value
        assert api.get(at) == changed
        row = changed
    same = api.patch(at, {})
    assert {k: v for k, v in same.items() if k != "changed"} == {
        k: v for k, v in row.items() if k != "changed"
    }


LONG = "x" * 10001
BAD = {
    "/areas": [
        ("code", ["", "36092", "36092510020", "3609251002011234567890", "abc", "000000", "٣٦", 36, ["36"]]),
        ("name", ["", " \t", "x" * 101, "a\nb", "a\u0001", "\x7f", "\u0085", 7, {}, []]),
        ("parent", [NOBODY, -1, 0, 1.5, "99", "nothing", "", True, []]),
    ],
    "/outputs": [
        ("name", ["", "x" * 61, "a\nb", "a\u0001", 1]),
        ("pcm", ["", "wav:", "wav:/", "wav:relative.wav", "a\nb", "x" * 201, "file:a|b",
                 "file:'\\174sh'", "plug:{SLAVE=x}", "file:/tmp/x", "usb:1", "usb:1-1,", 5]),
        ("rate", [1, 7999, 192001, -1, 44100.5, "48000", True, [48000]]),
        ("channels", [0, 33, -1, 1.0, "2", [0]]),
    ],
    "/zones": [
        ("name", ["", "x" * 101, "a\nb", "East", 1]),
        ("output", [NOBODY, 0, -1, "Hall", 1.5]),
        ("channels", [[], [4], [-1], [32], [2, 2], ["0"], [1.5], 0, [2] * 33, [2**63 - 1]]),
        ("area", [NOBODY, "99", [], False, 1.5]),
        ("gain_db", [-60.1, 3.5, 21, "0", 1e999]),
        ("max_gain_db", [-61, 20.5, "x", []]),
        ("quiet", [[{"from": "22:00"}], [{"from": "24:00", "to": "06:00"}], [{"from": "22:60", "to": "06:00"}],
                   [{"from": "22:00", "to": "24:01"}], [{"from": "9:00", "to": "10:00"}],
                   [{"from": "22:00", "to": "06:00", "x": 1}], ["22:00"], "22:00", [None],
                   [{"from": "00:00", "to": "01:00"}] * 9, {"from": "22:00", "to": "06:00"}]),
        ("lead_ms", [-1, 10001, 0.5, "0"]),
        ("pass", [-1, 10, 0.5, "1"]),
        ("amplifier", ["", "tower", "/bin/sh", "x" * 33, 1, ["hall"]]),
    ],
    "/announcements": [
        ("title", ["", "x" * 201, "a\nb", 4]),
        ("parts", [[], {}, "x", [{"silence_ms": 1}] * 101]),
        ("parts[1]", [[{"silence_ms": 1}, part] for part in (
            {}, [], None, 5, "x", {"chime": "two-tone", "text": "x"}, {"chime": "two-tone", "voice": "x"},
            {"horn": "x"}, {"text": "x", "repeat": 2})]),
        ("parts[0].chime", [[{"chime": name}] for name in ("siren", "", 3, "x" * 200)]),
        ("parts[1].clip", [[{"silence_ms": 1}, {"clip": clip}] for clip in (NO_CLIP, "", "x", 5, LONG)]),
        ("parts[0].text", [[{"text": text}] for text in ("", " \n", LONG, "a\u0000b", 3)]),
        ("parts[0].voice", [[{"text": "x", "voice": voice}] for voice in ("", "x" * 61, 3)]),
        ("parts[0].silence_ms", [[{"silence_ms": ms}] for ms in (0, -1, 600001, 1.5, "1")]),
        ("repeat", [0, 101, 1.5, "2"]),
        ("gap_ms", [-1, 600001, "0"]),
        ("catalogue", ["", "x" * 61, 5]),
        ("resume", ["", "stop", 1, ["resume"]]),
        ("expires", ["", "tomorrow", "2026-01-01", "2026-01-01T00:00:00", "2026-02-30T00:00:00Z", 5]),
    ],
    "/schedules": [
        ("announcement", [NOBODY, 0, -1, "News", 1.5]),
        ("zones", [[NOBODY], {}, 1]),
        ("zones[1]", [[1, 0], [1, -1], [1, "East"], [1, 1.5]]),
        ("areas", [["99"], ["000000"], ["x"], "36", {}]),
        ("areas[0]", [[36], [""], ["x" * 21]]),
        ("rule", ["", "x", "60 * * * *", "0 8 * *", "0 8 * * * *", "at 2026-02-30 08:00", "at noon",
                  "0 8 * * *; often", "0 8 * * *\n0 9 * * *", "0 8 * * *;" + " " * 1000 + "offday", 5]),
        ("from", ["x", 5, "2026-13-01T00:00:00Z"]),
        ("until", ["x", "2026-01-01T00:00:00+08:00", "2025-01-01T00:00:00Z"]),
        ("class", ["", "live", "emergency", "loud", 1]),
        ("missed", ["play", {}, {"play_within_s": 0}, {"play_within_s": 604801}, {"play_within_s": 1.5},
                    {"play_within_s": 5, "x": 1}, 5, []]),
        ("conflict", ["", "drop", 1]),
        ("enabled", ["yes", 1, 0, []]),
    ],
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_value_is_named_and_changes_nothing(house, kind):
    api = house.api
    at = f"{kind}/{house.add(kind)['id']}"
    before = house.everything()
    for field, values in BAD[kind]:
        member = field.partition("[")[0]
        for value in values:
            for method, path, body in (
                ("POST", kind, {**house.body(kind), member: value}),
                ("PATCH", at, {member: value}),
            ):
                answer = api.raw(method, path, body)
                told = answer.json()
                where = f"{method} {path} {member}={value!r:.80}: {told}"
                if answer.status_code == 400:  # no JSON of ours at all
                    assert value == 1e999 or "\\x00" in repr(value), where
                    continue
                taken = (field, value) == ("name", "East")
                assert answer.status_code == (409 if taken else 422), where
                assert told["field"].startswith(member) and field.startswith(told["field"].split("[")[0]), where
                if "." in field:
                    assert told["field"] == field, where
                assert told["detail"].strip() and "\n" not in told["detail"], where
    assert house.everything() == before


@pytest.mark.parametrize("kind", KINDS)
def test_what_must_be_there_and_what_must_not(house, kind):
    api = house.api
    needed = {
        "/areas": ("code", "name"),
        "/outputs": ("name", "pcm"),
        "/zones": ("name", "output", "channels"),
        "/announcements": ("title", "parts"),
        "/schedules": ("announcement", "rule"),
    }[kind]
    before = house.everything()
    for name in house.body(kind):
        body = house.body(kind)
        del body[name]
        if name in needed:
            assert api.refused("POST", kind, 422, body=body)["field"] == name
            body[name] = None
            assert api.refused("POST", kind, 422, body=body)["field"] == name
    for method, path in (("POST", kind), ("PATCH", f"{kind}/{before[kind][0]['id']}")):
        for name in ("id", "created", "x", "", "Name", "🎺" * 50):
            problem = api.refused(method, path, 422, body={**house.body(kind), name: 1})
            # A name of 200 bytes is cut; one of none is not there.
            assert problem.get("field", "") == (name[:13] if len(name) > 13 else name)
            assert needed[0] in problem["detail"]
    assert house.everything() == before


def test_queries_are_known(house):
    api = house.api
    for path in (*KINDS, "/clips", "/runs", "/status", "/outputs/cards", f"/zones/{house.zone}",
                 f"/clips/{house.clip}", f"/clips/{house.clip}/audio",
                 f"/schedules/{house.schedule}/next"):  # fmt: skip
        assert api.refused("GET", path, 422, params={"colour": "red"})["field"] == "colour"
    for path in (*KINDS, "/clips", "/runs"):
        for name, values in {"limit": ["0", "1001", "-1", "x", "", "1.5"], "cursor": ["x", "-5", "1e3"]}.items():
            for value in values:
                assert api.refused("GET", path, 422, params={name: value})["field"] == name
    for name, value in (("from", "today"), ("to", ""), ("zone", "0"), ("zone", "East"),
                        ("state", "loud"), ("state", "")):  # fmt: skip
        assert api.refused("GET", "/runs", 422, params={name: value})["field"] == name
    for count in ("0", "1001", "x"):
        at = f"/schedules/{house.schedule}/next"
        assert api.refused("GET", at, 422, params={"count": count})["field"] == "count"


def test_what_is_not_there(house):
    api = house.api
    for kind in KINDS:
        for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
            api.refused(method, f"{kind}/{NOBODY}", 404, body=body)
    for method, path in (
        ("POST", f"/zones/{NOBODY}/test"), ("GET", f"/clips/{NO_CLIP}"), ("DELETE", f"/clips/{NO_CLIP}"),
        ("GET", f"/clips/{NO_CLIP}/audio"), ("GET", f"/schedules/{NOBODY}/next"),
        ("GET", f"/runs/{NOBODY}"), ("POST", f"/runs/{NOBODY}/stop"),
    ):  # fmt: skip
        api.refused(method, path, 404)


# ------------------------------------------------------------------------------------- pages


@pytest.mark.parametrize("kind", (*KINDS, "/clips", "/runs"))
def test_pages(house, kind):
    api = house.api
    if kind == "/zones":
        wide = house.box.output(f"wav:{house.folder}/wide.wav", channels=32, name="Wide")
    for i in range(6):
        if kind == "/clips":
            house.upload(10 + i)
        elif kind == "/runs":
            house.api.post("/runs", {"clip": house.clip, "zones": [house.zone],
                                     "at": "2098-01-01T00:00:00Z"})  # fmt: skip
        elif kind == "/zones":
            house.box.zone(f"zone {i}", wide, [i])
        else:
            api.post(kind, house.body(kind))
    everything = api.get(kind)
    assert everything["next"] is None
    rows = everything["items"]
    ids = [row["id"] for row in rows]
    if kind in ("/clips", "/runs"):
        times = [(row["created"], row["id"]) for row in rows]
        assert times == sorted(times, reverse=True)
    else:
        assert ids == sorted(ids)
    for limit in (1, 2, 3, len(ids), len(ids) + 1):
        assert api.all(kind, limit=limit) == rows
        first = api.get(kind, params={"limit": limit})["items"]
        assert first == rows[:limit]
    # A row that comes or goes between two pages moves none of the others.
    page = api.get(kind, params={"limit": 3})
    assert isinstance(page["next"], str)
    if kind in KINDS and kind not in ("/areas", "/outputs", "/zones"):
        api.delete(f"{kind}/{ids[1]}")
        rest = api.get(kind, params={"cursor": page["next"]})
        assert rest["items"] == rows[3:]


# ---------------------------------------------------------------------------- names and values


def test_names_of_every_script(house):
    api = house.api
    for i, name in enumerate(NAMES):
        assert api.post("/areas", {"code": f"36092510020{i + 3}", "name": name})["name"] == name
        output = api.post("/outputs", {"name": name[:60], "pcm": f"wav:{house.folder}/n{i}.wav"})
        assert output["name"] == name[:60]
        zone = api.post("/zones", {"name": name, "output": output["id"], "channels": [1, 0]})
        assert zone["name"] == name and zone["channels"] == [1, 0]
        said = api.post("/announcements", {"title": f"  {name}\n", "parts": [{"text": f"{name}\nsecond"}]})
        assert said["title"] == name and said["parts"] == [{"text": f"{name}\nsecond"}]
        assert house.upload(50 + i, title=name)["title"] == name
        push = api.post("/runs", {"announcement": said["id"], "zones": [zone["id"]],
                                  "at": "2098-01-01T00:00:00Z"})  # fmt: skip
        assert push["title"] == name and push["zones"][0]["name"] == name
    assert [z["name"] for z in api.get("/status")["zones"]][-len(NAMES):] == NAMES


def test_what_is_usual(house):
    api = house.api
    area = api.post("/areas", {"code": "11", "name": "x"})
    assert area["parent"] is None
    output = api.post("/outputs", {"name": "x", "pcm": f"wav:{house.folder}/x.wav"})
    assert (output["rate"], output["channels"]) == (0, 2)
    assert api.patch(f"/outputs/{output['id']}", {"rate": 8000})["rate"] == 8000
    assert api.patch(f"/outputs/{output['id']}", {"rate": None})["rate"] == 8000
    assert api.patch(f"/outputs/{output['id']}", {"rate": 0})["rate"] == 0
    zone = api.post("/zones", {"name": "x", "output": output["id"], "channels": [0]})
    usual = {"area": None, "area_code": None, "gain_db": 0, "quiet": [], "lead_ms": 0, "amplifier": None, "pass": 0}
    assert {k: zone[k] for k in usual} == usual
    said = api.post("/announcements", {"title": "x", "parts": [{"text": "x"}]})
    assert {k: said[k] for k in ("repeat", "gap_ms", "catalogue", "resume", "expires", "author")} == {
        "repeat": 1, "gap_ms": 0, "catalogue": None, "resume": "drop", "expires": None, "author": "root"}  # fmt: skip
    rule = api.post("/schedules", {"announcement": said["id"], "areas": ["360925"], "rule": "0 8 * * *"})
    assert {k: rule[k] for k in ("zones", "from", "until", "class", "missed", "conflict", "enabled")} == {
        "zones": [], "from": None, "until": None, "class": "notice", "missed": "skip",
        "conflict": "wait", "enabled": True}  # fmt: skip


def test_an_area_is_known_by_id_and_by_code(house):
    api = house.api
    for parent in (house.area, "360925100", "360925100000"):
        child = api.post("/areas", {**house.body("/areas"), "parent": parent})
        assert child["parent"] == house.area
        at = f"/zones/{house.other}"
        zone = api.patch(at, {"area": parent})
        assert (zone["area"], zone["area_code"]) == (house.area, "360925100")
        assert api.patch(at, {"area": None})["area_code"] is None
    assert api.post("/areas", {"code": "440000000000", "name": "x"})["code"] == "440000000000"
    assert api.refused("POST", "/areas", 409, body={"code": "44", "name": "y"})["field"] == "code"


def test_an_area_is_in_no_ring(house):
    api = house.api
    for parent in (house.area, house.village):
        problem = api.call("PATCH", f"/areas/{house.area}", (409, 422), body={"parent": parent})
        assert problem["field"] == "parent"


# ------------------------------------------------------------------------- taken and still used


def test_what_is_taken(house):
    api = house.api
    for kind, member, value in (("/areas", "code", "360925100"), ("/outputs", "name", "Hall"),
                                ("/zones", "name", "East"), ("/zones", "channels", [0])):  # fmt: skip
        problem = api.refused("POST", kind, 409, body={**house.body(kind), member: value})
        assert problem["field"] == member
        row = api.post(kind, house.body(kind))
        at = f"{kind}/{row['id']}"
        assert api.refused("PATCH", at, 409, body={member: value})["field"] == member
        assert api.get(at) == row
        api.delete(at)


def test_what_is_used_is_not_deleted(house):
    api = house.api
    for path, user in (
        (f"/areas/{house.area}", "Village"), (f"/areas/{house.village}", "East"),
        (f"/outputs/{house.output}", "East"), (f"/zones/{house.zone}", "News"),
        (f"/clips/{house.clip}", "News"), (f"/announcements/{house.announcement}", str(house.schedule)),
    ):  # fmt: skip
        assert user in api.refused("DELETE", path, 409)["detail"]
        api.get(path)
    problem = api.refused("PATCH", f"/outputs/{house.output}", 409, body={"channels": 1})
    assert problem["field"] == "channels" and "West" in problem["detail"]
    # From the top of the heap all can go.
    for path in (f"/schedules/{house.schedule}", f"/announcements/{house.announcement}",
                 f"/clips/{house.clip}", f"/zones/{house.zone}", f"/zones/{house.other}",
                 f"/outputs/{house.output}", f"/areas/{house.village}", f"/areas/{house.area}"):  # fmt: skip
        api.delete(path)
    assert api.get("/status")["zones"] == []


def test_a_schedule_outlives_its_area(house):
    """Whatever becomes of an area, its schedules can be read, changed and switched off."""
    api = house.api
    row = api.post("/schedules", {"announcement": house.announcement, "areas": ["360925100202"],
                                  "rule": "0 8 * * *"})  # fmt: skip
    answer = api.raw("DELETE", f"/areas/{house.empty}")
    if answer.status_code == 409:
        assert str(row["id"]) in answer.json()["detail"]
        return
    assert api.get(f"/schedules/{row['id']}") == row
    assert api.patch(f"/schedules/{row['id']}", {"enabled": False})["enabled"] is False


# ------------------------------------------------------------------------------------- clips


def test_a_clip_from_upload_to_deletion(house, folder):
    api = house.api
    path = sound.write_wav(folder / "tone.wav", sound.noise(0.5, 99))
    answer = api.raw("POST", "/clips", data=path.read_bytes(), params={"title": "  Tone "})
    clip = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api/v1/clips/{clip['id']}"
    assert (clip["title"], clip["duration_ms"], clip["author"]) == ("Tone", 500, "root")
    assert -40 < clip["loudness_lufs"] < 0 and clip["true_peak_db"] <= 6
    again = api.raw("POST", "/clips", data=path.read_bytes(), params={"title": "Other"})
    assert again.status_code == 200 and again.json() == clip
    audio = api.raw("GET", f"/clips/{clip['id']}/audio")
    assert audio.headers["Content-Type"] == "audio/ogg"
    assert audio.headers["ETag"] == f'"{clip["id"]}"'
    assert hashlib.sha256(audio.content).hexdigest() == clip["id"]
    assert len(audio.content) == clip["size_bytes"]
    # What the box keeps is taken as it is.
    kept = api.raw("POST", "/clips", data=audio.content)
    assert kept.status_code == 200 and kept.json() == clip
    assert api.get(f"/clips/{clip['id'].upper()}") == clip
    api.delete(f"/clips/{clip['id']}")
    api.refused("GET", f"/clips/{clip['id']}/audio", 404)
    back = api.raw("POST", "/clips", data=path.read_bytes())
    assert back.status_code == 201 and back.json()["id"] == clip["id"]
    assert back.json()["title"] is None


def test_a_clip_without_a_title(house, folder):
    """As curl --data-binary sends it: it plays, and is called by the first of its id."""
    api = house.api
    wav = sound.write_wav(folder / "bare.wav", sound.noise(0.3, 98)).read_bytes()
    clip = api.raw("POST", "/clips", data=wav).json()
    assert clip["title"] is None
    announcement = house.box.announcement([{"clip": clip["id"]}], "Bare")
    rule, _ = house.box.at(2)
    schedule = house.box.schedule(announcement, [house.other], rule)
    run = api.post("/runs", {"clip": clip["id"], "zones": [house.zone]})
    assert house.box.wait_run(run["id"])["state"] == "played" and run["title"] == clip["id"][:12]
    assert house.box.wait_scheduled_run(schedule)["state"] == "played"
    assert clip["id"][:12] in api.refused("DELETE", f"/clips/{clip['id']}", 409)["detail"]
    later = api.post("/runs", {"clip": clip["id"], "zones": [house.zone], "at": FUTURE})["id"]
    api.delete(f"/schedules/{schedule}")
    api.delete(f"/announcements/{announcement}")
    assert clip["id"][:12] in api.refused("DELETE", f"/clips/{clip['id']}", 409)["detail"]
    api.post(f"/runs/{later}/stop")
    api.delete(f"/clips/{clip['id']}")


def test_silence_has_no_loudness(house, folder):
    path = sound.write_wav(folder / "silence.wav", sound.noise(0.5, 1) * 0)
    clip = house.box.clip(path)
    assert clip["loudness_lufs"] is None and clip["true_peak_db"] is None


@pytest.mark.parametrize("what", [b"x", b"RIFF\x24\0\0\0WAVEfmt ", bytes(5000), b"OggS" + bytes(500)])
def test_what_is_no_sound(house, what):
    before = house.everything()
    problem = house.api.refused("POST", "/clips", 422, data=what)
    assert len(problem["detail"]) > 10
    assert house.everything() == before


def test_uploads_refused(house):
    api = house.api
    assert api.refused("POST", "/clips", 422, data=b"x", params={"title": "x" * 201})["field"] == "title"
    api.refused("POST", "/clips", 400, data=b"x", params={"title": "a\nb"})
    api.call("POST", "/clips", (400, 422), data=b"")


def test_speech(house):
    api = house.api
    words = {"text": "Flood at the bridge.", "voice": "en", "speed": 1.5}
    answer = api.raw("POST", "/speech", words)
    clip = answer.json()
    assert answer.status_code == 201 and clip["duration_ms"] > 300, clip
    again = api.raw("POST", "/speech", words)
    assert again.status_code == 200 and again.json() == clip
    slow = api.post("/speech", {**words, "speed": 0.5})
    assert slow["duration_ms"] > 1.5 * clip["duration_ms"]
    for field, values in (("text", ["", LONG, 5, "a\u0001"]), ("voice", ["", "x" * 61, 4]),
                          ("speed", [0.49, 2.01, "1", 1e300])):  # fmt: skip
        for value in values:
            assert api.refused("POST", "/speech", 422, body={**words, field: value})["field"] == field
    assert api.refused("POST", "/speech", 422, body={**words, "pitch": 1})["field"] == "pitch"
    assert api.refused("POST", "/speech", 422, body={})["field"] == "text"
    problem = api.call("POST", "/speech", (422, 503), body={**words, "voice": "xx-such"})
    assert "xx-such" in problem["detail"]


def test_no_engine_for_speech(make_box, folder):
    box = make_box()
    box.env = {**box.env, "PATH": str(folder)}
    box.start()
    problem = box.api.refused("POST", "/speech", 503, body={"text": "x"})
    assert "espeak-ng" in problem["detail"]
    assert box.api.get("/healthz") == {"status": "ok"}


@pytest.mark.parametrize(
    "script,words",
    [
        ("sleep MARK & sleep MARK", "espeak-ng did not finish within 1 s"),
        ("kill -SEGV $$", "espeak-ng was ended by signal 11"),
        ("echo 'no such phoneme' >&2; exit 3", "espeak-ng failed (exit 3): no such phoneme"),
    ],
)
def test_an_engine_for_speech_that_fails(make_box, folder, script, words):
    engine = folder / "espeak-ng"
    mark = f"1000.{os.getpid()}"
    engine.write_text(f"#!/bin/sh\n{script}\n".replace("MARK", mark))
    engine.chmod(0o755)
    box = make_box(config={"speech": {"timeout_s": 1}})
    box.env = {**box.env, "PATH": f"{folder}:/usr/bin:/bin"}
    box.start()
    for _ in range(3):  # two may run at once
        assert words in box.api.refused("POST", "/speech", 503, body={"text": "x"})["detail"]
    assert box.api.get("/clips")["items"] == [] and box.api.get("/healthz") == {"status": "ok"}
    # What was killed may need a moment.
    box.wait_for(lambda: not daemon.processes_with(mark), 10, "end of all that it started")


@pytest.mark.parametrize("text", ["。。。", "🎺🎺", "\u200b\u200b", " . "])
def test_a_text_without_a_sound(house, text):
    before = house.everything()
    assert house.api.refused("POST", "/speech", 422, body={"text": text})["field"] == "text"
    assert house.everything() == before


def test_the_longest_text_can_be_spoken(house):
    """What a call takes as a text can be spoken, 22 minutes of it; else that is found out at the hour it is due."""
    text = "开会 " * 3333 + "。"
    run = house.api.post("/runs", {"text": text, "zones": [house.zone], "at": FUTURE})
    assert run["state"] == "planned", run
    clip = house.api.post("/speech", {"text": text, "voice": "en", "speed": 2}, timeout=240)
    assert clip["duration_ms"] > 60000


# ------------------------------------------------------------------------------- schedules


def test_what_comes_next(house):
    api = house.api
    at = f"/schedules/{house.schedule}"
    now = datetime.datetime.now(daemon.ZONE)
    times = api.get(at + "/next")
    assert len(times["items"]) == 5 and times["next"] is None
    due = [datetime.datetime.fromisoformat(t) for t in times["items"]]
    assert all((t.hour, t.minute, t.second) == (7, 30, 0) for t in due) and due[0] > now
    assert [b - a for a, b in zip(due, due[1:])] == [datetime.timedelta(days=1)] * 4
    assert api.get(at)["next"] == times["items"][0]
    assert len(api.get(at + "/next", params={"count": 100})["items"]) == 100
    # Validity: from is the first instant of it, until the first behind it.
    row = api.patch(at, {"from": times["items"][1], "until": times["items"][3]})
    assert row["next"] == times["items"][1]
    assert api.get(at + "/next")["items"] == times["items"][1:3]
    row = api.patch(at, {"enabled": False})
    assert row["next"] is None and api.get(at + "/next")["items"] == []
    row = api.patch(at, {"enabled": True, "from": None, "until": None, "rule": "at 2020-01-01 08:00"})
    assert row["next"] is None and api.get(at + "/next")["items"] == []
    assert api.patch(at, {"rule": "0 0 30 2 *"})["next"] is None


def test_a_bad_rule_is_shown_where(house):
    at = f"/schedules/{house.schedule}"
    problem = house.api.refused("PATCH", at, 422, body={"rule": "0 25 * * *"})
    assert problem["field"] == "rule" and "column 3" in problem["detail"]


def test_targets_of_a_schedule(house):
    api = house.api
    at = f"/schedules/{house.schedule}"
    assert api.refused("PATCH", at, 422, body={"zones": []})["field"] == "zones"
    row = api.patch(at, {"zones": [], "areas": ["360925100201000"]})
    assert row["zones"] == [] and len(row["areas"]) == 1
    row = api.patch(at, {"zones": [house.other, house.zone, house.other], "areas": None})
    assert sorted(row["zones"]) == [house.zone, house.other] and row["areas"] == []


# ------------------------------------------------------------------------------------- runs

FUTURE = "2098-01-01T00:00:00+00:00"


def test_a_run_of_each_kind(house):
    api = house.api
    for what, title, announcement in (
        ({"announcement": house.announcement}, "News", house.announcement), ({"clip": house.clip}, "clip", None),
        ({"text": "Hello village\nsecond line"}, "Hello village", None),
        ({"clip": house.clip, "title": "Own"}, "Own", None),
    ):  # fmt: skip
        answer = api.raw("POST", "/runs", {**what, "zones": [house.zone], "areas": ["360925"]})
        run = answer.json()
        assert answer.status_code == 201 and answer.headers["Location"] == f"/api/v1/runs/{run['id']}"
        assert (run["title"], run["announcement"], run["source"]) == (title, announcement, "push")
        assert (run["class"], run["schedule"], run["author"]) == ("notice", None, "root")
        assert [z["zone"] for z in run["zones"]] == [house.zone]
        done = house.box.wait_run(run["id"])
        assert done["state"] == "played", done
        assert done["zones"][0]["reason"] is None and done["zones"][0]["started"]
        assert "ended" in api.refused("POST", f"/runs/{run['id']}/stop", 409)["detail"]


def test_a_run_is_refused(house):
    api = house.api
    good = {"clip": house.clip, "zones": [house.zone], "at": FUTURE}
    before = house.everything()
    for field, changes in (
        ("announcement", [{"announcement": NOBODY, "clip": None}, {"announcement": 0}, {"clip": None},
                          {"announcement": house.announcement}, {"text": "x"}]),
        ("clip", [{"clip": NO_CLIP}, {"clip": ""}, {"clip": "x"}, {"clip": 5}]),
        ("text", [{"clip": None, "text": text} for text in ("", LONG, 5)]),
        ("title", [{"title": title} for title in ("", "x" * 201, "a\nb", 5)]),
        ("zones", [{"zones": zones} for zones in ([], None, [NOBODY], ["East"], 1, [0])]),
        ("areas", [{"areas": areas} for areas in (["99"], ["000000"], [""], 36)]),
        ("at", [{"at": at} for at in ("now", "2020-01-01T00:00:00Z", 5, "2098-01-01T00:00:00",
                                       "2292-01-01T00:00:00Z")]),
        ("class", [{"class": name} for name in ("", "live", "emergency", 1)]), ("volume", [{"volume": 11}]),
    ):  # fmt: skip
        for change in changes:
            problem = api.refused("POST", "/runs", 422, body={**good, **change})
            assert problem["field"].split("[")[0] == field, (change, problem)
    problem = api.refused("POST", "/runs", 422, body={"clip": house.clip, "areas": ["360925100202"]})
    assert problem["field"] == "areas"
    assert house.everything() == before


def test_quiet_hours_refuse_a_push(house):
    api = house.api
    api.patch(f"/zones/{house.zone}", {"quiet": [{"from": "00:00", "to": "24:00"}]})
    problem = api.refused("POST", "/runs", 409, body={"clip": house.clip, "zones": [house.zone]})
    assert "quiet" in problem["detail"] and "East" in problem["detail"]
    api.refused("POST", f"/zones/{house.zone}/test", 409)
    assert api.all("/runs") == []


def test_runs_are_found(house):
    api = house.api
    push = {"clip": house.clip, "zones": [house.zone]}
    now = house.box.wait_run(api.post("/runs", push)["id"])["id"]
    later = [api.post("/runs", {**push, "at": f"2098-01-0{day}T00:00:00Z",
                                "zones": [house.other]})["id"] for day in (1, 2, 3)]  # fmt: skip
    assert all(api.get(f"/runs/{id}")["state"] == "planned" for id in later)

    def found(**query):
        return [run["id"] for run in api.get("/runs", params=query)["items"]]

    assert found() == [*reversed(later), now]
    assert found(zone=house.zone) == [now] and found(zone=house.other) == later[::-1]
    assert found(zone=NOBODY) == []
    assert found(state="planned") == later[::-1] and found(state="played") == [now]
    start, end = "2098-01-01T08:00:00+08:00", "2098-01-03T00:00:00Z"
    assert found(**{"from": start}) == later[::-1]
    assert found(to=start) == [now]
    assert found(**{"from": start, "to": end}) == [later[1], later[0]]
    assert found(**{"from": end, "to": start}) == []


def test_stop(house):
    api = house.api
    long = house.upload(7, seconds=20)["id"]
    runs = [api.post("/runs", {"clip": long, "zones": [zone]})["id"]
            for zone in (house.zone, house.other)]  # fmt: skip
    for run in runs:
        house.box.wait_run(run, states=("playing",))
    for body, field in (({"zones": []}, "zones"), ({"zones": [NOBODY]}, "zones"), ({"zones": None}, "zones"),
                        ({"areas": ["99"]}, "areas"), ({"run": 1}, "run")):  # fmt: skip
        assert api.refused("POST", "/stop", 422, body=body)["field"] == field
    assert api.post("/stop", {"areas": ["360925100201"]}) == {"stopped": 1}
    (zone,) = house.box.wait_run(runs[0])["zones"]
    assert zone["outcome"] == "cut" and "root" in zone["reason"] and zone["played_ms"] > 0
    assert api.get(f"/runs/{runs[1]}")["state"] == "playing"
    assert api.post(f"/runs/{runs[1]}/stop")["id"] == runs[1]
    assert house.box.wait_run(runs[1])["state"] == "cut"
    problem = api.refused("POST", f"/runs/{runs[1]}/stop", 409)
    assert str(runs[1]) in problem["detail"]
    assert api.post("/stop") == {"stopped": 0}
    run = api.post("/runs", {"clip": long, "zones": [house.zone, house.other]})["id"]
    assert api.post("/stop", {}) == {"stopped": 1}
    house.box.wait_run(run)


def test_a_run_in_time_to_come_is_called_off(house):
    api = house.api
    run = api.post("/runs", {"clip": house.clip, "zones": [house.zone], "at": FUTURE})["id"]
    assert api.post("/stop") == {"stopped": 0}
    assert api.get(f"/runs/{run}")["state"] == "planned"
    api.post(f"/runs/{run}/stop")
    assert house.box.wait_run(run)["state"] == "cancelled"


def test_the_chime_of_a_zone(house):
    answer = house.api.raw("POST", f"/zones/{house.zone}/test")
    run = answer.json()
    assert answer.status_code == 201 and run["source"] == "test"
    assert [z["zone"] for z in run["zones"]] == [house.zone]
    assert house.box.wait_run(run["id"])["state"] == "played"


# ------------------------------------------------------------------------------------ status


def test_status(house):
    api = house.api
    status = api.get("/status")
    assert [(z["id"], z["name"], z["state"], z["run"], z["fault"], z["waiting"]) for z in status["zones"]] == [
        (house.zone, "East", "idle", None, None, 0), (house.other, "West", "idle", None, None, 0)]  # fmt: skip
    assert all(z["level_db"] == -120 for z in status["zones"])
    assert status["clock"]["trusted"] in (True, False) and status["faults"] == []
    now = datetime.datetime.fromisoformat(status["clock"]["now"])
    assert abs(now - datetime.datetime.now(daemon.ZONE)) < datetime.timedelta(minutes=1)
    assert now.utcoffset() == datetime.timedelta(hours=8)
    long = house.upload(7, seconds=20)["id"]
    run = api.post("/runs", {"clip": long, "zones": [house.zone]})["id"]
    second = api.post("/runs", {"clip": long, "title": "second", "zones": [house.zone], "class": "programme"})["id"]
    loud = house.box.wait_for(lambda: (z := house.box.zone_status(house.zone))["level_db"] > -60 and z, 10, "sound")
    assert (loud["state"], loud["run"], loud["waiting"]) == ("playing", run, 1)
    assert loud["queue"] == [{"run": second, "title": "second", "class": "programme", "paused": False}]
    assert house.box.zone_status(house.other)["level_db"] == -120
    assert api.post("/stop") == {"stopped": 2}


def test_a_bad_output_is_told(house):
    api = house.api
    output = house.box.output("nothing-of-this-name", name="Ghost")
    zone = house.box.zone("Haunted", output, [0])
    house.box.wait_zone(zone, "fault")
    fault = api.get(f"/outputs/{output}")["fault"]
    assert "nothing-of-this-name" in fault
    assert [o["fault"] for o in api.all("/outputs")] == [None, fault]
    (entry,) = api.get("/status")["faults"]
    assert entry["source"] == "output Ghost" and entry["text"] == fault
    assert api.patch(f"/outputs/{output}", {"pcm": f"wav:{house.folder}/well.wav"})
    house.box.wait_zone(zone, "idle")
    assert api.get(f"/outputs/{output}")["fault"] is None and api.get("/status")["faults"] == []


# ----------------------------------------------------------------------------------- restart


def test_a_restart_keeps_everything(house):
    api = house.api
    for kind in KINDS:
        house.add(kind)
    house.box.wait_run(api.post("/runs", {"clip": house.clip, "zones": [house.zone]})["id"])
    api.post("/runs", {"clip": house.clip, "zones": [house.zone], "at": FUTURE})
    before = house.everything()
    audio = api.get(f"/clips/{house.clip}/audio")
    house.box.stop()
    house.box.start()
    assert house.everything() == before
    assert api.get(f"/clips/{house.clip}/audio") == audio
    house.box.kill()
    house.box.start()
    assert house.everything() == before

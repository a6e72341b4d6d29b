"""Emergencies, from the order to the horn: at once, over everything, again and again, whatever the
hour, the voice, the disk and the power do; and silence as soon as somebody says so.

The voice of these boxes is a script beside them that says every text with the same recording, so
that its words can be found in what a card played; what it was told to say is in `said`."""

import concurrent.futures
import datetime
import json
import time

import pytest
import requests

from conftest import Village, fill_disk
from rig import daemon, sound
from rig.capture import Capture
from rig.daemon import dalabactl, monotonic_ns, outcome

CHIME_S = 5.8  # three bells, twice
GAP_S = 20
ALL_DAY = [{"from": "00:00", "to": "23:59"}, {"from": "23:59", "to": "00:00"}]
VOICE = """#!/bin/sh
text=$(cat)
printf '%s\\n' "$text" >> {folder}/said
case $text in dull*) while test -e {folder}/dull; do sleep 0.1; done;; esac
test -e {folder}/dumb && exit 1
while test -e {folder}/slow; do sleep 0.1; done
exec cat {folder}/words.wav
"""


class Horns(Village):
    """Four zones of one card, and a voice of our own."""

    def __init__(self, make_box, cards, folder, config=None):
        self.folder = folder
        self.words = sound.noise(1.5, 77)
        sound.write_wav(folder / "words.wav", self.words)
        voice = folder / "bin" / "espeak-ng"
        voice.parent.mkdir()
        voice.write_text(VOICE.format(folder=folder))
        voice.chmod(0o755)
        self.card = cards.add("horns", channels=4)
        self.box = make_box(config=config)
        self.box.env = {**self.box.env, "PATH": f"{voice.parent}:{self.box.env['PATH']}"}
        self.box.start()
        self.api = self.box.api
        self.output = self.box.output(self.card.pcm, channels=4)
        self.zones = [self.box.zone(f"zone {i}", self.output, [i]) for i in range(4)]

    def alert(self, zones=(0,), **more):
        body = {"headline": "Flood", "severity": "severe", "zones": [self.zones[z] for z in zones],
                "repeat_every_s": 0, **more}  # fmt: skip
        if "clip" not in body:
            body.setdefault("text", "climb the hill")
        return self.api.post("/alerts", body, expect=(201,))

    def said(self):
        said = self.folder / "said"
        return said.read_text().splitlines() if said.exists() else []

    def soundings(self, alert):
        """Its runs, the first one first."""
        return [r for r in reversed(self.box.runs_of()) if r["alert"] == alert["id"]]

    def wait_state(self, alert, state, within_s=40):
        return self.box.wait_for(
            lambda: (a := self.api.get(f"/alerts/{alert['id']}"))["state"] == state and a,
            within_s, f"alert {alert['id']} to be {state}",
        )  # fmt: skip

    def wait_soundings(self, alert, n, within_s=40):
        return self.box.wait_for(
            lambda: len(s := self.soundings(alert)) >= n and s, within_s, f"{n} soundings"
        )

    def fault(self, source):
        return [f["text"] for f in self.api.get("/status")["faults"] if f["source"] == source]

    def heard_words(self, channel=0):
        """When the words began, from the card's record: this ends the box."""
        self.box.close()
        got = Capture(self.card.capture)
        return [m.time_ns for m in got.matches(self.words, sound.RATE, channel)]


@pytest.fixture
def horns(make_box, cards, folder):
    return Horns(make_box, cards, folder)


def test_a_chime_at_once_then_the_words(horns):
    before = time.monotonic_ns()
    alert = horns.alert(zones=(0, 1), severity="extreme", level="county")
    assert alert["state"] == "active" and alert["on_disk"] and alert["zones"] == horns.zones[:2]
    assert alert["severity"] == "extreme" and alert["level"] == "county" and not alert["drill"]
    assert isinstance(alert["first_sound_ms"], int), alert
    horns.wait_state(alert, "played")
    chime, words = horns.soundings(alert)
    for run in chime, words:
        assert run["source"] == "alert" and run["class"] == "emergency" and run["title"] == "Flood"
        assert run["severity"] == "extreme" and run["level"] == "county"
        assert [z["outcome"] for z in run["zones"]] == ["played"] * 2 and run["state"] == "played"
    assert sorted(horns.said()) == ["Flood", "climb the hill"]
    assert horns.api.refused("POST", f"/alerts/{alert['id']}/cancel", 409)["detail"]
    first, second = horns.heard_words()
    spans = Capture(horns.card.capture).sounding(0)
    # The chime is there before the words are, and they follow it without a gap to speak of.
    assert abs((spans[0][0] - before) / 1e6 - alert["first_sound_ms"]) < 60, (spans[0], before)
    assert CHIME_S - 0.05 < (first - spans[0][0]) / 1e9 < CHIME_S + 1.5
    # Headline, a breath, text.
    assert 1.7 < (second - first) / 1e9 < 2.3
    assert Capture(horns.card.capture).loudest(2) <= 1.5


@pytest.mark.threads
def test_it_takes_two_zones_of_a_programme(horns):
    clip, reference = horns.clip(12, seed=5)
    run = horns.push(horns.zones[:3], clip=clip["id"])
    horns.box.wait_run(run, states=("playing",))
    time.sleep(1)
    alert = horns.alert(zones=(0, 1), clip=horns.clip(1, seed=6)[0]["id"], headline=None)
    row = horns.box.wait_run(run)
    for zone in horns.zones[:2]:
        # What it does afterwards is its announcement's; that it was interrupted is ours.
        assert outcome(row, zone)["outcome"] != "played"
    assert outcome(row, horns.zones[2])["outcome"] == "played"
    horns.wait_state(alert, "played")
    (sounding,) = horns.soundings(alert)
    assert sounding["title"] == "clip 6" and sounding["state"] == "played"
    horns.box.close()
    got = Capture(horns.card.capture)
    assert got.find(reference, sound.RATE, 2).snr_db >= 60


def test_quiet_hours_do_not_count(horns):
    """And it is as loud as the zone may be."""
    for zone, gain in zip(horns.zones, (-20, -20)):
        horns.api.patch(f"/zones/{zone}", {"quiet": ALL_DAY, "gain_db": gain, "max_gain_db": 0})
    assert horns.api.refused("POST", "/runs", 409, body={"zones": horns.zones[:1], "text": "x"})
    alert = horns.alert(zones=(0,))
    horns.wait_state(alert, "played")
    for run in horns.soundings(alert):
        assert run["zones"][0]["outcome"] == "played"
        assert run["zones"][0]["reason"] == "in quiet hours, because it is an emergency"
    assert horns.api.get(f"/zones/{horns.zones[0]}")["gain_db"] == -20
    horns.box.close()
    assert "in quiet hours, because it is an emergency" in horns.box.log
    # A chime at -4 dBFS; at -20 dB it would be 2050.
    assert Capture(horns.card.capture).loudest(0) > 8000


def test_it_alone_is_loud(horns):
    """From its first sample on; what makes way for it, and comes back behind it, is not. The zone
    at the other end, where nothing else sounds, is what it is held against."""
    for zone, gain in (0, -20), (3, 0):
        horns.api.patch(f"/zones/{horns.zones[zone]}", {"gain_db": gain, "max_gain_db": 0})
    song = horns.announcement(horns.clip(12, seed=8)[0], resume="resume")
    run = horns.push(horns.zones[:1], announcement=song)
    horns.box.wait_run(run, states=("playing",))
    time.sleep(1)
    asked = time.monotonic_ns()
    alert = horns.alert(zones=(0, 3), repeat_every_s=None)
    time.sleep(2)
    horns.api.post(f"/alerts/{alert['id']}/cancel")
    stopped = time.monotonic_ns()
    horns.box.wait_run(run)
    horns.box.close()
    got = Capture(horns.card.capture)
    began = got.sounding(3)[0][0]
    (_, alone), (_, above) = (got.timeline(c, began, began + 3e8) for c in (3, 0))
    window = sound.RATE // 50
    gains = [a @ b / (a @ a) for i in range(0, len(alone) - window, window)
             for a, b in [(alone[i : i + window], above[i : i + window])]]  # fmt: skip
    assert all(0.9 < gain < 1.1 for gain in gains), gains
    before = got.loudest(0, to_ns=asked)
    assert got.loudest(0, stopped + 3e8) <= 1.2 * before, before


def test_it_repeats_until_it_is_cancelled(horns):
    other = horns.alert(zones=(3,), repeat_every_s=None)
    alert = horns.alert(zones=(0, 1), repeat_every_s=15)
    runs = horns.wait_soundings(alert, 4, 50)
    began = [monotonic_ns(horns.box.wait_run(r["id"], states=("playing", "played"))["zones"][0]["started"])
             for r in (runs[0], runs[2], runs[3])]  # fmt: skip
    # The first has its words in a run of their own.
    assert [abs((b - a) / 1e9 - 15) < 0.5 for a, b in zip(began, began[1:])] == [True] * 2, began
    time.sleep(1)
    cancelled = horns.api.post(f"/alerts/{alert['id']}/cancel")
    silent_ns = time.monotonic_ns()
    assert cancelled["state"] == "cancelled" and cancelled["ended_by"] and cancelled["ended"]
    row = horns.box.wait_run(runs[3]["id"])
    for zone in row["zones"]:
        assert zone["outcome"] == "cut" and "the alert was cancelled by" in zone["reason"]
    time.sleep(17)
    assert len(horns.soundings(alert)) == 4
    assert horns.api.refused("POST", f"/alerts/{alert['id']}/cancel", 409)["detail"]
    # By default it pauses between the end of one and the begin of the next.
    first, words, again = horns.wait_soundings(other, 3)[:3]
    words = horns.box.run(words["id"])["zones"][0]
    again = horns.box.wait_run(again["id"], states=("playing", "played"))["zones"][0]
    ended_ns = monotonic_ns(words["started"]) + words["played_ms"] * 1e6
    assert abs((monotonic_ns(again["started"]) - ended_ns) / 1e9 - GAP_S) < 0.5
    horns.api.post(f"/alerts/{other['id']}/cancel")
    horns.box.close()
    for channel in 0, 1:
        assert Capture(horns.card.capture).loudest(channel, from_ns=silent_ns + 3e8) <= 1.5


def test_an_update_and_a_drill(horns):
    first = horns.alert(text="stay inside", repeat_every_s=10)
    time.sleep(0.5)
    problem = horns.api.refused("POST", "/alerts", 422, body={
        "text": "x", "zones": horns.zones[:1], "updates": first["id"], "drill": True})  # fmt: skip
    assert problem["field"] == "updates" and "no drill" in problem["detail"], problem
    second = horns.alert(text="come out", updates=first["id"])
    assert second["updates"] == first["id"]
    was = horns.api.get(f"/alerts/{first['id']}")
    assert was["state"] == "replaced" and was["ended_by"] == second["author"]
    cut = horns.soundings(first)[0]
    cut = horns.box.wait_run(cut["id"])["zones"][0]
    assert cut["outcome"] == "cut" and f"alert {second['id']} replaces it" in cut["reason"]
    horns.wait_state(second, "played")
    assert horns.api.refused("POST", "/alerts", 409, body={
        "text": "x", "zones": horns.zones[:1], "updates": first["id"]})["field"] == "updates"  # fmt: skip
    clip, reference = horns.clip(1, seed=9)
    drill = horns.alert(clip=clip["id"], headline=None, drill=True)
    assert drill["drill"] and "演习" in horns.said()[-1]
    horns.wait_state(drill, "played")
    said = horns.heard_words()
    (heard,) = [m.time_ns for m in Capture(horns.card.capture).matches(reference, sound.RATE, 0)]
    # Its sentence, the recording, its sentence.
    assert said[-2] < heard < said[-1], (said, heard)


def test_a_drill_that_cannot_say_so_is_silent(horns):
    (horns.folder / "dumb").touch()
    clip, _ = horns.clip(1, seed=9)
    problem = horns.api.refused("POST", "/alerts", 503, body={
        "clip": clip["id"], "zones": horns.zones, "drill": True})  # fmt: skip
    assert "a drill must say that it is one" in problem["detail"]
    assert horns.api.all("/alerts") == [] and horns.box.runs_of() == []
    horns.box.close()
    assert Capture(horns.card.capture).segments == []


@pytest.mark.parametrize("recording", [False, True])
def test_a_voice_that_fails(make_box, cards, folder, recording):
    horns = Horns(make_box, cards, folder)
    clip, reference = horns.clip(2, seed=8)
    if recording:
        horns.box.settings["alert"] = {"fallback": clip["id"]}
        horns.box.write_config()
        horns.box.process.send_signal(1)
        horns.box.wait_for(lambda: "was read again" in horns.box.log, 5, "a reload")
    (folder / "dumb").touch()
    alert = horns.alert()
    chime, fallback = horns.wait_soundings(alert, 2)
    fallback = horns.box.wait_run(fallback["id"])
    assert fallback["state"] == "played"
    (text,) = horns.fault(f"alert {alert['id']}")
    assert "fallback" in text and "espeak-ng" in text, text
    assert horns.api.get(f"/alerts/{alert['id']}")["state"] == "active"
    # It is tried again; the words follow as soon as there is a voice.
    (folder / "dumb").unlink()
    horns.wait_state(alert, "played")
    assert horns.fault(f"alert {alert['id']}") == []
    assert len(horns.heard_words()) == 2
    got = Capture(horns.card.capture)
    assert len(got.matches(reference, sound.RATE, 0)) == (1 if recording else 0)
    start = got.sounding(0)[0][0]
    ends = [b for a, b in got.sounding(0) if (b - start) / 1e9 < 20]
    assert (ends[-1] - start) / 1e9 > CHIME_S + (2 if recording else 10)


def test_a_voice_that_hangs(horns):
    (horns.folder / "slow").touch()
    alert = horns.alert()
    assert alert["first_sound_ms"] is not None
    chime, fallback = horns.wait_soundings(alert, 2)
    horns.box.wait_run(fallback["id"], states=("playing",))
    (text,) = horns.fault(f"alert {alert['id']}")
    assert "not spoken yet" in text
    began = horns.box.run(chime["id"])["zones"][0]["started"]
    late = (monotonic_ns(horns.box.run(fallback["id"])["zones"][0]["started"]) - monotonic_ns(began)) / 1e9
    assert CHIME_S < late < CHIME_S + 5
    (horns.folder / "slow").unlink()
    chime, fallback, words = horns.wait_soundings(alert, 3)
    horns.wait_state(alert, "played")
    assert horns.fault(f"alert {alert['id']}") == []
    assert len(horns.heard_words()) == 2


def test_its_words_go_before_all_others(horns):
    """Two long texts have the voice, more wait for it: the alert is spoken all the same."""
    (horns.folder / "dull").touch()
    for number in range(4):
        horns.box.announcement([{"text": f"dull reading {number}"}])
    horns.box.wait_for(lambda: len(horns.said()) == 2, 10, "two texts being spoken")
    alert = horns.alert(headline=None, text="climb the hill")
    horns.wait_state(alert, "played")
    assert horns.said()[2:] == ["climb the hill"]
    (horns.folder / "dull").unlink()
    horns.box.wait_for(lambda: len(horns.said()) == 5, 10, "the others")
    assert sorted(horns.said()[3:]) == ["dull reading 2", "dull reading 3"]
    assert len(horns.heard_words()) == 1


def test_no_voice_at_all(make_box, folder):
    box = make_box()
    box.env = {**box.env, "PATH": str(folder)}
    box.start()
    zone = box.zone("east", box.output(f"wav:{folder}/east.wav", channels=1), [0])
    alert = box.api.post("/alerts", {"text": "climb", "zones": [zone]}, expect=(201,))
    runs = box.wait_for(lambda: len(r := box.runs_of()) == 2 and r, 12, "the fallback")
    assert box.wait_run(runs[0]["id"])["state"] == "played"
    (fault,) = [f["text"] for f in box.api.get("/status")["faults"] if f["source"] == "alert 1"]
    assert "espeak-ng" in fault
    box.api.post(f"/alerts/{alert['id']}/cancel")
    box.wait_for(lambda: not box.api.get("/status")["faults"], 2, "the end of the fault")


@pytest.mark.threads
def test_the_power_goes(horns):
    """What is in force sounds within two seconds of `ready`; what has expired does not."""
    soon = datetime.datetime.now(daemon.ZONE) + datetime.timedelta(seconds=9)
    clip, reference = horns.clip(1, seed=4)
    alert = horns.alert(zones=(0,), clip=clip["id"], headline=None, repeat_every_s=3600)
    brief = horns.alert(zones=(1,), expires=soon.isoformat(), repeat_every_s=10)
    gone = horns.alert(zones=(2,))
    horns.api.post(f"/alerts/{gone['id']}/cancel")
    first = horns.soundings(alert)[0]["id"]
    horns.box.wait_run(first, states=("playing",))
    horns.box.kill()
    time.sleep(max(0, (soon - datetime.datetime.now(daemon.ZONE)).total_seconds()))
    horns.box.start()
    ready_ns = time.monotonic_ns()
    runs = horns.wait_soundings(alert, 2, 2)
    again = horns.box.wait_run(runs[1]["id"], 2, states=("playing", "played"))
    assert monotonic_ns(again["zones"][0]["started"]) - ready_ns < 2e9
    row = horns.box.run(first)["zones"][0]
    assert row["outcome"] == "cut" and "sounds again" in row["reason"]
    assert horns.wait_state(brief, "expired")["ended"]
    assert horns.api.get(f"/alerts/{gone['id']}")["state"] == "cancelled"
    horns.box.wait_run(again["id"])
    horns.box.close()
    got = Capture(horns.card.capture)
    for channel in 1, 2:
        assert got.loudest(channel, from_ns=ready_ns - 1e9) <= 1.5
    assert len(got.matches(reference, sound.RATE, 0)) == 1


@pytest.mark.threads
def test_several_at_once(horns):
    """The higher breaks in, the lower is said whole in between."""
    clips = [horns.clip(1.5, seed=s) for s in (21, 22, 23)]
    ranks = [("minor", "national"), ("severe", "village"), ("severe", "county")]
    alerts = []
    for (clip, _), (severity, level) in zip(clips, ranks):
        alerts.append(horns.alert(clip=clip["id"], headline=None, severity=severity, level=level))
        time.sleep(0.3)
    status = horns.box.zone_status(horns.zones[0])
    assert status["state"] == "playing" and status["waiting"] <= 2
    highest = horns.soundings(alerts[2])[0]["id"]
    assert horns.box.wait_run(highest)["state"] == "played"
    for alert in alerts:
        horns.wait_state(alert, "played", 60)
    cut = horns.soundings(alerts[0])[0]["zones"][0]
    assert cut["outcome"] != "played" or cut["started"]
    horns.box.close()
    got = Capture(horns.card.capture)
    heard = [got.find(reference, sound.RATE, 0).time_ns for _, reference in clips]
    assert heard == sorted(heard, reverse=True), "by severity, then by level"


@pytest.mark.parametrize("when", ["bells", "words"])
def test_a_zone_is_moved_amid_it(horns, cards, when):
    """Whose card is bad is put on another: the alert sounds there, and is over when it has."""
    spare = cards.add("spare")
    output = horns.box.output(spare.pcm)
    if when == "bells":
        (horns.folder / "slow").touch()
    alert = horns.alert()
    horns.box.wait_zone(horns.zones[0], "playing")
    if when == "words":
        horns.box.wait_for(lambda: horns.said(), 10, "the words")
        horns.wait_soundings(alert, 2)
        horns.box.wait_run(horns.soundings(alert)[1]["id"], 20, states=("playing",))
    time.sleep(0.5)
    horns.api.patch(f"/zones/{horns.zones[0]}", {"output": output, "channels": [0]})
    (horns.folder / "slow").unlink(missing_ok=True)
    horns.wait_state(alert, "played", 50)
    cut, *_, last = [outcome(r, horns.zones[0]) for r in horns.soundings(alert)][when == "words" :]
    assert (cut["outcome"], cut["reason"]) == ("cut", "the zone was moved to another output"), cut
    assert (last["outcome"], last["reason"]) == ("played", None), last
    horns.box.close()
    got = Capture(spare.capture)
    assert len(got.matches(horns.words, sound.RATE, 0)) == 2  # the headline, and the text


@pytest.mark.threads
def test_a_card_that_comes_back(horns):
    clip, reference = horns.clip(1, seed=31)
    horns.card.unplug()
    alert = horns.alert(clip=clip["id"], headline=None, repeat_every_s=3600)
    horns.box.wait_zone(horns.zones[0], "fault")
    runs = horns.wait_soundings(alert, 1)
    assert "failed" in {z["outcome"] for r in runs for z in horns.box.wait_run(r["id"])["zones"]}
    time.sleep(3)
    seen = len(horns.soundings(alert))
    horns.card.plug()
    # The next one is due in an hour; the card is looked for every five seconds.
    runs = horns.wait_soundings(alert, seen + 1, 12)
    assert horns.box.wait_run(runs[seen]["id"])["state"] == "played"
    horns.api.post(f"/alerts/{alert['id']}/cancel")
    horns.box.close()
    assert len(Capture(horns.card.capture).matches(reference, sound.RATE, 0)) == 1


@pytest.mark.parametrize("key", [None, "one"])
def test_a_full_disk_silences_nothing(make_box, cards, folder, small_disk, key):
    horns = Horns(make_box, cards, folder, {"daemon": {"data_dir": small_disk}})
    clip, reference = horns.clip(1, seed=3)
    filler = fill_disk(small_disk)
    for n in range(1, 400):  # the log of the database may hold a little more
        if horns.api.raw("POST", "/areas", body={"code": f"3301{n:08d}", "name": "x" * 90}).status_code != 201:
            break
    headers = {"Idempotency-Key": key} if key else {}
    body = {"clip": clip["id"], "zones": horns.zones[:1], "repeat_every_s": 10}
    alert = horns.api.post("/alerts", body, expect=(201,), headers=headers)
    assert alert["on_disk"] is False and alert["state"] == "active"
    (text,) = horns.fault(f"alert {alert['id']} record")
    assert "not on disk" in text and "full" in text or key, text
    assert horns.api.get(f"/alerts/{alert['id']}")["on_disk"] is False
    assert [a["id"] for a in horns.api.all("/alerts", state="active")] == [alert["id"]]
    time.sleep(CHIME_S + 2)
    filler.unlink()
    horns.box.wait_for(lambda: horns.api.get(f"/alerts/{alert['id']}")["on_disk"], 15, "its record")
    assert horns.fault(f"alert {alert['id']} record") == []
    horns.box.kill()
    horns.box.start()
    assert horns.api.get(f"/alerts/{alert['id']}")["state"] == "active"
    horns.wait_soundings(alert, 1, 2)
    assert horns.api.post(f"/alerts/{alert['id']}/cancel")["on_disk"]
    horns.box.close()
    assert len(Capture(horns.card.capture).matches(reference, sound.RATE, 0)) >= 1


def test_a_key_is_one_alert(horns):
    headers = {"Idempotency-Key": "flood-1"}
    body = {"text": "climb", "zones": horns.zones[:1], "repeat_every_s": 0}

    def ask(_):
        for _ in range(50):
            answer = horns.box.tcp(token).raw("POST", "/alerts", body=body, headers=headers)
            if answer.status_code != 409:
                return answer
            time.sleep(0.02)

    token = dalabactl(horns.box, "token", "add", "phone").split()[-1]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, range(8)))
    assert {a.status_code for a in answers} == {201}
    assert len({a.text for a in answers}) == 1, [a.text for a in answers]
    assert len(horns.api.all("/alerts")) == 1
    headers["Idempotency-Key"] = "cancel-1"
    path = f"/alerts/{answers[0].json()['id']}/cancel"
    assert horns.api.post(path, headers=headers) == horns.api.post(path, headers=headers)


REFUSED = [
    ("text", {"text": None}), ("text", {"text": ""}), ("text", {"text": "x" * 10001}),
    ("text", {"text": "洪" * 10001}), ("text", {"clip": "0" * 64}),
    ("clip", {"text": None, "clip": "0" * 64}), ("clip", {"text": None, "clip": "x"}),
    ("headline", {"headline": ""}), ("headline", {"headline": "a\nb"}),
    ("headline", {"headline": "x" * 201}), ("severity", {"severity": "deadly"}),
    ("severity", {"severity": 3}), ("level", {"level": "planet"}), ("zones", {"zones": []}),
    ("zones", {"zones": [99]}), ("zones", {"zones": None}), ("areas", {"areas": ["000000000000"]}),
    ("areas", {"areas": ["44"]}), ("areas", {"areas": ["x"]}),
    ("repeat_every_s", {"repeat_every_s": 9}), ("repeat_every_s", {"repeat_every_s": -1}),
    ("repeat_every_s", {"repeat_every_s": 3601}), ("repeat_every_s", {"repeat_every_s": "60"}),
    ("expires", {"expires": "2020-01-01T00:00:00Z"}), ("expires", {"expires": "tomorrow"}),
    ("expires", {"expires": "2099-01-01T00:00:00Z"}), ("drill", {"drill": "yes"}),
    ("updates", {"updates": 99}), ("updates", {"updates": 0}), ("volume", {"volume": 11}),
]  # fmt: skip


def test_what_cannot_be_meant_is_refused(horns):
    good = {"text": "climb", "zones": horns.zones[:1]}
    for field, change in REFUSED:
        body = {k: v for k, v in {**good, **change}.items() if v is not None}
        problem = horns.api.refused("POST", "/alerts", 422, body=body)
        assert problem["field"] == field and len(problem["detail"]) > 15, problem
    cap = b"<alert xmlns='urn:oasis:names:tc:emergency:cap:1.2'/>"
    problem = horns.api.refused("POST", "/alerts", 415, data=cap,
                                headers={"Content-Type": "application/cap+xml"})  # fmt: skip
    assert "JSON" in problem["detail"]
    horns.api.refused("GET", "/alerts/1", 404)
    horns.api.refused("POST", "/alerts/1/cancel", 404)
    assert horns.api.refused("GET", "/alerts", 422, params={"state": "loud"})["field"] == "state"
    assert horns.api.all("/alerts") == [] and horns.box.runs_of() == []


def test_areas_lists_and_events(horns):
    horns.api.post("/areas", {"code": "36", "name": "province"})
    area = horns.api.post("/areas", {"code": "3609", "name": "city"})["id"]
    for zone in horns.zones[2:]:
        horns.api.patch(f"/zones/{zone}", {"area": "3609"})
    assert area
    token = dalabactl(horns.box, "token", "add", "page").split()[-1]
    stream = requests.get(f"http://127.0.0.1:{horns.box.port}/api/v1/events", stream=True, timeout=30,
                          headers={"Authorization": f"Bearer {token}"})  # fmt: skip
    alert = horns.api.post("/alerts", {"text": "climb", "areas": ["36"], "zones": horns.zones[:1]})
    assert alert["zones"] == [horns.zones[0], *horns.zones[2:]] and alert["areas"] == ["36"]
    horns.api.post(f"/alerts/{alert['id']}/cancel")
    lines = stream.iter_lines(chunk_size=1, decode_unicode=True)
    told = []
    for line in lines:
        if line == "event: alert":
            told.append(json.loads(next(lines).removeprefix("data: ")))
            if told[-1]["state"] == "cancelled":
                break
    stream.close()
    assert told[0]["state"] == "active" and {t["id"] for t in told} == {alert["id"]}
    other = horns.alert(zones=(1,))
    found = lambda **query: [a["id"] for a in horns.api.all("/alerts", **query)]  # noqa: E731
    assert found() == [other["id"], alert["id"]] == found(limit=1)
    assert found(state="active") == [other["id"]] == found(zone=horns.zones[1])
    assert found(zone=horns.zones[3]) == [alert["id"]] == found(state="cancelled")
    assert found(**{"from": "2099-01-01T00:00:00Z"}) == [] and len(found(to="2099-01-01T00:00:00Z")) == 2
    horns.api.post(f"/alerts/{other['id']}/cancel")


def test_dalabactl_alert(horns):
    box = horns.box
    number = dalabactl(box, "alert", "--text", "climb", "--headline", "Flood", "--zone", "zone 0",
                       "--severity", "extreme", "--level", "city", "--repeat", "60").strip()  # fmt: skip
    row = horns.api.get(f"/alerts/{number}")
    assert (row["headline"], row["text"], row["severity"], row["level"], row["repeat_every_s"]) == (
        "Flood", "climb", "extreme", "city", 60)  # fmt: skip
    assert f"\n{number}   active" in dalabactl(box, "alert", "list")
    assert dalabactl(box, "alert", "cancel", number) == ""
    assert "cancelled already" in dalabactl(box, "alert", "cancel", number, expect=1)
    assert "no alert 99" in dalabactl(box, "alert", "cancel", "99", expect=1)
    assert "FILE|--text is missing" in dalabactl(box, "alert", "--zone", "zone 0", expect=2)
    assert "not the id" in dalabactl(box, "alert", "cancel", "x", expect=2)
    assert "--zone" in dalabactl(box, "alert", "--text", "x", expect=2)
    wav = sound.write_wav(horns.folder / "dam.wav", sound.noise(1, 2))
    made = json.loads(dalabactl(box, "alert", "--zone", "zone 1", wav, "--json"))
    assert made["clip"] and made["first_sound_ms"] is not None
    assert "not both" in dalabactl(box, "alert", wav, "--text", "x", "--zone", "zone 1", expect=2)
    assert json.loads(dalabactl(box, "alert", "list", "--json", "--all"))["items"][1]["state"] == "cancelled"
    assert json.loads(dalabactl(box, "alert", "cancel", str(made["id"]), "--json"))["state"] == "cancelled"

"""Amplifiers switched by commands: on before the sound, off some time after it, off after a
crash and at the end; and what fails there is told, and costs no sound."""

import time

import pytest

from conftest import Village
from rig import daemon, sound
from rig.capture import Capture
from rig.daemon import dalabactl, outcome

LEAD_MS = 1000


class Switch:
    """A command that writes down when it was called with what."""

    def __init__(self, folder, name="hall", then="exit 0"):
        self.file = folder / f"{name}.calls"
        self.program = folder / f"{name}.sh"
        self.then(then)
        self.config = {f"amplifier {name}": {
            "command_on": f'{self.program} on "the horns"', "command_off": f"{self.program} off",
            "hold_s": 1}}  # fmt: skip

    def then(self, words):
        self.program.write_text(f'#!/bin/sh\necho "$1 $# $(date +%s%N)" >>{self.file}\n{words}\n')
        self.program.chmod(0o755)

    @property
    def calls(self):
        """[(on or off, CLOCK_MONOTONIC in ns)]"""
        text = self.file.read_text() if self.file.exists() else ""
        ahead = time.time_ns() - time.monotonic_ns()
        return [(words[0], int(words[2]) - ahead) for words in map(str.split, text.splitlines())]

    @property
    def story(self):
        return [word for word, _ in self.calls]


@pytest.fixture
def switch(folder):
    return Switch(folder)


@pytest.fixture
def hall(make_box, cards, folder, switch):
    card = cards.add("horn")
    village = Village(make_box(config=switch.config).start(), card, folder)
    for zone in (village.left, village.right):
        village.api.patch(f"/zones/{zone}", {"amplifier": "hall", "lead_ms": LEAD_MS})
    village.box.wait_for(lambda: switch.story == ["off"], 10, "off after the start")
    return village


def test_on_before_the_sound_and_off_after_the_last(hall, switch):
    clip, reference = hall.clip(1.0, seed=1)
    run = hall.push([hall.left], clip=clip["id"])
    later = hall.push([hall.right], clip=clip["id"])
    for each in (run, later):
        assert hall.box.wait_run(each)["state"] == "played"
    hall.box.wait_for(lambda: switch.story == ["off", "on", "off"], 10, "off behind the hold time")
    assert "the horns" not in switch.file.read_text() and " 2 " in switch.file.read_text()
    hall.box.close()
    got = Capture(hall.card.capture)
    matches = [got.find(reference, sound.RATE, channel) for channel in (0, 1)]
    assert min(m.snr_db for m in matches) >= 60
    (_, _), (_, on), (_, off) = switch.calls
    assert on < min(m.time_ns for m in matches)
    assert off > max(m.time_ns for m in matches) + 2e9
    assert switch.story[-1] == "off" and len(switch.story) == 3, "what is off is left alone"
    assert dalabactl(hall.box.start(), "zones").splitlines()[1].split()[-1] == "hall"


def test_an_alert_wakes_it(hall, switch):
    clip, _ = hall.clip(1.0, seed=2)
    alert = hall.api.post("/alerts", {"headline": "x", "clip": clip["id"], "severity": "severe",
                                      "level": "town", "zones": [hall.left]})  # fmt: skip
    hall.box.wait_for(lambda: switch.story == ["off", "on"], 10, "on")
    hall.box.wait_zone(hall.left, "playing")
    hall.api.post(f"/alerts/{alert['id']}/cancel")
    hall.box.wait_for(lambda: switch.story == ["off", "on", "off"], 20, "off")


def test_an_alert_while_switching_off_hangs(hall, switch):
    """It is stopped, and on again after a second: the alert may have nothing after it."""
    clip, _ = hall.clip(1.0, seed=2)
    hall.box.wait_run(hall.push([hall.left], clip=clip["id"]))
    switch.then('[ "$1" = on ] || sleep 60')
    hall.box.wait_for(lambda: switch.story == ["off", "on", "off"], 10, "off")
    asked_ns = time.monotonic_ns()
    hall.api.post("/alerts", {"headline": "x", "clip": clip["id"], "severity": "severe",
                              "level": "town", "zones": [hall.left]})  # fmt: skip
    hall.box.wait_for(lambda: switch.story == ["off", "on", "off", "on"], 10, "on")
    assert (switch.calls[-1][1] - asked_ns) / 1e9 < 2
    hall.box.wait_for(lambda: "amplifier hall is on" in hall.box.tail(5), 5, "the word that it is on")
    assert "had not switched it off after 1 s" in hall.box.log


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_off_at_the_end_and_after_a_crash(hall, switch, how):
    clip, _ = hall.clip(5.0, seed=3)
    hall.box.wait_run(hall.push([hall.left], clip=clip["id"]), states=("playing",))
    assert switch.story == ["off", "on"]
    if how == "stop":
        hall.box.stop()
        assert switch.story == ["off", "on", "off"]
    else:
        hall.box.kill()
        assert switch.story == ["off", "on"]
        hall.box.start()
        hall.box.wait_for(lambda: switch.story == ["off", "on", "off"], 10, "off after a crash")


@pytest.mark.parametrize(
    "then, words",
    [("exit 3", "ended with 3"), ("kill -9 $$", "signal 9"), ("sleep 60 & wait", "within 5 s"),
     (None, "No such file"), ("gpio", "/dev/no-such-chip")],
)  # fmt: skip
def test_what_fails_is_told_and_costs_no_sound(make_box, cards, folder, switch, then, words):
    card = cards.add("horn")
    if then == "gpio":
        switch.config = {"amplifier hall": {"gpio": "no-such-chip 17"}}
    elif then is None:
        switch.program.unlink()
    else:
        switch.then(then)
    village = Village(make_box(config=switch.config).start(), card, folder)
    village.api.patch(f"/zones/{village.left}", {"amplifier": "hall"})

    def told():
        return [f["text"] for f in village.api.get("/status")["faults"] if f["source"] == "amplifier hall"]

    clip, reference = village.clip(1.0, seed=4)
    row = outcome(village.box.wait_run(village.push([village.left], clip=clip["id"])), village.left)
    assert row["outcome"] == "played" and not row["reason"], row
    # One that hangs at the start is stopped first, so that it may be on.
    village.box.wait_for(lambda: any(words in text for text in told()), 15, f"the fault: {words}")
    if switch.program.exists() and then != "gpio":
        switch.then("exit 0")
        village.box.wait_for(lambda: not told(), 20, "the fault to be over")
    village.box.close()
    assert Capture(card.capture).find(reference, sound.RATE, 0).snr_db >= 60


def test_one_that_left_the_configuration(hall, switch):
    hall.box.stop()
    del hall.box.settings["amplifier hall"]
    hall.box.write_config()
    hall.box.start()
    (fault,) = hall.api.get("/status")["faults"]
    assert fault["source"] == "amplifier hall" and "[amplifier hall]" in fault["text"]
    problem = hall.api.refused("PATCH", f"/zones/{hall.left}", 422, body={"amplifier": "hall"})
    assert problem["field"] == "amplifier" and "none" in problem["detail"], problem
    for zone in (hall.left, hall.right):
        hall.api.patch(f"/zones/{zone}", {"amplifier": None})
    assert hall.api.get("/status")["faults"] == []


def test_a_reload_says_that_a_restart_is_needed(hall):
    hall.box.settings["amplifier hall"]["hold_s"] = 9
    hall.box.write_config()
    hall.box.process.send_signal(daemon.signal.SIGHUP)
    hall.box.wait_for(lambda: "amplifiers have changed: restart" in hall.box.log, 10, "the word")

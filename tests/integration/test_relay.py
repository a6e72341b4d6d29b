"""Lines and streams as parts of an announcement, from the plug or the server to the horn: what the
card played is looked for in what came in, and what did not come in the record of the run."""

import os
import pathlib
import signal
import subprocess
import time

import numpy as np
import pytest

from rig import alsa, sound
from rig.capture import Capture
from rig.daemon import outcome
from rig.radio import Radio
from rig.speaker import delay

LATEST_MS = 300  # mouth to horn, as for a live call


@pytest.fixture
def said():
    # Low enough to fit where it is played half a percent faster or slower.
    return sound.noise(60, 11, high=1000)


@pytest.fixture
def line(village, cards, said):
    return cards.line("linein", said)


@pytest.fixture
def radio(folder):
    with Radio(folder, sound.noise(12, 21, high=3000)) as radio:
        yield radio


def relay_pids():
    """Of all that run now, with their parents."""
    found = {}
    for proc in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if (proc / "comm").read_text().strip() == "dalaba-relay":
                status = dict(s.split(":\t", 1) for s in (proc / "status").read_text().splitlines() if ":\t" in s)
                if not status["State"].startswith("Z"):
                    found[int(proc.name)] = int(status["PPid"])
        except (OSError, KeyError, ValueError):
            continue
    return found


def relays_of(box):
    return [pid for pid, parent in relay_pids().items() if parent == box.process.pid]


def fault(box, kind, within_s=10):
    """The words of a fault of this kind on the status."""
    return box.wait_for(
        lambda: next((f["text"] for f in box.api.get("/status")["faults"] if f["source"].startswith(kind)), None),
        within_s, f"a fault of a {kind}",
    )  # fmt: skip


def no_fault(box, kind, within_s=10):
    box.wait_for(
        lambda: not [f for f in box.api.get("/status")["faults"] if f["source"].startswith(kind)],
        within_s, f"no fault of a {kind}",
    )  # fmt: skip


def push(village, parts, zones=None, **more):
    announcement = village.box.announcement(parts, "relay", **more)
    return village.push(zones or [village.left], announcement=announcement)


def delays(line, got, channel, from_ns, to_ns, every_s=0.5):
    """[(ms, fit)] of what came in between these instants."""
    found = []
    for at_ns in np.arange(from_ns, to_ns - 0.1e9, every_s * 1e9):
        at = int((at_ns - line.since_ns) * line.rate / 1e9)
        found.append(delay(line.said[at : at + 2880], line.rate, line.since_ns + at * 1e9 / line.rate, got, channel))
    return found


def check_delays(found):
    print("plug to horn:", [(round(ms), round(fit, 2)) for ms, fit in found])
    good = [ms for ms, fit in found if fit >= 0.85]
    assert len(good) >= len(found) * 2 / 3, found
    assert max(good) <= LATEST_MS and min(good) > 0, found


def test_a_line_between_two_clips(village, line):
    """In its place, as long as it was said to be to the frame, and at once."""
    first, heard_first = village.clip(1.0, seed=2)
    last, heard_last = village.clip(1.0, seed=3)
    parts = [{"clip": first["id"]}, {"line": "linein", "length_ms": 4000}, {"clip": last["id"]}]
    run = push(village, parts, repeat=2, gap_ms=500)
    row = outcome(village.box.wait_run(run, 40), village.left)
    assert (row["outcome"], row["reason"]) == ("played", None), row
    assert abs(row["played_ms"] - 12500) <= 20, row
    village.box.close()
    got = Capture(village.card.capture)
    firsts = got.matches(heard_first, sound.RATE, 0)
    lasts = got.matches(heard_last, sound.RATE, 0)
    assert len(firsts) == len(lasts) == 2, (firsts, lasts)
    for one, two in zip(firsts, lasts):
        assert abs((two.time_ns - one.time_ns) / 1e9 - len(heard_first) / sound.RATE - 4) < 0.001
        from_ns = one.time_ns + 1.3e9
        check_delays(delays(line, got, 0, from_ns, two.time_ns - 0.5e9))


@pytest.mark.threads
def test_two_zones_two_runs_one_program(village, line):
    both = [push(village, [{"line": "linein", "length_ms": 5000}], [zone]) for zone in (village.left, village.right)]
    for run in both:
        village.box.wait_run(run, states=("playing",))
    assert len(relays_of(village.box)) == 1
    from_ns = time.monotonic_ns()
    for run in both:
        assert village.box.wait_run(run, 20)["state"] == "played"
    village.box.wait_for(lambda: not relays_of(village.box), 3, "the program to end")
    village.box.close()
    got = Capture(village.card.capture)
    for channel in (0, 1):
        check_delays(delays(line, got, channel, from_ns + 0.5e9, from_ns + 3e9))


@pytest.mark.parametrize("how", ["unplug", "busy", "stall"])
def test_a_line_that_is_gone_for_a_while(village, line, how):
    file = {"unplug": line.unplug_file, "busy": line.busy_file, "stall": line.stall_file}[how]
    words = {"unplug": "No such device", "busy": "Device or resource busy", "stall": "no sound"}[how]
    if how == "busy":
        file.touch()
    run = push(village, [{"line": "linein", "length_ms": 14000}])
    village.box.wait_run(run, states=("playing",))
    if how != "busy":
        time.sleep(1.5)
        file.touch()
    gone_ns = time.monotonic_ns()
    assert words in fault(village.box, "line linein"), how
    assert (time.monotonic_ns() - gone_ns) / 1e9 < 10
    time.sleep(1)
    file.unlink()
    no_fault(village.box, "line linein")
    back_ns = time.monotonic_ns()
    row = outcome(village.box.wait_run(run, 30), village.left)
    assert row["outcome"] == "played" and row["reason"].startswith("nothing came for "), row
    assert words in row["reason"], row
    village.box.close()
    got = Capture(village.card.capture)
    check_delays(delays(line, got, 0, back_ns + 0.5e9, back_ns + 3e9))


def test_a_line_that_never_was(village):
    """Nothing was heard, and that is what the record says."""
    run = push(village, [{"line": "hw:CARD=Nobody", "length_ms": 3000}])
    assert "hw:CARD=Nobody" in fault(village.box, "line hw")
    row = outcome(village.box.wait_run(run, 20), village.left)
    assert row["outcome"] == "failed" and "nothing came for 3.0 of 3.0 s: 'hw:CARD=Nobody'" in row["reason"], row
    no_fault(village.box, "line")


def test_an_emergency_over_a_line(village, line):
    """It comes back with what comes in then."""
    run = push(village, [{"line": "linein", "length_ms": 12000}], resume="resume")
    village.box.wait_run(run, states=("playing",))
    time.sleep(1)
    alert = village.api.post("/alerts", {"headline": "flood", "text": "climb", "zones": [village.left]})
    village.box.wait_run(run, 10, states=("paused",))
    time.sleep(1)
    village.api.post(f"/alerts/{alert['id']}/cancel")
    village.box.wait_run(run, 15, states=("playing",))
    back_ns = time.monotonic_ns()
    row = outcome(village.box.wait_run(run, 30), village.left)
    assert row["outcome"] == "played" and "interrupted by 'flood' (emergency)" in row["reason"], row
    assert "nothing came" not in row["reason"], row
    village.box.close()
    check_delays(delays(line, Capture(village.card.capture), 0, back_ns + 1e9, back_ns + 4e9))


def heard_links(radio, got, channel=0):
    """(link, start_ns) of every link of the stream that was heard whole, in order."""
    found = []
    for n, x in enumerate(radio.heard):
        middle = x[len(x) // 2 : len(x) // 2 + sound.RATE // 4]
        found += [(n, m.time_ns) for m in got.matches(middle, sound.RATE, channel, least=0.6)]
    return [n for n, _ in sorted(found, key=lambda f: f[1])], sorted(t for _, t in found)


@pytest.mark.parametrize("path", ["live", "moved"])
def test_a_stream_in_a_chain(village, radio, path):
    rule, due = village.box.at(6)
    announcement = village.box.announcement([{"stream": radio.url(path), "length_ms": 8000}], "relay")
    schedule = village.box.schedule(announcement, [village.left], rule)
    row = outcome(village.box.wait_scheduled_run(schedule, 40), village.left)
    assert (row["outcome"], row["reason"]) == ("played", None), row
    assert abs(row["played_ms"] - 8000) <= 20, row
    village.box.close()
    got = Capture(village.card.capture)
    links, starts = heard_links(radio, got)
    assert len(links) >= 3 and links == list(range(links[0], links[0] + len(links))), links
    # One sound: nothing between the links, and no link's own silence.
    assert np.all(np.abs(np.diff(starts) / 1e9 - 2) < 0.03), np.diff(starts)
    assert len(got.sounding(0)) == 1


@pytest.mark.parametrize("how", ["dies", "stalls"])
def test_a_stream_breaks_and_the_fallback_sounds(village, radio, how):
    clip, heard = village.clip(1.5, seed=8)
    run = push(village, [{"stream": radio.url("live"), "length_ms": 32000, "fallback": clip["id"]}])
    village.box.wait_run(run, states=("playing",))
    time.sleep(4)
    (radio.silent if how == "dies" else radio.stalled).set()
    assert ("503" if how == "dies" else "no sound comes") in fault(village.box, "stream http", 12)
    time.sleep(3)
    (radio.silent if how == "dies" else radio.stalled).clear()
    no_fault(village.box, "stream http", 20)
    row = outcome(village.box.wait_run(run, 40), village.left)
    assert row["outcome"] == "played" and "the fallback sounded for " in row["reason"], row
    village.box.close()
    got = Capture(village.card.capture)
    again = got.matches(heard, sound.RATE, 0)
    assert len(again) >= 2 and abs((again[1].time_ns - again[0].time_ns) / 1e9 - 1.5) < 0.002, again
    _, starts = heard_links(radio, got)
    assert any(t < again[0].time_ns for t in starts) and any(t > again[-1].time_ns for t in starts), (starts, again)


@pytest.mark.parametrize(
    "path, words",
    [
        ("missing", "the server answers 404"),
        ("page", "no Ogg Opus"),
        ("garbage", "no Ogg Opus"),
        ("headers", "bytes of headers"),
        ("line", "a header without an end"),
        ("file", '"file" not supported'),
        ("round", "(5) redirects"),
        ("mute", "no sound comes"),
    ],
)
def test_a_server_that_is_none(village, radio, path, words):
    run = push(village, [{"stream": radio.url(path), "length_ms": 5000}])
    assert words in fault(village.box, "stream http"), path
    row = outcome(village.box.wait_run(run, 20), village.left)
    assert row["outcome"] == "failed" and "nothing came for 5.0 of 5.0 s" in row["reason"], row
    assert words in row["reason"], row
    # It is asked again, and not without a pause.
    assert 1 <= len(radio.asked) <= 30, radio.asked


@pytest.mark.threads
def test_a_fallback_alone(village, radio):
    clip, heard = village.clip(1.0, seed=8)
    run = push(village, [{"stream": radio.url("missing"), "length_ms": 4000, "fallback": clip["id"]}])
    row = outcome(village.box.wait_run(run, 20), village.left)
    assert row["outcome"] == "played" and "nothing came for 4.0 of 4.0 s, the fallback" in row["reason"], row
    village.api.refused("DELETE", f"/clips/{clip['id']}", 409)
    village.box.close()
    assert len(Capture(village.card.capture).matches(heard, sound.RATE, 0)) == 3


def test_stopped_and_killed(village, line, radio):
    """The program ends with the run, and with the daemon, whatever ends that."""
    before = len(os.listdir(f"/proc/{village.box.process.pid}/fd"))
    parts = [{"stream": radio.url("mute"), "length_ms": 30000}, {"line": "linein", "length_ms": 30000}]
    run = push(village, parts)
    village.box.wait_run(run, states=("playing",))
    pids = village.box.wait_for(lambda: len(p := relays_of(village.box)) == 2 and p, 5, "two programs")
    for pid in pids:
        names = {os.readlink(f"/proc/{pid}/fd/{n}").split(":")[0] for n in os.listdir(f"/proc/{pid}/fd")}
        assert not [n for n in names if "dalaba.db" in n or "dalaba.sock" in n or "raw" in n], names
    village.api.post(f"/runs/{run}/stop")
    row = outcome(village.box.wait_run(run, 5), village.left)
    assert row["outcome"] == "cut" and row["reason"].startswith("stopped by"), row
    village.box.wait_for(lambda: not relays_of(village.box), 3, "the programs to end")
    village.box.wait_for(
        lambda: len(os.listdir(f"/proc/{village.box.process.pid}/fd")) <= before, 5, "their descriptors to be closed"
    )
    run = push(village, parts)
    pids = village.box.wait_for(lambda: len(p := relays_of(village.box)) == 2 and p, 5, "two programs")
    village.box.kill()
    village.box.wait_for(lambda: not set(pids) & set(relay_pids()), 3, "the programs to end")
    village.box.start()
    assert outcome(village.box.run(run), village.left)["outcome"] in ("cut", "missed")


@pytest.mark.threads
def test_the_program_crashes(village, line):
    run = push(village, [{"line": "linein", "length_ms": 9000}])
    village.box.wait_run(run, states=("playing",))
    (pid,) = village.box.wait_for(lambda: relays_of(village.box), 5, "a program")
    time.sleep(1)
    os.kill(pid, signal.SIGKILL)
    assert "ended by signal 9" in fault(village.box, "line linein")
    no_fault(village.box, "line linein")
    back_ns = time.monotonic_ns()
    (again,) = relays_of(village.box)
    assert again != pid
    row = outcome(village.box.wait_run(run, 20), village.left)
    assert row["outcome"] == "played" and "signal 9" in row["reason"], row
    village.box.close()
    check_delays(delays(line, Capture(village.card.capture), 0, back_ns + 0.5e9, back_ns + 3e9))


def test_the_program_hangs(village, line):
    """One that neither sends nor says why is started again."""
    run = push(village, [{"line": "linein", "length_ms": 16000}])
    village.box.wait_run(run, states=("playing",))
    (pid,) = village.box.wait_for(lambda: relays_of(village.box), 5, "a program")
    os.kill(pid, signal.SIGSTOP)
    assert "neither sends sound nor says why" in fault(village.box, "line linein")
    no_fault(village.box, "line linein")
    village.api.post(f"/runs/{run}/stop")
    village.box.wait_run(run, 5)


def test_it_cannot_call_the_daemon(village, cards, said):
    """Who comes to the socket as the daemon's user may do everything: not its own program, whatever
    it was made to load."""
    cards.line("spy", said, call_socket=f'"{village.box.socket}"')
    outside = subprocess.run(["arecord", "-q", "-D", "spy", "-d", "1", "-f", "S16_LE", "-r", "48000", "-c", "2", "/dev/null"],
                             env=cards.env(), capture_output=True, text=True, timeout=30)  # fmt: skip
    assert "already connected" in outside.stderr, outside
    row = outcome(village.box.wait_run(push(village, [{"line": "spy", "length_ms": 4000}]), 20), village.left)
    assert row["outcome"] == "played" and "connected" not in (row["reason"] or ""), row


def test_what_does_not_record_time(village, cards):
    """ALSA's null gives as much as is asked for."""
    run = push(village, [{"line": "null", "length_ms": 8000}])
    assert "faster than time passes" in fault(village.box, "line null")
    # A burst of it comes at every try, and between them nothing, for longer each time.
    row = outcome(village.box.wait_run(run, 15), village.left)
    assert row["outcome"] == "played" and row["reason"].startswith("nothing came for "), row
    assert "faster than time passes" in row["reason"], row


REFUSED = [
    ("parts[0].line", [{"line": name, "length_ms": 5000} for name in (
        "", 3, "hw:0 0", "file:/tmp/x", "tee:hw:0,'|sh',raw", "-v", "x" * 101)]),
    ("parts[0].stream", [{"stream": url, "length_ms": 5000} for url in (
        "", 3, "ftp://a/b", "file:///etc/passwd", "http://", "http://a b", "http://me:secret@a/b",
        "http://a/" + "x" * 1000)]),
    ("parts[0].length_ms", [{"line": "hw:0", **length} for length in (
        {}, {"length_ms": 999}, {"length_ms": 86400001}, {"length_ms": "5"}, {"length_ms": 1000.5})]),
    ("parts[0].fallback", [{"stream": "http://a/b", "length_ms": 5000, "fallback": clip} for clip in ("0" * 64, "x", 5)]),
    ("parts[0]", [{"line": "hw:0", "length_ms": 5000, "fallback": "0" * 64}, {"length_ms": 5000},
                  {"line": "hw:0", "stream": "http://a/b", "length_ms": 5000},
                  {"line": "hw:0", "length_ms": 5000, "voice": "en"}, {"chime": "two-tone", "length_ms": 5000}]),
]  # fmt: skip


def test_as_they_are_given(village):
    """Kept and answered as they were sent; refused by the name of the field."""
    clip, _ = village.clip(1.0)
    parts = [
        {"line": "hw:CARD=Device,DEV=0", "length_ms": 60000},
        {"stream": "https://a.b/c?d", "length_ms": 86400000, "fallback": clip["id"]},
        {"stream": "http://a.b", "length_ms": 1000},
    ]
    path = f"/announcements/{village.box.announcement(parts)}"
    assert village.api.get(path)["parts"] == parts
    assert village.api.patch(path, {"parts": parts[1:]})["parts"] == parts[1:]
    for field, cases in REFUSED:
        for part in cases:
            problem = village.api.refused("PATCH", path, 422, body={"parts": [part]})
            assert problem["field"] == field and problem["detail"], (part, problem)
    assert village.api.get(path)["parts"] == parts[1:]

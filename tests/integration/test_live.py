"""Live calls, from the mouth to the horn: somebody speaks over the API in real time, and what the
card played is looked for in what was said: how much later, and who made way for it."""

import io
import signal
import subprocess
import time

import numpy as np
import pytest
import scipy.io.wavfile

from rig import alsa, sound
from rig.capture import Capture
from rig.daemon import outcome
from rig.speaker import Speaker

LATEST_MS = 300  # mouth to horn, by the issue
ALL_DAY = [{"from": "00:00", "to": "23:59"}, {"from": "23:59", "to": "00:00"}]


def check_delays(delays, least_fit=0.85):
    ms = [round(d) for d, _ in delays]
    print("mouth to horn:", ms, "fit", [round(f, 3) for _, f in delays])
    good = [d for d, f in delays if f >= least_fit]
    # Where the machine was busy there may have been a gap.
    assert len(good) >= len(delays) * 2 / 3, delays
    assert max(good) <= LATEST_MS and min(good) > 0, ms


@pytest.mark.parametrize(
    "how", [{}, {"jitter_ms": 40}, {"rate": 48000, "chunk_ms": 10}, {"rate": 8000, "chunk_ms": 60}],
    ids=["even", "uneven", "48 kHz", "8 kHz"],
)
def test_it_is_heard_at_once(village, how):
    speaker = Speaker(village.box, [village.left], seconds=6, **how)
    assert speaker.call["run"] == speaker.id and speaker.call["class"] == "live"
    with speaker:
        village.box.wait_run(speaker.id, states=("playing",))
        status = village.box.zone_status(village.left)
        assert status["state"] == "playing" and status["run"] == speaker.id
    speaker.hang_up()
    run = village.box.wait_run(speaker.id, 5)
    row = outcome(run, village.left)
    assert (run["source"], run["class"], run["title"]) == ("live", "live", "mayor")
    assert row["outcome"] == "played" and not row["reason"], row
    assert abs(row["played_ms"] - 6000) < 700, row
    assert all(a["chunk"] == "taken" and a["lost"] == 0 for a in speaker.answers)
    assert speaker.answers[-1]["next"] == speaker.seq
    village.box.close()
    got = Capture(village.card.capture)
    check_delays(speaker.delays(got, 0))
    assert got.loudest(1) <= 1.5


@pytest.mark.threads
def test_two_cards_one_at_44100_one_that_cannot_take_back(make_box, cards, folder):
    one = cards.add("one", rates=[44100], channels=1)
    two = cards.add("two", channels=1)
    with open(cards.conf, "a") as conf:
        # What lies beneath cannot be seen through it, so nothing is taken back there.
        conf.write('pcm.veiled { type linear slave { pcm "two" format S16_LE } }\n')
    box = make_box().start()
    near = box.zone("near", box.output(one.pcm, rate=44100, channels=1), [0])
    far = box.zone("far", box.output("veiled", channels=1), [0])
    speaker = Speaker(box, [near, far], seconds=5)
    with speaker:
        pass
    speaker.hang_up()
    assert box.wait_run(speaker.id, 5)["state"] == "played"
    box.close()
    check_delays(speaker.delays(Capture(one.capture), 0))
    check_delays(speaker.delays(Capture(two.capture), 0))


def test_the_sender_vanishes(village):
    """Three seconds later it is over, and what it interrupted comes back."""
    low, _ = village.clip(20.0, seed=5)
    news = village.push([village.left, village.right], announcement=village.announcement(low, "news", resume="resume"))
    village.box.wait_run(news, states=("playing",))
    time.sleep(1)
    speaker = Speaker(village.box, [village.left], seconds=3)
    with speaker:
        pass
    silent_ns = time.monotonic_ns()
    paused = outcome(village.box.run(news), village.left)
    assert paused["outcome"] == "paused" and paused["reason"] == "interrupted by 'mayor' (live)", paused
    row = outcome(village.box.wait_run(speaker.id, 8), village.left)
    over_s = (time.monotonic_ns() - silent_ns) / 1e9
    assert (row["outcome"], row["reason"]) == ("cut", "the sender fell silent for 3 s"), row
    assert over_s > 2.5, over_s
    village.box.wait_for(
        lambda: outcome(village.box.run(news), village.left)["outcome"] == "playing", 5, "the news again"
    )
    assert speaker.send(speaker.said[:320], expect=(409,))["detail"].startswith("the call is over")
    assert village.api.refused("DELETE", f"/live/{speaker.id}", 409)["detail"]
    village.api.post(f"/runs/{news}/stop")
    row = outcome(village.box.wait_run(news, 5), village.left)
    assert "interrupted by 'mayor' (live) for " in row["reason"], row


@pytest.mark.threads
def test_an_emergency_over_it(village):
    speaker = Speaker(village.box, [village.left, village.right], seconds=16)
    with speaker:
        village.box.wait_run(speaker.id, states=("playing",))
        alert = village.api.post("/alerts", {"headline": "flood", "text": "climb the hill", "zones": [village.left]})
        row = village.box.wait_for(
            lambda: (z := outcome(village.box.run(speaker.id), village.left))["outcome"] == "paused" and z, 5, "a pause"
        )
        assert row["reason"] == "interrupted by 'flood' (emergency)", row
        assert outcome(village.box.run(speaker.id), village.right)["outcome"] == "playing"
        began_ns = time.monotonic_ns()
        village.box.wait_for(
            lambda: outcome(village.box.run(speaker.id), village.left)["outcome"] == "playing", 14, "the call again"
        )
        back_ns = time.monotonic_ns()
        village.api.post(f"/alerts/{alert['id']}/cancel")
    speaker.hang_up()
    run = village.box.wait_run(speaker.id, 5)
    assert "resumed" in outcome(run, village.left)["reason"], run
    assert not outcome(run, village.right)["reason"], run
    village.box.close()
    got = Capture(village.card.capture)
    back_s = (back_ns - speaker.since_ns) / 1e9 + 0.6
    assert back_ns - began_ns > 2e9
    # What is said now, not what was said meanwhile.
    check_delays(speaker.delays(got, 0, first_s=back_s))
    check_delays(speaker.delays(got, 1))


def test_quiet_hours(village):
    village.api.patch(f"/zones/{village.left}", {"quiet": ALL_DAY})
    ask = {"zones": [village.left]}
    problem = village.api.refused("POST", "/live", 409, body=ask)
    assert problem["field"] == "quiet_confirmed" and "quiet" in problem["detail"], problem
    both = Speaker(village.box, [village.left, village.right], seconds=1)
    assert outcome(both.call, village.left)["outcome"] == "skipped", both.call
    both.speak().hang_up()
    row = outcome(village.box.wait_run(both.id, 5), village.left)
    assert row["outcome"] == "skipped" and "quiet" in row["reason"], row
    before_ns = time.monotonic_ns()
    confirmed = Speaker(village.box, [village.left], seconds=3, quiet_confirmed=True)
    confirmed.speak().hang_up()
    row = outcome(village.box.wait_run(confirmed.id, 5), village.left)
    assert row["outcome"] == "played" and "because it was confirmed" in row["reason"], row
    village.box.close()
    got = Capture(village.card.capture)
    assert got.loudest(0, to_ns=before_ns) <= 1.5, "nothing without"
    check_delays(confirmed.delays(got, 0))


@pytest.mark.threads
def test_two_calls_in_one_zone(village):
    first = Speaker(village.box, [village.left], seconds=1)
    problem = village.api.refused(
        "POST", "/live", 409, body={"zones": [village.left, village.right], "title": "clerk"}
    )
    assert problem["field"] == "zones" and "zone 'left' is busy: 'mayor' (live)" in problem["detail"], problem
    first.hang_up()
    village.box.wait_run(first.id, 5)
    second = Speaker(village.box, [village.left, village.right], seconds=1)
    second.speak().hang_up()
    assert village.box.wait_run(second.id, 5)["state"] == "played"


def test_pieces(village):
    """Out of order, twice, too large, half a frame, to nobody."""
    s = Speaker(village.box, [village.left], seconds=2)
    piece = s.said[:320]
    taken = {"chunk": "taken", "lost": 0}
    for seq, wanted in [
        (7, {**taken, "next": 8}), (9, {"chunk": "held", "next": 8}), (8, {**taken, "next": 10}),
        (8, {"chunk": "dropped", "next": 10}), (12, {"chunk": "held"}), (13, {"chunk": "held"}),
        (14, {"chunk": "held"}), (11, {"chunk": "taken", "next": 15, "lost": 1}),
    ]:  # fmt: skip
        answer = s.send(piece, seq)
        assert wanted.items() <= answer.items(), (seq, answer)
    path = f"/live/{s.id}/audio"
    refused = village.api.refused
    assert "at most 3200 bytes" in refused("POST", path, 413, data=b"\0" * 3202, params={"seq": 15})["detail"]
    assert "9600" in refused("POST", path, 413, data=b"\0" * 9602, params={"seq": 15})["detail"]
    assert "whole frames" in refused("POST", path, 422, data=b"\0" * 641, params={"seq": 15})["detail"]
    assert refused("POST", path, 400, data=b"", params={"seq": 15})["detail"]
    assert refused("POST", path, 422, data=b"\0" * 640)["field"] == "seq"
    assert refused("POST", path, 422, data=b"\0" * 640, params={"seq": -1})["field"] == "seq"
    assert refused("POST", "/live/4711/audio", 404, data=b"\0" * 640, params={"seq": 0})["detail"]
    assert refused("DELETE", "/live/4711", 404)["detail"]
    for body, field in [
        ({"zones": [village.left], "class": "emergency"}, "class"),
        ({"zones": [village.left], "class": "background"}, "class"),
        ({"zones": [village.left], "rate": 7999}, "rate"),
        ({"zones": [4711]}, "zones"), ({}, "zones"),
    ]:  # fmt: skip
        assert refused("POST", "/live", 422, body=body)["field"] == field, body
    s.hang_up()
    # What is no call has no pieces either.
    clip, _ = village.clip(3.0, seed=9)
    run = village.push([village.left], clip=clip["id"])
    refused("POST", f"/live/{run}/audio", 404, data=b"\0" * 640, params={"seq": 0})
    refused("DELETE", f"/live/{run}", 404)


def test_asked_twice_it_is_one(village):
    body, key = {"zones": [village.left]}, {"Idempotency-Key": "one-call"}
    one = village.api.post("/live", body, headers=key, expect=(201,))
    again = village.api.post("/live", body, headers=key, expect=(201,))
    assert one["id"] == again["id"] and len(village.box.runs_of()) == 1
    # A stop ends it, whoever speaks.
    village.box.wait_run(one["id"], states=("playing",))
    village.api.post(f"/runs/{one['id']}/stop")
    row = outcome(village.box.wait_run(one["id"], 5), village.left)
    assert row["outcome"] == "cut" and "stopped" in row["reason"], row
    village.api.refused("POST", f"/live/{one['id']}/audio", 409, data=b"\0" * 640, params={"seq": 0})


def test_a_restart_ends_it(village):
    speaker = Speaker(village.box, [village.left], seconds=1)
    speaker.speak()
    village.box.kill()
    village.box.start()
    row = outcome(village.box.run(speaker.id), village.left)
    assert row["outcome"] == "cut" and "the box stopped" in row["reason"], row
    village.api.refused("POST", f"/live/{speaker.id}/audio", 409, data=b"\0" * 640, params={"seq": 99})


def test_a_piece_is_not_written(village):
    """Fifty times a second nothing may wait for the disk."""
    speaker = Speaker(village.box, [village.left], seconds=3)
    database = village.box.data_dir / "dalaba.db-wal"
    village.box.wait_run(speaker.id, states=("playing",))
    time.sleep(0.3)
    before = database.stat()
    speaker.speak()
    after = database.stat()
    assert (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    speaker.hang_up()


def dalabactl_live(box, *args, stdin=subprocess.PIPE):
    return subprocess.Popen(
        [alsa.build_dir() / "dalabactl", "live", "--socket", str(box.socket), *args],
        stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=box.env,
    )  # fmt: skip


def ended(process, data=None):
    out, err = process.communicate(data, timeout=30)
    return process.returncode, out.decode(), err.decode()


def frames_of(x):
    return np.round(x * 32767).astype("<i2")


def wav_of(x, rate, channels=1):
    file = io.BytesIO()
    scipy.io.wavfile.write(file, rate, np.stack([frames_of(x)] * channels, axis=1) if channels > 1 else frames_of(x))
    return file.getvalue()


@pytest.mark.parametrize("kind", ["raw", "wav"])
def test_dalabactl_speaks_a_file(village, folder, kind):
    """As long as it sounds, and no faster than that."""
    rate = 24000
    said = sound.noise(3, 17, high=1000, rate=rate)
    path = folder / "said"
    path.write_bytes(frames_of(said).tobytes() if kind == "raw" else wav_of(said, rate))
    more = ["--rate", str(rate)] if kind == "raw" else []
    with open(path, "rb") as file:
        began = time.monotonic()
        code, out, err = ended(dalabactl_live(village.box, "--zone", "left", *more, stdin=file))
    assert (code, err) == (0, ""), err
    assert time.monotonic() - began > 2.8
    row = outcome(village.box.wait_run(int(out), 5), village.left)
    assert row["outcome"] == "played" and 2900 < row["played_ms"] < 4000, row
    village.box.close()
    got = Capture(village.card.capture)
    assert got.loudest(1) <= 1.5
    spans = got.sounding(0)
    assert spans[-1][1] - spans[0][0] > 2.8e9


def test_dalabactl_is_interrupted(village):
    """Hung up with Ctrl-C, at once and not three seconds later."""
    process = dalabactl_live(village.box, "--zone", "left", "right", "--title", "clerk", "--class", "notice")
    process.stdin.write(frames_of(sound.noise(0.5, 1, rate=16000)).tobytes())
    process.stdin.flush()
    run = village.box.wait_for(lambda: village.box.runs_of(), 10, "a run")[0]
    assert (run["title"], run["class"], run["source"]) == ("clerk", "notice", "live")
    village.box.wait_run(run["id"], states=("playing",))
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    assert village.box.wait_run(run["id"], 2.5)["state"] == "played"


def test_dalabactl_refuses(village):
    village.api.patch(f"/zones/{village.right}", {"quiet": ALL_DAY})
    silence = frames_of(np.zeros(3200)).tobytes()
    for args, data, wanted, words in [
        ([], silence, 2, "--zone"),
        (["--zone", "left", "--rate", "7999"], silence, 2, "8000"),
        (["--zone", "left"], b"", 1, "empty"),
        (["--zone", "left"], wav_of(np.zeros(3200), 16000, channels=2), 1, "one channel"),
        (["--zone", "left"], wav_of(np.zeros(3200), 96000), 1, "96000 Hz"),
        (["--zone", "left"], wav_of(np.zeros(3200), 16000)[:30], 1, "head of a WAV file"),
        (["--zone", "right"], silence, 1, "quiet"),
    ]:
        code, out, err = ended(dalabactl_live(village.box, *args), data)
        assert code == wanted and words in err and not out, (args, code, out, err)
    code, out, err = ended(dalabactl_live(village.box, "--zone", "left", "right"), silence)
    assert code == 0 and "zone 'right' is skipped" in err, (code, err)
    village.box.wait_run(int(out), 5)
    code, out, err = ended(dalabactl_live(village.box, "--zone", "right", "--quiet-confirmed"), silence)
    assert code == 0 and not err, (code, err)
    assert outcome(village.box.wait_run(int(out), 5), village.right)["outcome"] == "played"

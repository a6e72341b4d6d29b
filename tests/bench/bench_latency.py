#!/usr/bin/python3
"""bench_latency.py - from POST /runs to the first sample at the sink, 16 zones playing.

Sixteen cards of tests/alsa-clock, each with a clock, a mono zone and a long programme of
class background. 200 times a notice is pushed into one of the zones, in turn; it cuts the
programme short there. The time counts from before the request is written to the moment
the card, by its own clock, plays the notice's first sample, which is found in the card's
capture by correlation. DALABA_BUILD names the build (./dev bench: build-bench).
"""

import json
import pathlib
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from rig import alsa, capture, daemon, sound  # noqa: E402

ZONES = 16
PUSHES = 200
NOTICE_S = 0.25
GAP_S = 0.15
LIMIT_MEDIAN_MS = 10
LIMIT_WORST_MS = 30


def upload(box, folder, name, samples):
    """Returns the clip's id and what the box plays of it."""
    clip = box.clip(sound.write_wav(folder / f"{name}.wav", samples), name)
    opus = folder / f"{name}.opus"
    opus.write_bytes(box.api.get(f"/clips/{clip['id']}/audio"))
    return clip["id"], sound.decode_opus(opus)


def push_all(box, zones, notices):
    """[(zone, clip, sent_ns, answered_ns)] of every push."""
    pushes = []
    for i in range(PUSHES):
        zone, (clip, _) = zones[i % ZONES], notices[i // ZONES % len(notices)]
        body = json.dumps({"zones": [zone], "clip": clip, "class": "notice"})
        sent = time.monotonic_ns()
        answer = box.api.session.post(f"{box.api.base}{daemon.API}/runs", data=body,
                                      headers={"Content-Type": "application/json"})
        answered = time.monotonic_ns()
        assert answer.status_code == 201, answer.text
        pushes.append((zone, i // ZONES % len(notices), sent, answered))
        time.sleep(GAP_S)
    time.sleep(NOTICE_S + 1)
    return pushes


def first_sample_ns(heard, clip, sent):
    """When this clip began in the zone's capture after it was asked for."""
    begun = [m.time_ns for m in heard[clip] if m.time_ns > sent]
    return min(begun) if begun else None


def measure(folder):
    cards = alsa.Cards(folder)
    horns = [cards.add(f"horn{i}", channels=1) for i in range(ZONES)]
    box = daemon.Daemon(folder, cards.env()).start()
    try:
        zones = [box.zone(f"zone {i}", box.output(h.pcm, channels=1), [0]) for i, h in enumerate(horns)]
        seconds = PUSHES * (GAP_S + 0.1) + 30
        programme, _ = upload(box, folder, "programme", sound.noise(seconds, 1, rms_db=-50))
        notices = [upload(box, folder, f"notice {i}", sound.noise(NOTICE_S, 10 + i)) for i in range(4)]
        box.api.post("/runs", {"zones": zones, "clip": programme, "class": "background"})
        for zone in zones:
            box.wait_zone(zone, "playing")
        memory = pathlib.Path(f"/proc/{box.process.pid}/status").read_text(encoding="ascii")
        pushes = push_all(box, zones, notices)
        box.api.post("/stop", {})
        time.sleep(0.5)
    finally:
        box.close()
    heard = {}
    for zone, horn in zip(zones, horns):
        played = capture.Capture(horn.capture)
        heard[zone] = [played.matches(sound_, sound.RATE, 0, least=0.7) for _, sound_ in notices]
    return pushes, heard, memory


def main():
    print(f"{PUSHES} pushes into {ZONES} zones that are playing, each on a card of its own")
    with tempfile.TemporaryDirectory(prefix="dalaba-") as name:
        pushes, heard, memory = measure(pathlib.Path(name))
    begun = [(first_sample_ns(heard[zone], clip, sent), sent) for zone, clip, sent, _ in pushes]
    unheard = sum(at is None for at, _ in begun)
    if unheard:
        sys.exit(f"{unheard} of {PUSHES} notices were not heard")
    sound_ms = sorted((at - sent) / 1e6 for at, sent in begun)
    answer_ms = sorted((answered - sent) / 1e6 for _, _, sent, answered in pushes)
    for what, values, words in (
        ("request to answer (on disk)", answer_ms, ""),
        ("request to first sample at the sink", sound_ms,
         f"(to reach: median {LIMIT_MEDIAN_MS}, worst {LIMIT_WORST_MS})"),
    ):
        print(f"{what}: median {statistics.median(values):.1f} ms, 95 % {values[len(values) * 95 // 100]:.1f} ms, "
              f"worst {values[-1]:.1f} ms {words}".rstrip())
    resident = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in memory.splitlines()
                if line.startswith(("VmRSS", "RssAnon"))}
    print(f"memory with {ZONES} zones playing: {resident['VmRSS']:.1f} MB resident, "
          f"{resident['RssAnon']:.1f} MB of it anonymous (to reach: 24 and 8)")


if __name__ == "__main__":
    main()

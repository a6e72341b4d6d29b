#!/usr/bin/python3
"""bench_latency.py - from an order to the first sample at the sink, 16 zones playing.

Sixteen cards of tests/alsa-clock, each with a clock, a mono zone and a long programme of
class background. 200 times a notice is pushed into one of the zones, in turn, then 200 times an
alert is raised in one (its chime comes first); either takes the programme's place there. The time
counts from before the request is written to the moment the card, by its own clock, plays the
order's first sample, which is found in the card's capture by correlation. The answer to each is
sent when its record is on disk. DALABA_BUILD names the build (./dev bench: build-bench). With
"push" or "alert": that alone.
"""

import dataclasses
import json
import pathlib
import statistics
import sys
import tempfile
import time

import numpy as np
import scipy.signal

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from rig import capture, daemon, sound, street  # noqa: E402

ZONES = 16
ORDERS = 200
NOTICE_S = 0.25
GAP_S = 0.15
BELL_S = 0.25  # of an alert's chime is looked for, and heard before it is cancelled
LEAD_S = 0.05  # of silence before it: a bell is like itself a little later
PROGRAMME_HZ = (10000, 14000)  # beside all that is looked for, so that it can be taken out
LIMIT_MEDIAN_MS = 10
LIMIT_WORST_MS = 30


def upload(box, name, samples):
    """Returns the clip's id and what the box plays of it."""
    clip = box.box.clip(sound.write_wav(box.folder / f"{name}.wav", samples), name)
    opus = box.folder / f"{name}.opus"
    opus.write_bytes(box.api.get(f"/clips/{clip['id']}/audio"))
    return clip["id"], sound.decode_opus(opus)


def post(box, path, body):
    """(the answer, when it was asked for, when it was there), in ns of CLOCK_MONOTONIC."""
    data = json.dumps(body)
    sent = time.monotonic_ns()
    answer = box.api.session.post(f"{box.api.base}{daemon.API}{path}", data=data,
                                  headers={"Content-Type": "application/json"})
    answered = time.monotonic_ns()
    assert answer.status_code == 201, answer.text
    return answer.json(), sent, answered


@dataclasses.dataclass
class Order:
    zone: int
    looked_for: np.ndarray  # what is looked for in the zone's capture
    lead_s: float  # of silence in it
    sent: int
    answered: int


def push_all(box):
    notices = [upload(box, f"notice {i}", sound.noise(NOTICE_S, 10 + i)) for i in range(4)]
    orders = []
    for i in range(ORDERS):
        zone, (clip, samples) = i % ZONES, notices[i // ZONES % len(notices)]
        _, *times = post(box, "/runs", {"zones": [box.zones[zone]], "clip": clip, "class": "notice"})
        orders.append(Order(zone, samples, 0, *times))
        time.sleep(GAP_S)
    time.sleep(NOTICE_S + 1)
    return orders


def alert_all(box):
    """Each is cancelled before the next, so that 16 zones always play."""
    words, _ = upload(box, "words", sound.noise(1.0, 20))
    bell = np.concatenate((np.zeros(int(LEAD_S * sound.RATE)), sound.bell(BELL_S)))
    orders = []
    for i in range(ORDERS):
        zone = i % ZONES
        box.box.wait_zone(box.zones[zone], "playing")
        alert, *times = post(box, "/alerts", {
            "zones": [box.zones[zone]], "clip": words, "headline": f"alert {i}", "severity": "severe"})  # fmt: skip
        orders.append(Order(zone, bell, LEAD_S, *times))
        time.sleep(BELL_S + 0.05)
        box.api.post(f"/alerts/{alert['id']}/cancel")
        time.sleep(GAP_S)
    return orders


def begins(horn, orders):
    """When the sound of each of these orders begins, in ns of CLOCK_MONOTONIC; None: nowhere."""
    low = scipy.signal.butter(8, 8000, fs=sound.RATE, output="sos")
    played = capture.Capture(horn.capture)
    for segment in played.segments:
        segment.samples = scipy.signal.sosfiltfilt(low, segment.samples, axis=0)
    found = {id(o.looked_for): played.matches(o.looked_for, sound.RATE, 0, least=0.6) for o in orders}
    return [min((m.time_ns + o.lead_s * 1e9 for m in found[id(o.looked_for)]
                 if m.time_ns + o.lead_s * 1e9 > o.sent), default=None) for o in orders]  # fmt: skip


def measure(folder, order_all):
    """[(order, when its sound begins)]; memory before."""
    with street.Street(folder, ZONES, sound.RATE, keep=True) as box:
        clip, _ = upload(box, "programme", sound.noise(60, 1, *PROGRAMME_HZ, rms_db=-50))
        box.play(announcement=box.box.announcement([{"clip": clip}], repeat=20, resume="resume"))
        memory = street.memory_mb(box.pid)
        orders = order_all(box)
        box.api.post("/stop", {})
        time.sleep(0.5)
    heard = []
    for zone, horn in enumerate(box.horns):
        mine = [order for order in orders if order.zone == zone]
        heard += zip(mine, begins(horn, mine))
    return heard, memory


def show(what, values_ms, words=""):
    values_ms = sorted(values_ms)
    print(f"{what}: median {statistics.median(values_ms):.1f} ms, "
          f"95 % {values_ms[len(values_ms) * 95 // 100]:.1f} ms, "
          f"worst {values_ms[-1]:.1f} ms {words}".rstrip())


def main():
    kinds = {"push": ("POST /runs", push_all), "alert": ("POST /alerts", alert_all)}
    for name in sys.argv[1:] or kinds:
        call, order_all = kinds[name]
        print(f"{ORDERS} times {call}, into {ZONES} zones that are playing, each on a card of its own")
        with tempfile.TemporaryDirectory(prefix="dalaba-") as folder:
            heard, (resident, anonymous) = measure(pathlib.Path(folder), order_all)
        unheard = sum(at is None or at - order.sent > 1e9 for order, at in heard)
        if unheard:
            sys.exit(f"{unheard} of {ORDERS} orders were not heard")
        show("request to answer (on disk)", [(order.answered - order.sent) / 1e6 for order, _ in heard])
        show("request to first sample at the sink", [(at - order.sent) / 1e6 for order, at in heard],
             f"(to reach: median {LIMIT_MEDIAN_MS}, worst {LIMIT_WORST_MS})")  # fmt: skip
        print(f"memory with {ZONES} zones playing: {resident:.1f} MB resident, "
              f"{anonymous:.1f} MB of it anonymous (to reach: 24 and 8)")


if __name__ == "__main__":
    main()

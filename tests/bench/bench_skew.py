#!/usr/bin/python3
"""bench_skew.py - how far two cards are apart whose clocks are 100 ppm apart.

Two cards of tests/alsa-clock, one 50 ppm fast and one 50 ppm slow, play the same programme for
a minute, from the first that the box knows of them. Each second of it is found in what the
cards played by correlation; a card's own clock says when that was. DALABA_BUILD names the build
(./dev bench: build-bench).
"""

import pathlib
import sys
import tempfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from rig import alsa, capture, daemon, sound  # noqa: E402

PPM = (50, -50)
CLIP_S = 60
REPEAT = 1
PIECE_S = 0.2
LIMIT_US = 200


def places_ns(segment, clip, begin, ppm):
    """When each second of the programme was heard, in ns of CLOCK_MONOTONIC."""
    x = segment.samples[:, 0].astype(float)
    places = []
    for s in range(CLIP_S * REPEAT - 1):
        at = s % CLIP_S * sound.RATE
        piece = clip[at : at + int(PIECE_S * sound.RATE)]
        first = int(begin + s * sound.RATE * (1 + ppm * 1e-6)) - 480
        window = x[first : first + len(piece) + 960]
        frame, _ = max(capture._peaks(window, piece, 0.3), key=lambda peak: peak[1])
        _, delay, _ = capture.compare(window, piece, frame, edge=100)
        places.append(segment.time_of(first + frame + delay))
    return np.array(places)


def main():
    with tempfile.TemporaryDirectory(prefix="dalaba-") as folder:
        folder = pathlib.Path(folder)
        cards = alsa.Cards(folder)
        horns = [cards.add(f"horn{i}", ppm=ppm) for i, ppm in enumerate(PPM)]
        box = daemon.Daemon(folder, env=cards.env()).start()
        try:
            zones = [box.zone(h.pcm, box.output(h.pcm), [0]) for h in horns]
            clip_id = box.clip(sound.write_wav(folder / "clip.wav", sound.noise(CLIP_S, 1)))["id"]
            opus = folder / "clip.opus"
            opus.write_bytes(box.api.get(f"/clips/{clip_id}/audio"))
            announcement = box.announcement([{"clip": clip_id}], repeat=REPEAT)
            run = box.api.post("/runs", {"zones": zones, "announcement": announcement})["id"]
            box.wait_run(run, within_s=CLIP_S * REPEAT + 30)
        finally:
            box.close()
        clip = sound.decode_opus(opus)
        heard = []
        for horn, ppm in zip(horns, PPM):
            played = capture.Capture(horn.capture)
            match = played.matches(clip[: sound.RATE], sound.RATE, 0, least=0.6)[0]
            (segment,) = [s for s in played.segments if s.time_of(0) <= match.time_ns < s.end_ns]
            heard.append(places_ns(segment, clip, segment.frame_at(match.time_ns), ppm))
    apart_us = (heard[0] - heard[1]) / 1e3
    worst = np.max(np.abs(apart_us))
    print(f"{CLIP_S * REPEAT} s on two cards {PPM[0] - PPM[1]} ppm apart: at the start {apart_us[0]:+.0f} us apart, "
          f"half of the time less than {np.median(np.abs(apart_us)):.0f}, at most {worst:.0f} us "
          f"(to reach: {LIMIT_US}; {(PPM[0] - PPM[1]) * CLIP_S * REPEAT} us if nothing were done)")  # fmt: skip


if __name__ == "__main__":
    main()

"""Somebody who speaks over the API in real time, for tests of live calls.

    speaker = Speaker(box, [zone], seconds=5)
    with speaker:                    # speaks meanwhile
        ...
    speaker.hang_up()
    box.close()
    speaker.delays(Capture(card.capture), channel=0)
"""

import threading
import time

import numpy as np
import scipy.signal

from . import daemon, sound


class Speaker:
    """Speaks into a call: a piece is sent when its last frame has been said, each late by up to
    jitter_ms. speak() returns when all is said; in a thread of its own as `with`."""

    def __init__(self, box, zones, seconds=5.0, seed=7, rate=16000, chunk_ms=20, jitter_ms=0, **ask):
        self.api = daemon.Client("http://box", daemon.UnixAdapter(box.socket))  # a connection of its own
        self.rate, self.chunk = rate, rate * chunk_ms // 1000
        # Low and short enough to fit where it is played half a percent faster or slower.
        self.said = sound.noise(seconds, seed, high=1000, rate=rate)
        self.jitter_ms = jitter_ms
        self.random = np.random.default_rng(seed)
        self.call = self.api.post("/live", {"zones": zones, "rate": rate, "title": "mayor", **ask}, expect=(201,))
        self.id = self.call["id"]
        self.answers = []
        self.own_ns = []  # by how much each piece was late because the test itself was
        self.error = None
        self.since_ns = None
        self.thread = None
        self.seq = 0

    def send(self, piece, seq=None, expect=(200,)):
        seq = self.seq if seq is None else seq
        data = np.round(np.asarray(piece) * 32767).astype("<i2").tobytes()
        return self.api.post(f"/live/{self.id}/audio", data=data, params={"seq": seq}, expect=expect)

    def speak(self):
        self.since_ns = answered_ns = time.monotonic_ns()
        for at in range(0, len(self.said) - self.chunk + 1, self.chunk):
            due_ns = self.since_ns + (at + self.chunk) * 1e9 / self.rate
            due_ns += self.random.uniform(0, self.jitter_ms) * 1e6
            time.sleep(max(0, (due_ns - time.monotonic_ns()) / 1e9))
            self.own_ns.append(max(0, time.monotonic_ns() - max(due_ns, answered_ns)))
            self.answers.append(self.send(self.said[at : at + self.chunk]))
            answered_ns = time.monotonic_ns()
            self.seq += 1
        return self

    def _run(self):
        try:
            self.speak()
        except Exception as error:
            self.error = error

    def __enter__(self):
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.thread.join()
        if self.error:
            raise self.error

    def hang_up(self):
        self.api.delete(f"/live/{self.id}", expect=(204,))

    def delays(self, got, channel, piece_s=0.06, every_s=0.5, first_s=0.5, last_s=None):
        """[(ms from mouth to horn, fit)] of pieces of what was said. Where the test was late with
        sending one, it was said so much later."""
        found = []
        last_s = last_s or len(self.said) / self.rate - 0.5
        for at in np.arange(first_s, last_s, every_s):
            said_ns = self.since_ns + at * 1e9 + self.own_ns[int(at * self.rate) // self.chunk]
            piece = self.said[int(at * self.rate) : int((at + piece_s) * self.rate)]
            found.append(delay(piece, self.rate, said_ns, got, channel))
        return found


def delay(piece, rate_said, said_ns, got, channel, latest_ms=700):
    """(ms until it was heard, fit) of a piece of what was said."""
    rate = int(got.segments[0].nominal_rate)
    piece = scipy.signal.resample_poly(piece, rate, rate_said)
    start_ns, heard = got.timeline(channel, said_ns - 50e6, said_ns + latest_ms * 1e6)
    dot = scipy.signal.correlate(heard, piece, mode="valid")
    energy = np.convolve(heard**2, np.ones(len(piece)), mode="valid")
    fit = dot / np.sqrt(np.maximum(energy, 1e-9) * np.sum(piece**2))
    best = int(np.argmax(fit))
    return (start_ns + best * 1e9 / rate - said_ns) / 1e6, float(fit[best])

"""Reads what a card of tests/alsa-clock played, and compares it with what it should have.

Samples are float64, full scale 1.0; times are CLOCK_MONOTONIC in ns.
"""

import dataclasses
import json
import pathlib

import numpy as np
import scipy.signal

FORMATS = {"S16_LE": ("<i2", 2.0**15), "S32_LE": ("<i4", 2.0**31), "FLOAT_LE": ("<f4", 1.0)}


class Segment:
    """A stretch without a gap. `samples` is [frame, channel]."""

    def __init__(self, start, stop, samples, lsb):
        self.start_ns = start["start_ns"]
        self.rate = start["rate"] * (1 + start["ppm"] * 1e-6)
        self.nominal_rate = start["rate"]
        self.format = start["format"]
        self.pid = start["pid"]
        self.reason = stop["reason"] if stop else "killed"
        self.samples = samples
        self.lsb = lsb

    @property
    def end_ns(self):
        return self.time_of(len(self.samples))

    def time_of(self, frame):
        return self.start_ns + frame * 1e9 / self.rate

    def frame_at(self, time_ns):
        return (time_ns - self.start_ns) * self.rate / 1e9


@dataclasses.dataclass
class Match:
    time_ns: float  # when the clip's first sample left the card
    score: float  # normalised correlation, 1.0: the same shape
    snr_db: float  # after gain and delay are taken out
    gain: float  # captured = gain * clip


class Capture:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.segments = []
        side = pathlib.Path(f"{path}.jsonl")
        if not side.exists():
            return
        events = [json.loads(line) for line in side.read_text().splitlines()]
        raw = self.path.read_bytes()
        starts = [i for i, e in enumerate(events) if e["event"] == "start"]
        for n, i in enumerate(starts):
            stop = events[i + 1] if i + 1 < len(events) else None
            stop = stop if stop and stop["event"] == "stop" else None
            end = events[starts[n + 1]]["offset"] if n + 1 < len(starts) else len(raw)
            self.segments.append(self._segment(events[i], stop, raw, end))

    @staticmethod
    def _segment(start, stop, raw, end):
        dtype, scale = FORMATS[start["format"]]
        frame = np.dtype(dtype).itemsize * start["channels"]
        n = (end - start["offset"]) // frame
        if stop:
            assert n == stop["frames"], f"segment of {stop['frames']} frames has {n} in the file"
        flat = np.frombuffer(raw, dtype, n * start["channels"], start["offset"])
        samples = flat.reshape(n, start["channels"]).astype(np.float64) / scale
        return Segment(start, stop, samples, 1.0 / scale if scale > 1 else 0.0)

    @property
    def reasons(self):
        return [s.reason for s in self.segments]

    def timeline(self, channel, from_ns=None, to_ns=None):
        """(time of the first sample in ns, samples): one channel, gaps filled with silence.
        All segments must have one rate."""
        rates = {s.rate for s in self.segments}
        assert len(rates) == 1, f"no single rate in {self.path}: {rates}"
        rate = rates.pop()
        start = self.segments[0].start_ns if from_ns is None else from_ns
        end = self.segments[-1].end_ns if to_ns is None else to_ns
        line = np.zeros(max(0, int(round((end - start) * rate / 1e9))))
        for s in self.segments:
            at = int(round((s.start_ns - start) * rate / 1e9))
            skip = max(0, -at)
            part = s.samples[skip : max(skip, len(line) - at), channel]
            line[at + skip : at + skip + len(part)] = part
        return start, line

    def loudest(self, channel, from_ns=None, to_ns=None):
        """The largest sample there in LSB of the card's format, 0 where nothing was played."""
        worst = 0.0
        for s in self.segments:
            lo = 0 if from_ns is None else max(0, int(np.ceil(s.frame_at(from_ns))))
            hi = len(s.samples) if to_ns is None else max(0, int(s.frame_at(to_ns)))
            part = s.samples[lo:hi, channel]
            if len(part):
                worst = max(worst, float(np.max(np.abs(part))) / (s.lsb or 2.0**-15))
        return worst

    def sounding(self, channel, threshold_lsb=8):
        """Spans [(from_ns, to_ns)] in which the channel is louder, pauses below 50 ms joined."""
        spans = []
        for s in self.segments:
            loud = np.flatnonzero(np.abs(s.samples[:, channel]) > threshold_lsb * s.lsb)
            if not len(loud):
                continue
            cuts = np.flatnonzero(np.diff(loud) > 0.05 * s.rate)
            firsts = np.concatenate(([loud[0]], loud[cuts + 1]))
            lasts = np.concatenate((loud[cuts], [loud[-1]]))
            spans += [(s.time_of(a), s.time_of(b + 1)) for a, b in zip(firsts, lasts)]
        return spans

    def matches(self, clip, rate, channel, least=0.5, head_s=None):
        """Every place where the clip (or its first head_s seconds) begins, in order."""
        found = []
        for s in self.segments:
            reference = resample(clip, rate, s.nominal_rate)
            head = reference[: int(head_s * s.nominal_rate)] if head_s else reference
            for frame, score in _peaks(s.samples[:, channel], head, least):
                snr, delay, gain = compare(s.samples[:, channel], reference, frame)
                found.append(Match(s.time_of(frame + delay), score, snr, gain))
        return found

    def find(self, clip, rate, channel, least=0.5):
        """The one place where the clip plays; fails where there is none, or more."""
        found = self.matches(clip, rate, channel, least)
        assert len(found) == 1, f"the clip plays {len(found)} times in {self.path}: {found}"
        return found[0]


def resample(x, rate_from, rate_to):
    """Band-limited by FFT, which is as good as float64 is; for clips of seconds."""
    if rate_from == rate_to:
        return x
    pad = int(0.25 * rate_from)
    n = len(x) + 2 * pad
    n += -n % (rate_from // np.gcd(int(rate_from), int(rate_to)))
    padded = np.zeros(n)
    padded[pad : pad + len(x)] = x
    y = scipy.signal.resample(padded, n * rate_to // rate_from)
    first = pad * rate_to / rate_from
    assert first == int(first)
    return y[int(first) : int(first) + int(np.ceil(len(x) * rate_to / rate_from))]


def _peaks(x, head, least):
    """[(frame, score)] of the local best fits of `head` in x."""
    if len(x) < len(head):
        return []
    corr = scipy.signal.oaconvolve(x, head[::-1], mode="valid")
    energy = np.concatenate(([0.0], np.cumsum(x * x)))
    local = np.maximum(energy[len(head) :] - energy[: -len(head)], 0)
    norm = np.sqrt(local * np.sum(head * head))
    floor = 1e-6 * np.sum(head * head)  # -60 dB of itself is nothing at all
    score = np.abs(np.where(norm > floor, corr / np.maximum(norm, floor), 0.0))
    places, _ = scipy.signal.find_peaks(
        np.concatenate(([0], score, [0])), height=least, distance=max(1, len(head) // 2)
    )
    return [(int(p) - 1, float(score[p - 1])) for p in places]


def compare(x, reference, frame, edge=960):
    """Signal to error in dB of x[frame:] against the reference, its sub-sample delay and its
    gain. `edge` samples at both ends are left out (ramps); what was cut off is not compared."""
    n = min(len(reference), len(x) - frame)
    if n <= 2 * edge + 64:
        return -np.inf, 0.0, 0.0
    x = x[frame : frame + n]
    size = scipy.fft.next_fast_len(len(reference) + 4096, real=True)
    spectrum = np.fft.rfft(reference, size)
    omega = 2 * np.pi * np.fft.rfftfreq(size)
    inside = slice(edge, n - edge)

    def delayed(delay):
        return np.fft.irfft(spectrum * np.exp(-1j * omega * delay), size)[:n]

    delay = 0.0
    for _ in range(8):
        # One Gauss-Newton step for gain and delay together.
        r = delayed(delay)[inside]
        slope = np.fft.irfft(-1j * omega * spectrum * np.exp(-1j * omega * delay), size)[:n]
        a = np.stack((r, slope[inside]), axis=1)
        (gain, step), *_ = np.linalg.lstsq(a, x[inside], rcond=None)
        if gain == 0:
            return -np.inf, 0.0, 0.0
        step = float(np.clip(step / gain, -0.5, 0.5))
        delay += step
        if abs(step) < 1e-9:
            break
    r = delayed(delay)[inside]
    gain = float(np.dot(r, x[inside]) / np.dot(r, r))
    error = x[inside] - gain * r
    if not np.any(error):
        return np.inf, delay, gain
    snr = 10 * np.log10(np.sum((gain * r) ** 2) / np.sum(error**2))
    return float(snr), delay, gain

"""The card of tests/alsa-clock is itself held against aplay: what goes in comes out, when it
should, and its faults are faults."""

import subprocess
import time

import numpy as np
import pytest
import scipy.io.wavfile

from rig import alsa, capture

RATE = 48000


def noise(seconds, channels=2, seed=1, rate=RATE, level=0.2):
    rng = np.random.default_rng(seed)
    x = np.clip(rng.normal(0, level, (int(seconds * rate), channels)), -0.99, 0.99)
    return (x * 32767).astype(np.int16)


@pytest.fixture
def cards(tmp_path):
    return alsa.Cards(tmp_path)


def aplay(cards, card, samples, tmp_path, rate=RATE, expect=0, args=(), kill_after=None):
    wav = tmp_path / "in.wav"
    scipy.io.wavfile.write(wav, rate, samples)
    command = ["aplay", "-q", "-D", card.pcm, *args, str(wav)]
    p = subprocess.Popen(command, env=cards.env(), stderr=subprocess.PIPE, text=True)
    if kill_after is not None:
        time.sleep(kill_after)
        p.kill()
    _, stderr = p.communicate(timeout=30)
    assert p.returncode == expect, stderr
    return stderr


def raw(segment):
    return np.round(segment.samples / segment.lsb).astype(np.int64)


@pytest.mark.parametrize("mmap", [(), ("-M",)])
@pytest.mark.parametrize("channels,rate", [(2, 48000), (8, 48000), (2, 44100)])
def test_bit_for_bit_in_real_time(cards, tmp_path, mmap, channels, rate):
    card = cards.add("horn", rates=[rate], channels=channels)
    x = noise(1.0, channels, rate=rate)
    before = time.monotonic_ns()
    aplay(cards, card, x, tmp_path, rate, args=mmap)
    after = time.monotonic_ns()
    got = capture.Capture(card.capture)
    (segment,) = got.segments
    assert segment.reason == "drain"
    # aplay pads its last period with silence.
    assert np.array_equal(raw(segment)[: len(x)], x)
    assert not np.any(raw(segment)[len(x) :])
    assert before < segment.start_ns and segment.end_ns < after
    assert after - before > 1e9


def test_s32(cards, tmp_path):
    card = cards.add("horn", formats=["S32_LE"])
    x = noise(0.3).astype(np.int32) * 65536 + 77
    aplay(cards, card, x, tmp_path)
    (segment,) = capture.Capture(card.capture).segments
    assert np.array_equal(raw(segment)[: len(x)], x)


@pytest.mark.parametrize("rate", [44100, 32000])
def test_refuses_what_it_is_not(cards, tmp_path, rate):
    card = cards.add("horn", rates=[48000])
    aplay(cards, card, noise(0.2, rate=rate), tmp_path, rate)  # aplay warns, and plays it wrong
    (segment,) = capture.Capture(card.capture).segments
    assert segment.nominal_rate == 48000


def test_channels_are_exact(cards, tmp_path):
    card = cards.add("horn", channels=8)
    assert "hannel" in aplay(cards, card, noise(0.2, 2), tmp_path, expect=1)


@pytest.mark.parametrize("ppm", [-20000, 20000])
def test_clock_is_its_own(cards, tmp_path, ppm):
    card = cards.add("horn", ppm=ppm)
    before = time.monotonic_ns()
    aplay(cards, card, noise(2.0), tmp_path)
    took = time.monotonic_ns() - before
    (segment,) = capture.Capture(card.capture).segments
    assert segment.end_ns - segment.start_ns == pytest.approx(
        len(segment.samples) / RATE * 1e9 / (1 + ppm * 1e-6), abs=1e5
    )
    assert took > (segment.end_ns - segment.start_ns)


def test_fail_open_and_busy(cards, tmp_path):
    card = cards.add("broken", fail_open=5)
    assert "Input/output error" in aplay(cards, card, noise(0.1), tmp_path, expect=1)
    card = cards.add("horn")
    wav = tmp_path / "long.wav"
    scipy.io.wavfile.write(wav, RATE, noise(5))
    p = subprocess.Popen(["aplay", "-q", "-D", "horn", str(wav)], env=cards.env())
    try:
        until = time.monotonic() + 5
        while not card.capture.exists() and time.monotonic() < until:
            time.sleep(0.02)
        assert "busy" in aplay(cards, card, noise(0.1), tmp_path, expect=1)
    finally:
        p.kill()
        p.wait()


def test_unplugged_in_the_middle(cards, tmp_path):
    card = cards.add("horn")
    wav = tmp_path / "long.wav"
    scipy.io.wavfile.write(wav, RATE, noise(20))
    p = subprocess.Popen(
        ["aplay", "-q", "-D", "horn", str(wav)], env=cards.env(), stderr=subprocess.PIPE, text=True
    )
    time.sleep(0.7)
    card.unplug()
    # aplay itself may go on asking a dead card for ever; that it gets no sound is what counts.
    try:
        p.communicate(timeout=2)
    except subprocess.TimeoutExpired:
        p.kill()
        p.communicate()
    (segment,) = capture.Capture(card.capture).segments
    assert segment.reason == "unplugged" and 0.1 < len(segment.samples) / RATE < 2.7
    assert "No such device" in aplay(cards, card, noise(0.1), tmp_path, expect=1)
    card.plug()
    aplay(cards, card, noise(0.1), tmp_path)
    assert capture.Capture(card.capture).reasons == ["unplugged", "drain"]


def test_killed_leaves_what_was_played(cards, tmp_path):
    card = cards.add("horn")
    x = noise(5)
    aplay(cards, card, x, tmp_path, expect=-9, kill_after=1.0)
    aplay(cards, card, x[:4800], tmp_path)
    first, second = capture.Capture(card.capture).segments
    assert first.reason == "killed" and second.reason == "drain"
    n = len(first.samples)
    assert 0.2 * RATE < n < 1.3 * RATE
    assert np.array_equal(raw(first), x[:n])


def test_stalls(cards, tmp_path):
    card = cards.add("horn", stall_after_ms=300)
    aplay(cards, card, noise(5), tmp_path, expect=-9, kill_after=1.5)
    (segment,) = capture.Capture(card.capture).segments
    assert len(segment.samples) == pytest.approx(0.3 * RATE, abs=1)


def test_late_application_gets_an_xrun(cards, tmp_path):
    card = cards.add("horn")
    wav = tmp_path / "in.wav"
    scipy.io.wavfile.write(wav, RATE, noise(1.5))
    with open(wav, "rb") as f:
        data = f.read()
    p = subprocess.Popen(
        ["aplay", "-q", "-D", "horn", "--buffer-time=100000"],
        env=cards.env(), stdin=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    p.stdin.write(data[: len(data) // 2])
    p.stdin.flush()
    time.sleep(1.5)
    p.stdin.write(data[len(data) // 2 :])
    p.stdin.close()
    assert b"underrun" in p.stderr.read()
    p.wait()
    p.stderr.close()
    assert capture.Capture(card.capture).reasons[0] == "xrun"


def test_comparison_finds_faults(tmp_path):
    """compare() itself: a fractional delay and a gain are taken out, an error is not."""
    rng = np.random.default_rng(3)
    clip = np.convolve(rng.normal(0, 0.1, 24000), np.hanning(9), "same")
    size = 1 << 16
    omega = 2 * np.pi * np.fft.rfftfreq(size)
    moved = np.fft.irfft(np.fft.rfft(clip, size) * np.exp(-1j * omega * 0.3), size)[:30000]
    x = np.concatenate((np.zeros(5000), 0.5 * moved))
    ((frame, score),) = capture._peaks(x, clip, 0.5)
    snr, delay, gain = capture.compare(x, clip, frame)
    assert frame + delay == pytest.approx(5000.3, abs=1e-3) and score > 0.9
    assert gain == pytest.approx(0.5, abs=1e-6) and snr > 100
    for error_db in (60, 50, 30):
        error = rng.normal(0, np.std(x[5000:29000]) * 10 ** (-error_db / 20), len(x))
        assert capture.compare(x + error, clip, frame)[0] == pytest.approx(error_db, abs=0.3)
    dropped = np.concatenate((x[:15000], x[15001:]))  # one sample lost in the middle
    assert capture.compare(dropped, clip, frame)[0] < 30


@pytest.mark.parametrize("fault", ["swap", "drop", "late"])
def test_planted_fault_is_seen(cards, tmp_path, fault):
    """The bit-for-bit check above fails on a capture with one thing wrong."""
    card = cards.add("horn")
    x = noise(0.5)
    aplay(cards, card, x, tmp_path)
    data = bytearray(card.capture.read_bytes())
    if fault == "swap":
        data[4000:4002], data[4002:4004] = data[4002:4004], data[4000:4002]
    elif fault == "drop":
        data = data[:4000] + data[4004:] + b"\0\0\0\0"
    else:
        data = b"\0\0\0\0" + data[:-4]
    card.capture.write_bytes(data)
    (segment,) = capture.Capture(card.capture).segments
    assert not np.array_equal(raw(segment)[: len(x)], x)

"""Clips for tests: sounds that are easy to find again, and files made of them by the encoders
that people use."""

import subprocess

import numpy as np
import scipy.io.wavfile
import scipy.signal

RATE = 48000


def noise(seconds, seed, low=150, high=7000, rms_db=-20, rate=RATE):
    """Noise in the band of speech, flat in level, its peaks 10 dB above its RMS: every seed is
    another sound, none touches a limiter, and coders keep it well enough to be recognised."""
    rng = np.random.default_rng(seed)
    n = int(seconds * rate)
    x = rng.normal(0, 1, n + 2 * rate)
    sos = scipy.signal.butter(6, [low, high], "bandpass", fs=rate, output="sos")
    x = scipy.signal.sosfilt(sos, x)[rate : rate + n]
    x /= np.sqrt(np.mean(x * x))
    x = np.clip(x, -3, 3)
    ramp = min(n // 4, int(0.01 * rate))
    x[:ramp] *= np.linspace(0, 1, ramp)
    x[-ramp:] *= np.linspace(1, 0, ramp)
    return x * 10 ** (rms_db / 20)


def bell(seconds, hz=783.991):
    """How the attention chime begins (audio/chime.c): its first note alone, so 0.6 s at most."""
    age = np.arange(int(seconds * RATE))
    partials = ((1.0, 1.0, 0.55), (2.0, 0.45, 0.40), (3.0, 0.16, 0.25), (4.2, 0.10, 0.12), (5.4, 0.05, 0.07))
    x = sum(level * np.exp(-age / (decay * RATE)) * np.sin(2 * np.pi * hz * ratio * age / RATE)
            for ratio, level, decay in partials)  # fmt: skip
    return 0.28 * x * np.minimum(age / 240, 1)


def write_wav(path, x, rate=RATE):
    scipy.io.wavfile.write(path, rate, np.round(x * 32767).astype(np.int16))
    return path


def encode(wav, kind):
    """The same sound as FLAC, MP3, Ogg Vorbis or Opus."""
    path = wav.with_suffix("." + kind)
    command = {
        "flac": ["flac", "-s", "-f", "-o", path, wav],
        "mp3": ["lame", "--quiet", "-b", "192", wav, path],
        "ogg": ["oggenc", "-Q", "-q", "6", "-o", path, wav],
        "opus": ["opusenc", "--quiet", "--bitrate", "96", wav, path],
    }[kind]
    subprocess.run([str(c) for c in command], check=True, timeout=60)
    return path


def decode_opus(path):
    """What opusdec makes of an Opus file: mono float64 at 48 kHz."""
    wav = path.with_suffix(".decoded.wav")
    subprocess.run(["opusdec", "--quiet", "--float", "--rate", "48000", str(path), str(wav)],
                   check=True, timeout=60, capture_output=True)  # fmt: skip
    rate, x = scipy.io.wavfile.read(wav)
    assert rate == RATE
    x = x.astype(np.float64)
    return x if x.ndim == 1 else x.mean(axis=1)

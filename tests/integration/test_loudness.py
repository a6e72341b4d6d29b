"""As loud one after the other: speech recorded from afar, a voice that speaks a text, music made
as loud as it goes, a tone. Each goes in as it is and comes out of a horn at -16 LUFS, measured at
the card by a meter that is not ours (ffmpeg's ebur128)."""

import pathlib
import re
import subprocess

import numpy as np
import scipy.io.wavfile

from rig import sound
from rig.capture import Capture
from rig.daemon import monotonic_ns, outcome

TARGET_LUFS = -16
WITHIN_LU = 1.05  # 1, and the meter tells tenths; the limiter takes most of it from the spoken text
PEAK_DBTP = -1
SPEECH = pathlib.Path("/usr/share/sounds/alsa")  # people who name loudspeakers: alsa-utils


def measured(path):
    """(integrated loudness in LUFS, true peak in dBTP)."""
    done = subprocess.run(["ffmpeg", "-nostdin", "-nostats", "-i", str(path), "-af",
                           "ebur128=peak=true", "-f", "null", "-"],
                          capture_output=True, text=True, timeout=60, check=True)  # fmt: skip
    summary = done.stderr[done.stderr.rindex("Summary:"):]
    return (float(re.search(r"I:\s+(-?[\d.]+) LUFS", summary)[1]),
            float(re.search(r"Peak:\s+(-?[\d.]+) dBFS", summary)[1]))  # fmt: skip


def write(path, x):
    return sound.write_wav(path, np.clip(x, -1, 1))


def speech(folder, lufs):
    """Recorded speech, at the loudness a distant microphone gives it."""
    parts = []
    for name in ("Front_Center", "Front_Left", "Rear_Right", "Side_Left"):
        rate, x = scipy.io.wavfile.read(SPEECH / f"{name}.wav")
        assert rate == sound.RATE
        parts.append(x / 32768)
    x = np.concatenate(parts)
    now, _ = measured(write(folder / "as-it-is.wav", x))
    return write(folder / "speech.wav", x * 10 ** ((lufs - now) / 20))


def music(folder):
    """Plucked chords and a beat, in stereo, driven into clipping as music is sold today."""
    path = folder / "music.wav"
    notes = [v for hz in (131, 196, 262, 330) for v in ("pluck", str(hz))]
    subprocess.run(["sox", "-n", "-r", "48000", "-c", "2", path, "synth", "1.5", *notes[:4],
                    "remix", "1,2", "1v0.7,2", "repeat", "4", "tremolo", "4", "30",
                    "overdrive", "25", "gain", "-n", "-0.1"], check=True, timeout=60)  # fmt: skip
    return path


def tone(folder):
    t = np.arange(5 * sound.RATE) / sound.RATE
    return write(folder / "tone.wav", 0.5 * np.sin(2 * np.pi * 1000 * t))


def spoken(folder):
    path = folder / "spoken.wav"
    subprocess.run(["espeak-ng", "-v", "en", "-w", path, "The river is rising. Please leave the lower "
                    "village now, and go up to the school."], check=True, timeout=60)  # fmt: skip
    return path


def test_clips_are_equally_loud_at_the_horn(village):
    folder = village.folder
    files = {"speech from afar": speech(folder, -34), "music": music(folder), "tone": tone(folder),
             "spoken text": spoken(folder)}  # fmt: skip
    was = {name: measured(path)[0] for name, path in files.items()}
    assert max(was.values()) - min(was.values()) > 20, f"these clips are no test: {was}"
    runs = {}
    for name, path in files.items():
        clip = village.box.clip(path, name)
        runs[name] = village.box.wait_run(village.push([village.left], clip=clip["id"]), 30)
    village.box.close()
    captured = Capture(village.card.capture)
    heard = {}
    for name, run in runs.items():
        row = outcome(run, village.left)
        assert row["outcome"] == "played", row
        since = monotonic_ns(row["started"])
        _, x = captured.timeline(0, since, since + row["played_ms"] * 1e6)
        heard[name], peak = measured(write(folder / "heard.wav", x))
        assert peak <= PEAK_DBTP + 0.1, f"{name}: {peak} dBTP"
    assert all(abs(lufs - TARGET_LUFS) <= WITHIN_LU for lufs in heard.values()), (was, heard)
    assert max(heard.values()) - min(heard.values()) <= WITHIN_LU, (was, heard)

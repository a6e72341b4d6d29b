"""As loud one after the other: whatever is recorded, played or spoken goes in as it is and comes
out of a horn at -16 LUFS, measured at the card by a meter that is not ours (ffmpeg's ebur128).
What cannot come out so loud says why."""

import concurrent.futures
import pathlib
import re
import shutil
import sqlite3
import subprocess

import numpy as np
import pytest
import scipy.io.wavfile

from rig import alsa, sound
from rig.capture import Capture
from rig.daemon import Client, UnixAdapter, monotonic_ns, outcome

TARGET_LUFS = -16
WITHIN_LU = 0.5
PEAK_DBTP = -1
TASKS_MAX = 64  # that the box takes in at once, but urgent words
BLOCK_S = 0.4  # what the standard measures at the least
SPEECH = pathlib.Path("/usr/share/sounds/alsa")  # people who name loudspeakers: alsa-utils


def measured(x, rate=sound.RATE):
    """(integrated loudness in LUFS, true peak in dBTP). What is shorter than a block of the
    standard is heard over and over again."""
    if len(x) < BLOCK_S * rate:
        x = np.tile(x, int(8 * BLOCK_S * rate / len(x)))
    done = subprocess.run(["ffmpeg", "-nostdin", "-nostats", "-f", "f32le", "-ar", str(rate), "-ac", "1",
                           "-i", "-", "-af", "ebur128=peak=true", "-f", "null", "-"],
                          input=x.astype("<f4").tobytes(), capture_output=True, timeout=60,
                          check=True)  # fmt: skip
    words = done.stderr.decode()
    summary = words[words.rindex("Summary:"):]
    peak = re.search(r"Peak:\s+(-?[\d.]+|-inf) dBFS", summary)[1]
    return float(re.search(r"I:\s+(-?[\d.]+) LUFS", summary)[1]), float(peak)


def people():
    """Recorded speech."""
    parts = []
    for name in ("Front_Center", "Front_Left", "Rear_Right", "Side_Left"):
        rate, x = scipy.io.wavfile.read(SPEECH / f"{name}.wav")
        assert rate == sound.RATE
        parts.append(x / 32768)
    return np.concatenate(parts)


def at_lufs(x, lufs):
    return x * 10 ** ((lufs - measured(x)[0]) / 20)


def tone(seconds, level=0.5):
    return level * np.sin(2 * np.pi * 1000 * np.arange(int(seconds * sound.RATE)) / sound.RATE)


def knocks(seconds, every=0.5):
    """Noises of 2 ms, and hardly anything in between."""
    x = 0.002 * np.random.default_rng(5).standard_normal(int(seconds * sound.RATE))
    step = int(every * sound.RATE)
    for at in range(0, len(x) - 96, step):
        x[at : at + 96] += 0.9 * np.hanning(96) * np.sin(np.arange(96) * 0.4)
    return x


def music(folder):
    """Plucked chords and a beat, in stereo, driven into clipping as music is sold today."""
    path = folder / "music.wav"
    notes = [v for hz in (131, 196, 262, 330) for v in ("pluck", str(hz))]
    subprocess.run(["sox", "-n", "-r", "48000", "-c", "2", path, "synth", "1.5", *notes[:4],
                    "remix", "1,2", "1v0.7,2", "repeat", "3", "tremolo", "4", "30",
                    "overdrive", "25", "gain", "-n", "-0.1"], check=True, timeout=60)  # fmt: skip
    return path


def guitar(folder):
    """As it was plucked: loud where it begins, dying away."""
    path = folder / "guitar.wav"
    subprocess.run(["sox", "-n", "-r", "44100", "-c", "1", path, "synth", "1.5", "pluck", "131",
                    "repeat", "2", "gain", "-n", "-3"], check=True, timeout=60)  # fmt: skip
    return path


# What the box makes of words itself.
SPOKEN = {
    "English": {"text": "The river is rising. Please leave the lower village now, and go up to the "
                        "school.", "voice": "en"},
    "English, short": {"text": "Good morning.", "voice": "en"},
    "English, one word": {"text": "Fire!", "voice": "en"},
    "Chinese": {"text": "各位村民请注意，今天下午三点在村委会召开村民大会，请大家准时参加。"},
    "Chinese, short": {"text": "请注意"},
    "Chinese, one word": {"text": "好"},
    "Chinese, with pauses": {"text": "请注意。\n\n。。。第一，停水。\n\n。。。第二，停电。"},
    "Cantonese": {"text": "今日下午三點開會", "voice": "yue"},
}  # fmt: skip
RECORDED = {
    "speech from afar": lambda: at_lufs(people(), -34),
    "speech near by": lambda: at_lufs(people(), -21),
    "a quiet pop in speech": lambda: np.concatenate([at_lufs(people(), -30), knocks(0.4)]),
    "a tone": lambda: tone(3),
    "a beep": lambda: tone(0.15, 0.1),
    "a bell": lambda: sound.bell(2),
    "noise": lambda: sound.noise(3, 7),
}
LIMITED = {
    "speech in the next room": ("noise", lambda: at_lufs(people(), -48)),
    "knocks": ("peaks", lambda: knocks(4)),
}


def upload(box, folder, name, x):
    return box.clip(sound.write_wav(folder / f"{name}.wav", np.clip(x, -1, 1)), name)


class Wall:
    """A card with a horn on each of eight channels at 0 dB, but the last, at -6; and one at
    44.1 kHz."""

    def __init__(self, box, cards):
        self.box = box
        self.cards = [cards.add("wall", channels=8), cards.add("far", rates=[44100])]
        out = box.output(self.cards[0].pcm, channels=8)
        self.horns = [box.zone(f"horn {i}", out, [i], gain_db=-6 if i == 7 else 0) for i in range(8)]
        self.far = box.zone("far", box.output(self.cards[1].pcm, rate=44100), [0])

    def sound(self, plays):
        """plays: (name, zone, what to push). {name: (LUFS, dBTP)} of what the cards were given,
        once the box is closed."""
        runs = {}
        for name, zone, what in plays:
            body = {"zones": [zone], "class": "notice", **what}
            runs[name, zone] = self.box.api.post("/runs", body)["id"]
        rows = {key: outcome(self.box.wait_run(run, 90), key[1]) for key, run in runs.items()}
        self.box.close()
        captured = [Capture(card.capture) for card in self.cards]
        heard = {}
        for (name, zone), row in rows.items():
            assert row["outcome"] == "played", (name, row)
            since = monotonic_ns(row["started"])
            channel = 0 if zone == self.far else self.horns.index(zone)
            card = captured[zone == self.far]
            rate = 44100 if zone == self.far else sound.RATE
            _, x = card.timeline(channel, since, since + row["played_ms"] * 1e6)
            heard[name] = measured(x, rate)
            assert heard[name][1] <= PEAK_DBTP + 0.1, (name, heard[name])
        return heard


@pytest.fixture
def wall(make_box, cards):
    return Wall(make_box().start(), cards)


def test_whatever_it_is_sounds_as_loud(wall, folder):
    made = {name: wall.box.api.post("/speech", body) for name, body in SPOKEN.items()}
    made |= {name: upload(wall.box, folder, name, make()) for name, make in RECORDED.items()}
    made["music"] = wall.box.clip(music(folder), "music")
    made["a guitar"] = wall.box.clip(guitar(folder), "guitar")
    was = {name: clip["loudness_lufs"] for name, clip in made.items()}
    assert max(was.values()) - min(was.values()) > 20, f"these clips are no test: {was}"
    for name, clip in made.items():
        assert clip["level_limit"] == "none" and clip["level_notice"] is None, (name, clip)
        assert abs(clip["output_lufs"] - TARGET_LUFS) <= WITHIN_LU, (name, clip)
    plays = [(name, wall.horns[i % 7], {"clip": clip["id"]})
             for i, (name, clip) in enumerate(made.items())]  # fmt: skip
    for i, name in enumerate(("three-tone", "two-tone", "single")):
        chime = wall.box.announcement([{"chime": name}], name)
        plays.append((f"chime {name}", wall.horns[4 + i], {"announcement": chime}))
    # In a zone that is turned down, and at another rate, they are as loud as each other too.
    for name in ("Chinese, short", "English, short", "speech from afar", "music"):
        plays.append((f"{name}, at -6 dB", wall.horns[7], {"clip": made[name]["id"]}))
        plays.append((f"{name}, at 44.1 kHz", wall.far, {"clip": made[name]["id"]}))
    heard = wall.sound(plays)
    far_off = {name: lufs for name, (lufs, _) in heard.items()
               if abs(lufs - TARGET_LUFS + (6 if "-6 dB" in name else 0)) > WITHIN_LU}  # fmt: skip
    assert not far_off, (far_off, heard)


def test_what_cannot_be_as_loud_says_why(wall, folder):
    made = {}
    for name, (why, make) in LIMITED.items():
        made[name] = clip = upload(wall.box, folder, name, make())
        assert clip["level_limit"] == why, clip
        assert clip["output_lufs"] < TARGET_LUFS - WITHIN_LU and clip["gain_db"] <= 20, clip
        said = f"{clip['output_lufs']:.1f} LUFS"
        assert said in clip["level_notice"]["en"] and said in clip["level_notice"]["zh"], clip
    silence = upload(wall.box, folder, "silence", np.zeros(sound.RATE))
    assert silence["level_limit"] == "silence" and silence["output_lufs"] is None, silence
    assert silence["gain_db"] == 0 and silence["level_notice"]["en"], silence
    heard = wall.sound([(name, wall.horns[i], {"clip": clip["id"]})
                        for i, (name, clip) in enumerate(made.items())])  # fmt: skip
    for name, clip in made.items():
        assert abs(heard[name][0] - clip["output_lufs"]) <= WITHIN_LU, (name, heard, clip)


def unmeasure(box):
    """Clips as an older version left them: the gain without a limiter, nothing measured behind it."""
    with sqlite3.connect(box.data_dir / "dalaba.db") as db:
        db.execute("UPDATE clip SET gain_db = -16 - loudness_lufs, output_lufs = NULL,"
                   " level_limit = 'unmeasured'")  # fmt: skip
    db.close()


def raw_upload(box, data):
    """The status, over a connection of its own."""
    return Client("http://box", UnixAdapter(box.socket)).raw("POST", "/clips", data=data).status_code


def test_clips_of_before_are_measured(make_box, folder):
    box = make_box().start()
    made = [box.api.post("/speech", {"text": text}) for text in ("请注意" * 3, "大家好" * 3, "谢谢" * 3)]
    box.stop()
    unmeasure(box)
    lost, half = sorted(clip["id"] for clip in made)[:2]
    file = {id: box.data_dir / "clips" / id[:2] / f"{id}.opus" for id in (lost, half)}
    file[lost].unlink()
    whole = file[half].read_bytes()
    cut = whole[: whole.rindex(b"OggS")]
    assert cut.count(b"OggS") > 2, "there is sound in it"
    file[half].write_bytes(cut)
    box.start()
    for clip in made:
        path = f"/clips/{clip['id']}"
        if clip["id"] in file:
            continue
        box.wait_for(lambda: box.api.get(path)["level_limit"] != "unmeasured", 20, f"{path} measured")
        now = box.api.get(path)
        assert abs(now.pop("gain_db") - clip.pop("gain_db")) < 0.3, (now, clip)
        assert now == clip and now["level_limit"] == "none"
    for id, why in ((lost, "No such file"), (half, "its file is cut off: it has ")):
        told = f"clip {id[:12]} could not be measured again, and may be quieter than others: {why}"
        box.wait_for(lambda: told in box.log, 20, told)
        now = box.api.get(f"/clips/{id}")
        assert now["level_limit"] == "unmeasured" and now["output_lufs"] is None, now
        assert "not yet measured" in now["level_notice"]["en"]


HELD = """#!/bin/sh
cd '{folder}'
if mkdir taken 2>/dev/null; then wait_for=first; else wait_for=others; fi
while [ ! -e $wait_for ]; do sleep 0.05; done
exec '{program}'
"""


def test_clips_of_before_are_measured_however_much_comes_in(make_box, folder, monkeypatch):
    """More is taken in than there is room for when the first has been measured."""
    box = make_box().start()
    zone = box.zone("horn", box.output(f"wav:{folder}/out.wav"), [0])
    made = sorted(box.api.post("/speech", {"text": text})["id"] for text in ("请注意", "大家好"))
    box.stop()
    unmeasure(box)
    build = alsa.build_dir()
    for name in ("dalabad", "dalaba-relay"):
        shutil.copy(build / name, folder / name)
    held = folder / "dalaba-ingest"
    held.write_text(HELD.format(folder=folder, program=build / held.name))
    held.chmod(0o755)
    monkeypatch.setattr(alsa, "build_dir", lambda: folder)
    box.start()
    box.wait_for((folder / "taken").exists, 10, "the first to be measured")
    with concurrent.futures.ThreadPoolExecutor(TASKS_MAX) as pool:
        sounds = [sound.write_wav(folder / f"{i}.wav", sound.noise(0.1, i)) for i in range(TASKS_MAX)]
        uploads = [pool.submit(raw_upload, box, path.read_bytes()) for path in sounds]
        box.wait_for(lambda: any(u.done() for u in uploads), 20, "no more room")
        for text in ("Fire!", "Flood!", "Storm!"):
            box.api.post("/alerts", {"zones": [zone], "severity": "severe", "headline": text, "text": text})
        (folder / "first").touch()
        box.wait_for(lambda: box.api.get(f"/clips/{made[0]}")["level_limit"] == "none", 20, "the first")
        (folder / "others").touch()
        assert sorted(u.result() for u in uploads) == [201] * (TASKS_MAX - 1) + [409]
    box.wait_for(lambda: box.api.get(f"/clips/{made[1]}")["level_limit"] == "none", 20, "the second")

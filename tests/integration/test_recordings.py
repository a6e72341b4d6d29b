"""What zones were sent is kept: it is what the card played, it is found from the run, and it goes
when it is old or too much; and nothing about it is ever heard."""

import pathlib
import shutil
import signal
import sqlite3
import time

import numpy as np
import pytest
import scipy.signal

from conftest import Village, fill_disk
from rig import sound
from rig.capture import Capture
from rig.daemon import dalabactl, outcome

ALL = {"recording": {"class": "background", "kbps": 128}}


@pytest.fixture
def make_village(make_box, cards, folder):
    def make(config=ALL, **card):
        horn = cards.add("horn", **card)
        return Village(make_box(config=config).start(), horn, folder)

    return make


def recorded(village, run, zone, within_s=10):
    """The recording of a zone, once it is there."""
    return village.box.wait_for(
        lambda: outcome(village.box.run(run), zone)["recording"], within_s, "the recording")


def decoded(village, recording):
    path = village.folder / f"recording-{recording}.opus"
    path.write_bytes(village.api.get(f"/recordings/{recording}/audio"))
    return sound.decode_opus(path)


def played(card, channel):
    """All the card played on a channel, at 48 kHz, silence around it taken off."""
    got = Capture(card.capture)
    parts = [s.samples[:, channel] for s in got.segments]
    x = np.concatenate(parts)
    if got.segments[0].nominal_rate != sound.RATE:
        x = scipy.signal.resample_poly(x, sound.RATE // 300, got.segments[0].nominal_rate // 300)
    loud = np.nonzero(np.abs(x) > 2e-4)[0]
    return x[loud[0] : loud[-1] + 1]


def alike(kept, heard):
    """(lag in frames, correlation, kept's level over heard's in dB)."""
    n = min(len(kept), len(heard))
    kept, heard = kept[:n], heard[:n]
    xy = scipy.signal.correlate(kept, heard, "full", "fft")
    lag = int(np.argmax(xy)) - (n - 1)
    score = np.max(xy) / np.sqrt(np.sum(kept**2) * np.sum(heard**2))
    return lag, score, 10 * np.log10(np.sum(kept**2) / np.sum(heard**2))


def files(box):
    root = pathlib.Path(box.data_dir) / "recordings"
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())


@pytest.mark.threads
@pytest.mark.parametrize("rate", [48000, 44100])
def test_it_is_what_was_heard(make_village, rate):
    village = make_village(rates=[rate])
    village.api.patch(f"/zones/{village.right}", {"gain_db": -12})
    clip, _ = village.clip(3.0, seed=5, low=200, high=4000)
    run = village.push([village.left, village.right], clip=clip["id"])
    row = village.box.wait_run(run)
    ids = [recorded(village, run, zone) for zone in (village.left, village.right)]
    listed = village.api.get("/recordings", params={"run": run})["items"]
    assert sorted(r["id"] for r in listed) == sorted(ids)
    assert village.api.get("/recordings", params={"zone": village.right})["items"] == [
        r for r in listed if r["zone"] == village.right]
    sounds = [decoded(village, i) for i in ids]
    for recording in listed:
        zone = outcome(row, recording["zone"])
        assert recording["run"] == run and recording["started"] == zone["started"]
        assert abs(recording["duration_ms"] - zone["played_ms"]) <= 2 and recording["lost_ms"] == 0
        assert village.api.get(f"/recordings/{recording['id']}") == recording
    assert "-zone" in files(village.box)[0] and len(files(village.box)) == 2
    village.box.close()
    for channel, kept in enumerate(sounds):
        lag, score, level_db = alike(kept, played(village.card, channel))
        print(f"lag {lag}, correlation {score:.4f}, level {level_db:.2f} dB")
        assert abs(lag) <= 48 and score > 0.97 and abs(level_db) < 0.5


def test_ranges(make_village):
    village = make_village()
    clip, _ = village.clip(1.0, seed=6)
    run = village.push([village.left], clip=clip["id"])
    village.box.wait_run(run)
    path = f"/recordings/{recorded(village, run, village.left)}/audio"
    whole = village.api.raw("GET", path)
    assert whole.content[:4] == b"OggS" and whole.headers["Content-Type"].startswith("audio/ogg")
    part = village.api.raw("GET", path, headers={"Range": "bytes=4-19"})
    assert part.status_code == 206 and part.content == whole.content[4:20]
    assert village.api.raw("GET", path, headers={"Range": "bytes=99999999-"}).status_code == 416
    known = village.api.raw("GET", path, headers={"If-None-Match": whole.headers["ETag"]})
    assert known.status_code == 304
    village.api.refused("GET", "/recordings/999/audio", 404)
    # A zone that is gone keeps its record.
    village.api.delete(f"/zones/{village.left}")
    assert village.api.raw("GET", path).content == whole.content


def test_alerts_are_kept_and_programmes_are_not(make_village):
    village = make_village(config={"recording": {"kbps": 64}})
    clip, _ = village.clip(1.0, seed=7)
    run = village.push([village.left], clip=clip["id"])
    village.box.wait_run(run)
    alert = village.api.post("/alerts", {"clip": clip["id"], "severity": "severe", "level": "town",
                                         "zones": [village.left], "repeat_every_s": 0})  # fmt: skip
    village.box.wait_for(
        lambda: village.api.get(f"/alerts/{alert['id']}")["state"] == "played", 20, "the alert to be over")
    (sounding,) = [r for r in village.box.runs_of() if r["alert"] == alert["id"]]
    kept = decoded(village, recorded(village, sounding["id"], village.left))
    assert outcome(village.box.run(run), village.left)["recording"] is None
    assert [r["run"] for r in village.api.all("/recordings")] == [sounding["id"]]
    assert len(kept) > sound.RATE


@pytest.mark.threads
def test_interrupted_ducked_and_stopped_as_it_was_sent(make_village):
    village = make_village()
    music, _ = village.clip(30.0, seed=8, low=200, high=2000, rms_db=-14)
    notice, _ = village.clip(2.0, seed=9)
    below = village.push([village.left], clip=music["id"], **{"class": "background"})
    village.box.wait_run(below, states=("playing",))
    time.sleep(1.5)
    over = village.push([village.left], clip=notice["id"])
    village.box.wait_run(over)
    village.api.post("/alerts", {"clip": notice["id"], "severity": "severe", "level": "town",
                                 "zones": [village.left], "repeat_every_s": 0})  # fmt: skip
    village.box.wait_run(below, states=("paused", "cut"))
    village.box.wait_for(lambda: outcome(village.box.run(below), village.left)["outcome"] in ("playing", "cut"),
                         20, "the music to end or come back")  # fmt: skip
    time.sleep(1.0)
    if outcome(village.box.run(below), village.left)["outcome"] == "playing":
        village.api.post(f"/runs/{below}/stop")
    row = outcome(village.box.wait_run(below), village.left)
    recording = village.api.get(f"/recordings/{recorded(village, below, village.left)}")
    # While it was paused nothing was kept; a fade is played, and not counted as heard.
    assert abs(recording["duration_ms"] - row["played_ms"]) < 450, (recording, row)
    kept = decoded(village, recording["id"])
    mixed = decoded(village, recorded(village, over, village.left))
    village.box.close()
    heard = played(village.card, 0)
    # The notice's own recording has the music in it, as the horn had.
    xy = scipy.signal.correlate(heard, mixed[4800:-4800], "valid", "fft")
    at = int(np.argmax(xy))
    piece = heard[at : at + len(mixed) - 9600]
    score = xy[at] / np.sqrt(np.sum(piece**2) * np.sum(mixed[4800:-4800] ** 2))
    assert score > 0.97, score
    # The music begins as what was heard, through the notice over it.
    lag, score, level_db = alike(kept[: 3 * sound.RATE], heard[: 3 * sound.RATE])
    assert abs(lag) <= 48 and score > 0.97 and abs(level_db) < 0.5, (lag, score, level_db)


@pytest.mark.threads
def test_a_crash_leaves_nothing_half(make_village):
    village = make_village()
    clip, _ = village.clip(1.0, seed=10)
    long, _ = village.clip(20.0, seed=11)
    first = village.push([village.left], clip=clip["id"])
    village.box.wait_run(first)
    kept = recorded(village, first, village.left)
    audio = village.api.get(f"/recordings/{kept}/audio")
    village.box.wait_for(lambda: not any(f.startswith("new/") for f in files(village.box)), 5, "it to be moved")
    (path,) = files(village.box)
    run = village.push([village.left, village.right], clip=long["id"])
    village.box.wait_for(lambda: len(files(village.box)) == 3, 10, "files to be begun")
    time.sleep(1.0)
    village.box.kill()
    # As if it had stopped between the row and the move; and what is not ours stays.
    root = village.box.data_dir / "recordings"
    (root / path).rename(root / "new" / pathlib.Path(path).name)
    (root / "new" / "notes.opus").write_bytes(b"mine")
    village.box.start()
    assert files(village.box) == sorted([path, "new/notes.opus"])
    assert village.api.get(f"/recordings/{kept}/audio") == audio
    row = village.box.run(run)
    assert [z["recording"] for z in row["zones"]] == [None, None]
    assert "cut short by a crash" in village.box.log


@pytest.mark.threads
def test_what_sounds_when_the_box_stops_is_kept(make_village):
    village = make_village()
    clip, _ = village.clip(20.0, seed=12)
    run = village.push([village.left], clip=clip["id"])
    village.box.wait_run(run, states=("playing",))
    time.sleep(1.5)
    village.box.stop()
    assert len(files(village.box)) == 1 and not files(village.box)[0].startswith("new/")
    village.box.start()
    row = outcome(village.box.run(run), village.left)
    assert row["outcome"] == "cut" and row["recording"]
    assert abs(len(decoded(village, row["recording"])) / 48 - row["played_ms"]) < 400


def plant(village, run, sizes_and_ages):
    """Recordings of other zones with files of their own: (MB, days old) each."""
    village.box.stop()
    db = sqlite3.connect(village.box.data_dir / "dalaba.db")
    now = time.time_ns() // 1000
    planted = []
    for i, (size, days) in enumerate(sizes_and_ages):
        file = f"2020/01/20200101T000000.00000{i}Z-zone{100 + i}-1.opus"
        path = village.box.data_dir / "recordings" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"OggS")
        (path.parent / "notes.txt").write_bytes(b"mine")
        db.execute("INSERT INTO recording (run, zone, started_us, duration_ms, lost_ms, size_bytes, file)"
                   " VALUES (?, ?, ?, 1, 0, ?, ?)",
                   (run, 100 + i, now - int(days * 86400e6), int(size * 1e6), file))  # fmt: skip
        planted.append(file)
    db.commit()
    db.close()
    village.box.start()
    return planted


def wait_files(village, wanted):
    village.box.wait_for(lambda: {f for f in files(village.box) if "notes" not in f} == set(wanted), 20,
                         f"only {wanted} to be left")  # fmt: skip
    village.box.wait_for(lambda: len(village.api.all("/recordings")) == len(wanted), 5, "the rows to go too")


def test_old_and_too_much_is_let_go(make_village):
    village = make_village(config={"recording": {"size_mb": 2}, "retention": {"recordings_days": 50}})
    clip, _ = village.clip(0.5, seed=13)
    run = village.push([village.left], clip=clip["id"])
    village.box.wait_run(run)
    # 1.9 MB are young enough; the two that are older than 50 days go, however little they are.
    planted = plant(village, run, [(0.1, 60), (0.9, 10), (0.9, 5), (0.1, 51), (0.1, 0.1)])
    wait_files(village, [planted[1], planted[2], planted[4]])
    # A smaller limit, read again while it runs: the oldest go until it is kept.
    village.box.settings["recording"]["size_mb"] = 1
    village.box.write_config()
    village.box.process.send_signal(signal.SIGHUP)
    wait_files(village, [planted[2], planted[4]])
    village.box.settings["retention"]["recordings_days"] = 1
    village.box.write_config()
    village.box.process.send_signal(signal.SIGHUP)
    wait_files(village, [planted[4]])
    assert (village.box.data_dir / "recordings/2020/01/notes.txt").read_bytes() == b"mine"
    # None at all: the rest goes, and the run stays.
    village.box.settings["retention"]["recordings_days"] = 0
    village.box.write_config()
    village.box.process.send_signal(signal.SIGHUP)
    wait_files(village, [])
    assert village.box.run(run)["state"] == "played"


def test_old_runs_are_let_go(make_village):
    village = make_village(config={"retention": {"log_days": 30}})
    clip, _ = village.clip(0.3, seed=14)
    runs = [village.push([village.left], clip=clip["id"]) for _ in range(3)]
    for run in runs:
        village.box.wait_run(run)
    village.box.stop()
    db = sqlite3.connect(village.box.data_dir / "dalaba.db")
    db.execute("UPDATE run SET due_us = due_us - 31 * 86400000000 WHERE id <> ?", (runs[2],))
    db.commit()
    db.close()
    village.box.start()
    village.box.wait_for(lambda: [r["id"] for r in village.box.runs_of()] == [runs[2]], 20, "old runs to go")


def test_a_full_disk_costs_the_recording_alone(make_box, cards, folder, small_disk):
    card = cards.add("horn")
    box = make_box(config={"daemon": {"data_dir": small_disk}, **ALL}).start()
    village = Village(box, card, folder)
    clip, reference = village.clip(5.0, seed=15)
    run = village.push([village.left], clip=clip["id"])
    box.wait_run(run, states=("playing",))
    filler = fill_disk(small_disk)
    box.wait_for(lambda: "recordings" in [f["source"] for f in village.api.get("/status")["faults"]], 20, "the fault")
    (fault,) = [f["text"] for f in village.api.get("/status")["faults"] if f["source"] == "recordings"]
    assert "No space left" in fault, fault
    assert shutil.disk_usage(small_disk).free < 65536
    filler.unlink()
    box.wait_for(lambda: not village.api.get("/status")["faults"], 40, "the faults to be over")
    row = outcome(box.wait_run(run), village.left)
    assert row["outcome"] == "played" and row["recording"] is None
    assert not list((small_disk / "recordings").rglob("*.opus"))
    again = village.push([village.right], clip=clip["id"])
    box.wait_run(again)
    assert recorded(village, again, village.right)
    box.close()
    assert Capture(card.capture).find(reference, sound.RATE, 0).snr_db >= 60


def test_a_folder_that_is_removed(make_village):
    """It costs what was in it, and what is being made; that is told, and not listed."""
    village = make_village()
    root = village.box.data_dir / "recordings"
    clip, _ = village.clip(3.0, seed=17)
    run = village.push([village.left], clip=clip["id"])
    village.box.wait_run(run, states=("playing",))
    village.box.wait_for(lambda: files(village.box), 5, "a file")
    shutil.rmtree(root)
    village.box.wait_run(run)
    (fault,) = village.box.wait_for(lambda: village.api.get("/status")["faults"], 10, "the fault")
    assert "zone1-1.opus' cannot be moved to" in fault["text"] and "No such file" in fault["text"], fault
    assert outcome(village.box.run(run), village.left)["recording"] is None
    assert village.api.all("/recordings") == []
    # The next one is kept, also where the folder goes once more before it.
    shutil.rmtree(root)
    again = village.push([village.left], clip=clip["id"])
    village.box.wait_run(again)
    assert len(decoded(village, recorded(village, again, village.left))) == 3 * sound.RATE
    # And where the box stops while it is made.
    last = village.push([village.left], clip=clip["id"])
    village.box.wait_run(last, states=("playing",))
    village.box.wait_for(lambda: len(files(village.box)) == 2, 5, "a file")
    time.sleep(0.5)
    shutil.rmtree(root)
    village.box.stop()
    village.box.start()
    assert outcome(village.box.run(last), village.left)["recording"] is None


def test_dalabactl_tells_of_it(make_village):
    village = make_village()
    clip, _ = village.clip(0.5, seed=16)
    run = village.push([village.left], clip=clip["id"])
    village.box.wait_run(run)
    recording = recorded(village, run, village.left)
    assert f'"recording":{recording}' in dalabactl(village.box, "runs", "--json")

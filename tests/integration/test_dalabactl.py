"""dalabactl against the real daemon: what a clerk does in a shell, from the zones to the
record. test_dalabactl_use.py has what a healthy daemon never answers."""

import json
import subprocess

import pytest

from rig import alsa, sound
from rig.daemon import SANITIZER

TEXT = "Good morning, village."


def ctl(box, *words, expect=0, **env):
    """(stdout, stderr) of dalabactl at the box's socket."""
    end = subprocess.run(
        [alsa.build_dir() / "dalabactl", *map(str, words)],
        capture_output=True, text=True, encoding="utf-8", timeout=60, check=False,
        env={**box.env, "DALABA_SOCKET": str(box.socket), **env},
    )  # fmt: skip
    assert end.returncode == expect, f"exit {end.returncode}: {end.stdout}{end.stderr}"
    assert not SANITIZER.search(end.stderr), end.stderr
    return end.stdout, end.stderr


@pytest.fixture(name="town")
def town_(make_box, folder):
    """A box with two zones that play into WAV files, one below each of two areas."""
    box = make_box().start()
    output = box.output(f"wav:{folder}/town.wav")
    for code, name in (("360925100201", "东村"), ("360925100202", "西村")):
        box.api.post("/areas", {"code": code, "name": name})
    areas = {a["code"]: a["id"] for a in box.api.all("/areas")}
    box.zone("东村大喇叭", output, [0], area=areas["360925100201"])
    box.zone("West", output, [1], area=areas["360925100202"])
    return box


@pytest.fixture(name="recording")
def recording_(folder):
    return sound.write_wav(folder / "早间 新闻.wav", sound.noise(1.0, 5))


def test_zones_and_status(town):
    out, _ = ctl(town, "zones")
    assert "东村大喇叭" in out and "West" in out
    assert json.loads(ctl(town, "zones", "--json")[0]) == town.api.get("/zones")
    out, _ = ctl(town, "status")
    assert out.startswith("clock 20") and "idle" in out
    status = json.loads(ctl(town, "status", "--json")[0])
    assert [z["name"] for z in status["zones"]] == ["东村大喇叭", "West"]


def test_status_tells_who_waits(town, folder):
    long = town.clip(sound.write_wav(folder / "long.wav", sound.noise(20.0, 6)))["id"]
    west = [z["id"] for z in town.api.all("/zones") if z["name"] == "West"]

    def push(kind):
        return town.api.post("/runs", {"clip": long, "zones": west, "class": kind})["id"]

    music = push("background")
    town.wait_run(music, states=("playing",))
    notice = push("notice")
    town.wait_run(notice, states=("playing",))
    waiting = [push("programme"), push("background"), push("notice")]
    out, _ = ctl(town, "status")
    head, *rows = out.splitlines()[1:]
    assert head.split() == ["ID", "ZONE", "STATE", "RUN", "LEVEL", "QUEUE", "FAULT"]
    (row,) = [r for r in rows if "West" in r]
    assert f"{notice} over {music} " in row
    assert f" {waiting[0]}, {waiting[2]}, {waiting[1]}" in row
    (row,) = [r for r in rows if "东村大喇叭" in r]
    assert "idle" in row
    town.api.post("/stop")


def test_play_wait_and_the_record(town, recording):
    out, _ = ctl(town, "play", recording, "--zone", "东村大喇叭", "--wait")
    run = town.run(int(out))
    assert [(z["name"], z["outcome"]) for z in run["zones"]] == [("东村大喇叭", "played")]
    out, _ = ctl(town, "runs")
    head, row = out.splitlines()
    assert head.split() == ["ID", "DUE", "TITLE", "ZONE", "OUTCOME", "LATE", "REASON"]
    for word in (str(run["id"]), run["due"], "早间 新闻", "东村大喇叭", "played", " ms"):
        assert word in row
    assert json.loads(ctl(town, "runs", "--json")[0])["items"] == town.runs_of()
    assert len(ctl(town, "runs", "--zone", "West")[0].splitlines()) == 1
    assert len(ctl(town, "runs", "--state", "played")[0].splitlines()) == 2
    assert len(ctl(town, "runs", "--state", "failed")[0].splitlines()) == 1


def test_play_what_is_no_recording(town, folder):
    notes = folder / "notes.txt"
    notes.write_text("this is no sound", encoding="utf-8")
    out, err = ctl(town, "play", notes, "--zone", "West", expect=1)
    assert out == "" and str(notes) in err
    assert town.runs_of() == []


def test_say_by_area_and_stop(town):
    out, _ = ctl(town, "say", " ".join([TEXT] * 20), "--area", "360925100", "--title", "通知")
    run = town.wait_run(int(out), states=("playing",))
    assert {z["name"] for z in run["zones"]} == {"东村大喇叭", "West"}
    assert run["title"] == "通知"
    ctl(town, "stop", "--zone", "West")
    town.wait_for(lambda: [z["outcome"] for z in town.run(run["id"])["zones"]] == ["playing", "cut"],
                  10, "the zone West to be cut")
    ctl(town, "stop", "--run", run["id"])
    assert [z["outcome"] for z in town.wait_run(run["id"])["zones"]] == ["cut", "cut"]
    _, err = ctl(town, "stop", "--run", run["id"], expect=1)
    assert str(run["id"]) in err
    ctl(town, "stop")


def test_wait_tells_that_it_was_cut(town, folder):
    long = sound.write_wav(folder / "long.wav", sound.noise(30.0, 6))
    with subprocess.Popen(
        [alsa.build_dir() / "dalabactl", "--socket", town.socket, "play", long, "--zone", "West", "--wait"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=town.env,
    ) as waiting:
        run = int(waiting.stdout.readline())
        town.wait_run(run, states=("playing",))
        ctl(town, "stop")
        _, err = waiting.communicate(timeout=20)
    assert waiting.returncode == 1
    assert "West" in err and "cut" in err


def test_a_schedule_from_its_rule_to_its_removal(town, recording):
    rule, due = town.at(3600)
    out, _ = ctl(town, "schedule", "add", "--clip", recording, "--zone", "West", "--rule", rule,
                 "--missed", "600", "--class", "programme")
    schedule = int(out)
    row = town.api.get(f"/schedules/{schedule}")
    assert row["missed"] == {"play_within_s": 600} and row["class"] == "programme"
    out, _ = ctl(town, "schedule", "list")
    assert rule in out and "早间 新闻" in out and "West" in out
    out, _ = ctl(town, "schedule", "next", schedule)
    assert out == due.isoformat() + "\n"
    ctl(town, "schedule", "remove", schedule)
    _, err = ctl(town, "schedule", "next", schedule, expect=1)
    assert str(schedule) in err


def test_a_schedule_that_is_refused_leaves_nothing(town, recording):
    _, err = ctl(town, "schedule", "add", "--clip", recording, "--zone", "West", "--rule", "99 8 * * *", expect=1)
    assert "99" in err
    assert town.api.all("/announcements") == [] and town.api.all("/clips") == []
    _, err = ctl(town, "schedule", "add", "--text", TEXT, "--zone", "North", "--rule", "0 8 * * *", expect=1)
    assert "there is no zone 'North'; there are: 东村大喇叭, West" in err
    assert town.api.all("/announcements") == []


def test_a_schedule_of_words_plays(town):
    rule, _ = town.at(5)
    out, _ = ctl(town, "schedule", "add", "--text", TEXT, "--zone", "West", "--rule", rule)
    run = town.wait_scheduled_run(int(out))
    assert [z["outcome"] for z in run["zones"]] == ["played"]
    assert run["title"] == TEXT


def test_many_pages(town):
    made = [town.api.post("/announcements", {"title": f"第{i}号", "parts": [{"silence_ms": 10}]})["id"]
            for i in range(3)]
    ids = [town.schedule(made[i % 3], [1], f"{i % 60} {i // 60} * * *") for i in range(250)]
    listed = json.loads(ctl(town, "schedule", "list", "--json")[0])
    assert [s["id"] for s in listed["items"]] == ids and listed["next"] is None
    assert len(ctl(town, "schedule", "list")[0].splitlines()) == 251


def test_a_token_opens_the_network(town):
    url = f"http://127.0.0.1:{town.port}"
    _, err = ctl(town, "zones", "--url", url, expect=1)
    assert "--token" in err
    _, err = ctl(town, "zones", "--url", url, "--token", "wrong", expect=1)
    token = ctl(town, "token", "add", "办公室")[0].strip()
    assert len(token) >= 32
    assert "West" in ctl(town, "zones", "--url", url, "--token", token)[0]
    assert "West" in ctl(town, "zones", "--url", url, DALABA_TOKEN=token)[0]
    assert token not in town.log
    assert not any(token.encode() in path.read_bytes() for path in town.data_dir.iterdir() if path.is_file())


def test_no_daemon_any_more(town):
    town.stop()
    _, err = ctl(town, "status", expect=3)
    assert str(town.socket) in err

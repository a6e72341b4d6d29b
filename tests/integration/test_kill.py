"""The power goes at random moments: SIGKILL, again and again, to boxes at work. What was
acknowledged is there after the next start, nothing sounds twice, nothing stays `playing`.

DALABA_KILLS (200) is how often over all boxes, DALABA_SEED repeats a run of dice.
"""

import dataclasses
import datetime
import hashlib
import os
import random
import sqlite3
import threading
import time

import numpy as np
import pytest
import requests
import scipy.signal

from rig import daemon, sound
from rig.capture import Capture, _peaks

BOXES = 6
KILLS = int(os.environ.get("DALABA_KILLS", "200"))
LONGEST_S = 420
SLOW = 4000  # the rate at which sounds are searched for
FADE_S = 0.22  # what is interrupted is gone by then
HEAD_S = 0.08  # as much of a sound must have been heard to count
FINAL = {"played", "cut", "failed", "missed", "skipped", "cancelled"}


@dataclasses.dataclass
class Sound:
    """One noise, used by one schedule or one push and never again."""

    seed: int
    clip: str
    used_by: str = ""


@dataclasses.dataclass
class Planned:
    schedule: int
    sound: Sound
    due: datetime.datetime
    acknowledged: datetime.datetime
    grace_s: int
    deleted: bool = False


class Life:
    """One box through all its lives, and what it has promised."""

    def __init__(self, box, card, dice, kills):
        self.box = box
        self.card = card
        self.dice = dice
        self.kills = kills
        self.next_seed = dice.randrange(1, 1 << 40)
        self.sounds = []
        self.planned = {}
        self.pushed = {}  # run id -> sound
        self.unsure = []  # pushes without an answer: (key, body, sound)
        self.areas = {}  # id -> the names it may have
        self.deaths = 0
        self.error = None

    # --- acts: each is acknowledged whole, or the connection broke

    def upload(self):
        seed = self.next_seed
        self.next_seed += 1
        path = self.box.folder / f"{seed}.wav"
        sound.write_wav(path, sound.noise(0.4, seed, high=3000))
        clip = self.box.clip(path, f"sound {seed}")
        path.unlink()
        self.sounds.append(Sound(seed, clip["id"]))

    def free_sound(self):
        free = [s for s in self.sounds if not s.used_by]
        return self.dice.choice(free) if free else None

    def schedule(self):
        s = self.free_sound()
        if s is None:
            return self.upload()
        s.used_by = "a schedule"  # whatever becomes of the answer
        rule, due = self.box.at(self.dice.uniform(0.3, 2.5))
        grace = self.dice.choice((0, 0, 0, 60))
        announcement = self.box.announcement([{"clip": s.clip}], f"{s.seed}")
        zones = self.dice.choice(([self.left], [self.right], [self.left, self.right]))
        schedule = self.box.schedule(
            announcement, zones, rule, missed={"play_within_s": grace} if grace else "skip",
            conflict=self.dice.choice(("wait", "skip")),
        )  # fmt: skip
        self.planned[schedule] = Planned(schedule, s, due, now(), grace)

    def push(self):
        s = self.free_sound()
        if s is None:
            return self.upload()
        s.used_by = "a push"
        body = {"clip": s.clip, "zones": [self.dice.choice((self.left, self.right))],
                "class": self.dice.choice(("notice", "background"))}  # fmt: skip
        key = f"push-{s.seed}"
        self.unsure.append((key, body, s))
        self.ask_again()

    def ask_again(self):
        """A client that got no answer asks with the same key: it happens once."""
        while self.unsure:
            key, body, s = self.unsure[-1]
            run = self.box.api.post("/runs", body, headers={"Idempotency-Key": key})["id"]
            self.unsure.pop()
            self.pushed[run] = s

    def area(self):
        if not self.areas or self.dice.random() < 0.3:
            code = f"{self.dice.randrange(10**12):012d}"
            made = self.box.api.post("/areas", {"code": code, "name": "new"})["id"]
            self.areas[made] = {"new"}
            return
        area = self.dice.choice(list(self.areas))
        name = f"name {self.dice.random()}"
        self.areas[area].add(name)
        self.box.api.patch(f"/areas/{area}", {"name": name})
        self.areas[area] = {name}

    def delete_schedule(self):
        ahead = [p for p in self.planned.values() if p.deleted is False]
        if ahead and self.dice.random() < 0.3:
            planned = self.dice.choice(ahead)
            planned.deleted = None  # not known until acknowledged
            self.box.api.delete(f"/schedules/{planned.schedule}")
            planned.deleted = True

    # --- lives

    def found(self):
        """The first life, which sets up."""
        self.box.start()
        output = self.box.output(self.card.pcm)
        self.left = self.box.zone("left", output, [0])
        self.right = self.box.zone("right", output, [1])
        for _ in range(4):
            self.upload()

    def live(self):
        """One life with a random end."""
        ends = time.monotonic() + self.dice.uniform(0.05, 2.8)
        killer = threading.Timer(max(0, ends - time.monotonic()), self.box.process.kill)
        killer.start()
        try:
            self.box.wait_for(self.box.ready, 30, "the line `ready`")
            self.check_promises()
            self.ask_again()
            while True:
                act = self.dice.choice((self.upload, self.schedule, self.schedule, self.push,
                                        self.push, self.area, self.delete_schedule))  # fmt: skip
                act()
                time.sleep(self.dice.uniform(0, 0.15))
        except (requests.RequestException, OSError, daemon.Ended):
            pass  # its end broke the connection; whether it was the killer's doing is seen below
        except AssertionError:
            killer.cancel()
            raise
        killer.join()
        assert self.box.process.wait(10) == -9, f"it ended by itself\n{self.box.tail()}"
        self.box.process = None
        self.box.check_log()
        self.deaths += 1

    def go(self):
        try:
            self.found()
            self.box.kill()
            until = time.monotonic() + LONGEST_S
            while self.deaths < self.kills and time.monotonic() < until:
                self.launched = now()
                self.box.launch()
                self.live()
        except BaseException as e:  # handed to the test's own thread
            self.error = e

    # --- promises

    def check_promises(self):
        runs = self.box.runs_of()
        self.check_runs(runs)
        schedules = {s["id"]: s for s in self.box.api.all("/schedules")}
        for p in self.planned.values():
            if p.deleted is False:
                assert p.schedule in schedules, f"schedule {p.schedule} was lost"
            elif p.deleted is True:
                assert p.schedule not in schedules, f"schedule {p.schedule} is back"
        clips = {c["id"] for c in self.box.api.all("/clips")}
        lost = [s.clip for s in self.sounds if s.clip not in clips]
        assert not lost, f"clips were lost: {lost}"
        areas = {a["id"]: a["name"] for a in self.box.api.all("/areas")}
        for area, names in self.areas.items():
            assert areas.get(area) in names, (area, areas.get(area), names)
            self.areas[area] = {areas[area]}
        ids = {r["id"] for r in runs}
        lost = [run for run in self.pushed if run not in ids]
        assert not lost, f"runs were lost: {lost}"

    def check_runs(self, runs, over=False):
        seen = {}
        for r in runs:
            due = datetime.datetime.fromisoformat(r["due"].replace("Z", "+00:00"))
            if r.get("schedule"):
                twin = seen.setdefault((r["schedule"], due), r["id"])
                assert twin == r["id"], f"runs {twin} and {r['id']} are the same due"
            planned = self.planned.get(r.get("schedule"))
            if not over and (due >= self.launched or planned is None or planned.grace_s):
                # Of this life, or taken up late as its schedule allows.
                if due >= self.launched or r.get("schedule"):
                    continue
            for z in r["zones"]:
                assert z["outcome"] in FINAL, f"left from before the kill: {r}"
                assert z["outcome"] == "played" or z["reason"], r

    def check_at_the_end(self):
        self.launched = now()
        self.box.start()
        self.check_promises()
        self.ask_again()
        self.box.wait_for(
            lambda: all(z["outcome"] in FINAL for r in self.box.runs_of() for z in r["zones"]),
            90, "the last runs to end",
        )  # fmt: skip
        time.sleep(max(0, max((p.due.timestamp() for p in self.planned.values()), default=0)
                       + 1.5 - time.time()))  # fmt: skip
        runs = self.box.runs_of()
        self.check_runs(runs, over=True)
        of_schedule = {r["schedule"]: r for r in runs if r.get("schedule")}
        for p in self.planned.values():
            if p.deleted is False and p.acknowledged < p.due:
                assert p.schedule in of_schedule, f"{p} was acknowledged and never happened"
        for s in self.sounds:
            data = self.box.api.get(f"/clips/{s.clip}/audio")
            assert hashlib.sha256(data).hexdigest() == s.clip
        self.box.stop()
        self.check_database()
        self.check_sound(runs, of_schedule)
        return runs

    def check_database(self):
        (path,) = [p for p in self.box.data_dir.iterdir() if p.suffix in (".db", ".sqlite")]
        with sqlite3.connect(path) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert db.execute("PRAGMA foreign_key_check").fetchall() == []

    def check_sound(self, runs, of_schedule):
        """Counts each noise in what left the card."""
        heard = Capture(self.card.capture)
        lines = [slow(joined(heard, channel)) for channel in (0, 1)]
        outcomes = {s.seed: of_schedule[p.schedule] for p in self.planned.values()
                    if p.schedule in of_schedule for s in [p.sound]}  # fmt: skip
        by_id = {r["id"]: r for r in runs}
        outcomes.update({s.seed: by_id[run] for run, s in self.pushed.items()})
        counted = 0
        for s in self.sounds:
            x = slow(sound.noise(0.4, s.seed, high=3000))
            head, tail = x[: int(HEAD_S * SLOW)], x[int(FADE_S * SLOW) : -int(0.02 * SLOW)]
            run = outcomes.get(s.seed)
            for channel, zone in ((0, self.left), (1, self.right)):
                n = len(_peaks(lines[channel], head, 0.6))
                rows = [z for z in run["zones"] if z["zone"] == zone] if run else []
                played = bool(rows) and rows[0]["outcome"] == "played"
                if n == 0 and played:  # its head lay beneath the fade of what it interrupted
                    n = len(_peaks(lines[channel], tail, 0.6))
                assert n <= 1, f"sound {s.seed} ({s.used_by}) was heard {n} times: {run}"
                counted += n
                # What went on softly beneath another is hard to find there.
                covered = bool(rows) and "softer" in (rows[0]["reason"] or "")
                if played and not covered:
                    assert n == 1, f"sound {s.seed} is `played`, and was not heard: {run}"
                if not rows and run:
                    assert n == 0, f"sound {s.seed} was heard in another zone: {run}"
        self.counted = counted


def joined(heard, channel):
    """All that a channel played, with a pause after every piece."""
    pause = np.zeros(int(0.5 * sound.RATE))
    return np.concatenate([np.concatenate((s.samples[:, channel], pause))
                           for s in heard.segments])  # fmt: skip


def slow(x):
    return scipy.signal.resample_poly(x, 1, sound.RATE // SLOW).astype(np.float32)


def now():
    return datetime.datetime.now(daemon.ZONE)


@pytest.mark.heavy
def test_killed_at_random_moments(make_box, cards, capsys):
    seed = int(os.environ.get("DALABA_SEED", random.SystemRandom().randrange(1 << 32)))
    with capsys.disabled():
        print(f"\nDALABA_SEED={seed}: {KILLS} kills over {BOXES} boxes")
    lives = []
    for n in range(BOXES):
        card = cards.add(f"card{n}")
        kills = KILLS // BOXES + (n < KILLS % BOXES)
        lives.append(Life(make_box(f"box{n}"), card, random.Random(f"{seed} {n}"), kills))
    for life in lives:  # one conf for all, written before the first starts
        life.box.env = cards.env()
    threads = [threading.Thread(target=life.go) for life in lives]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for life in lives:
        if life.error:
            raise AssertionError(f"DALABA_SEED={seed}, {life.box.folder.name}") from life.error
    assert sum(life.deaths for life in lives) == KILLS, "out of time"
    total = {}
    for life in lives:
        for r in life.check_at_the_end():
            total[r["state"]] = total.get(r["state"], 0) + 1
    heard = sum(life.counted for life in lives)
    with capsys.disabled():
        print(f"runs by state: {total}; sounds heard: {heard}")
    # The dice must have thrown both: sounds that were heard, and sounds that were cut short.
    assert heard > KILLS / 10 and total.get("played", 0) > 0

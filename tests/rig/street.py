"""A street of horns for benches and soaks: any number of cards of tests/alsa-clock, each with one
zone, and a box that plays into all of them. What it costs is read from the kernel.

    with street.Street(folder, zones=16, rate=44100) as box:
        box.play(clip)
        before = box.cpu_s()
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import subprocess
import sys
import time

from . import alsa, daemon, sound

SINK = "/dev/null"


def cpu_s(pid):
    """CPU seconds of all its threads, ended ones too (POSIX: the CPU clock of a process)."""
    return time.clock_gettime((~pid << 3) | 2)


def memory_mb(pid):
    """(resident, of it anonymous)."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return tuple(int(re.search(rf"^{field}:\s+(\d+)", text, re.M)[1]) / 1024
                 for field in ("VmRSS", "RssAnon"))  # fmt: skip


def waited_s(pid, name):
    """[(name, seconds, times)]: how long and how often the threads called so stood ready and
    waited for a processor since they began."""
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        called = (task / "comm").read_text().strip()
        if called.startswith(name):
            _, waited, times = map(int, (task / "schedstat").read_text().split())
            found.append((called, waited / 1e9, times))
    return found


def make_cards(folder, n, rate, keep=False):
    """The cards, in one asound.conf. What they play is kept, or dropped and only counted."""
    cards = alsa.Cards(folder)
    horns = [cards.add(f"horn{i}", rates=(rate,), channels=1) for i in range(n)]
    for horn in horns if not keep else ():
        horn.capture.symlink_to(SINK)
    return cards, horns


@dataclasses.dataclass
class Ran:
    """What one card did, by its own list of segments."""

    starts: int
    dry: int  # xruns
    frames: int  # of the segments that have ended
    buffer: int  # frames
    least: int  # frames that were ever queued, from 2 s after a start on; -1: not known


def ran(horn):
    side = pathlib.Path(f"{horn.capture}.jsonl")
    lines = side.read_text().splitlines() if side.exists() else []
    events = [json.loads(line) for line in lines]
    stops = [e for e in events if e["event"] == "stop"]
    least = [e["least"] for e in stops if e["least"] >= 0]
    return Ran(len(events) - len(stops), sum(e["reason"] == "xrun" for e in stops),
               sum(e["frames"] for e in stops), max((e["buffer"] for e in events if "buffer" in e), default=0),
               min(least) if least else -1)  # fmt: skip


class Street:
    """A box of its own, started; gone at the end of the `with`."""

    def __init__(self, folder, zones=16, rate=48000, keep=False, config=None):
        self.folder = pathlib.Path(folder)
        self.rate = rate
        cards, self.horns = make_cards(self.folder, zones, rate, keep)
        self.box = daemon.Daemon(self.folder, cards.env(), config).start()
        self.api = self.box.api
        try:
            # At their highest gain always: what sounds is then the clip, alert or not.
            self.zones = [self.box.zone(f"zone {i}", self.box.output(horn.pcm, 1, rate), [0], max_gain_db=0)
                          for i, horn in enumerate(self.horns)]  # fmt: skip
        except BaseException:
            self.box.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.box.close()

    @property
    def pid(self):
        return self.box.process.pid

    def play(self, **what):
        """The run, once it plays in every zone."""
        run = self.api.post("/runs", {"zones": self.zones, "class": "background", **what})["id"]
        return self.box.wait_run(run, states=("playing",))

    def cpu_s(self):
        return cpu_s(self.pid)

    def not_urgent(self):
        """Why its threads have no real-time priority; None where they have."""
        found = re.search(r"without real-time priority \((.*?)\)", self.box.log)
        return found and found[1]


@contextlib.contextmanager
def busy(loops=None):
    """Keeps every processor busy with programs of ordinary priority, two for each."""
    loops = loops or 2 * os.cpu_count()
    command = [sys.executable, "-c", "while True: pass"]
    programs = [subprocess.Popen(command, stdin=subprocess.DEVNULL) for _ in range(loops)]
    try:
        yield loops
    finally:
        for program in programs:
            program.kill()
            program.wait()


@dataclasses.dataclass
class Soaked:
    words: list  # lines to print
    failures: list  # of them, those that must not be
    not_urgent: str  # why the daemon has no real-time priority here; None: it has


def soak(folder, seconds, zones=16, rate=44100, loops=None):
    """One programme in every zone for so long, on a machine that is kept busy."""
    clip_s = 10 if seconds < 60 else 60
    repeat = max(1, round(seconds / clip_s))
    with Street(folder, zones, rate) as street:
        path = sound.write_wav(street.folder / "clip.wav", sound.noise(clip_s, 1))
        clip = street.box.clip(sound.encode(path, "opus"))
        announcement = street.box.announcement([{"clip": clip["id"]}], repeat=repeat)
        with busy(loops) as loops:
            run = street.play(announcement=announcement)
            before = waited_s(street.pid, "output")
            run = street.box.wait_run(run["id"], clip_s * repeat + 30)
            after = waited_s(street.pid, "output")
        not_urgent = street.not_urgent()
    cards = [ran(horn) for horn in street.horns]
    dry = sum(card.dry for card in cards)
    wanted_ms = clip["duration_ms"] * repeat
    missing_ms = [wanted_ms - zone["played_ms"] for zone in run["zones"]]
    least_ms = min(card.least for card in cards) * 1000 / rate
    waits = sum(times for _, _, times in after) - sum(times for _, _, times in before)
    waited = sum(s for _, s, _ in after) - sum(s for _, s, _ in before)
    words = [
        f"{zones} zones, {wanted_ms / 1000:.0f} s, {os.cpu_count()} processors, {loops} programs that keep them busy",
        f"cards that ran dry: {dry} times",
        f"missing of the programme: {max(missing_ms)} ms at most",
        f"least that was ever queued: {least_ms:.1f} ms; woken {waits} times, "
        f"on the average {waited * 1e6 / max(waits, 1):.0f} us late",
    ]  # fmt: skip
    failures = [words[1]] if dry or any(card.starts != 1 for card in cards) else []
    failures += [words[2]] if max(missing_ms) > 1 or run["state"] != "played" else []
    return Soaked(words, failures, not_urgent)

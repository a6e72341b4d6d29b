"""Fixtures for tests of the whole daemon (rig/): DALABA_BUILD names the build directory."""

import contextlib
import fcntl
import pathlib
import subprocess
import sys
import tempfile
import zlib

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from rig import alsa, daemon, sound  # noqa: E402

pytest_plugins = ["rig.stalls"]


def pytest_collection_modifyitems(items):
    # What keeps all processors busy comes last, so that workers do not wait for each other. The
    # rest is shuffled, always the same way: a worker gets a stretch of the list, and those of
    # one file that wait for minutes of sound would all be one worker's.
    items.sort(key=lambda item: (item.get_closest_marker("heavy") is not None,
                                 zlib.crc32(item.nodeid.encode())))  # fmt: skip


def pytest_configure(config):
    config.addinivalue_line("markers", "heavy: keeps the machine busy; runs alone")
    config.addinivalue_line("markers", "threads: ./dev test runs it under the thread sanitizer too")


@pytest.fixture(autouse=True)
def machine(request, tmp_path_factory):
    """Tests of sound share the machine; a heavy one has it to itself."""
    root = tmp_path_factory.getbasetemp()
    root = root.parent if hasattr(request.config, "workerinput") else root
    heavy = request.node.get_closest_marker("heavy") is not None
    with open(root / "machine.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if heavy else fcntl.LOCK_SH)
        yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        for box in getattr(item, "boxes", []):
            report.sections.append((f"log of {box.folder}", box.tail(80)))


@pytest.fixture
def folder():
    """Short, for a socket's path has 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="dalaba-") as path:
        yield pathlib.Path(path)


@pytest.fixture
def cards(folder):
    return alsa.Cards(folder)


@pytest.fixture
def make_box(request, folder, cards):
    """make_box(name="box", config={"audio": {...}}) -> a Daemon that is not started."""
    request.node.boxes = []
    with contextlib.ExitStack() as stack:

        def make(name="box", config=None):
            box = daemon.Daemon(folder, cards.env(), config, name)
            request.node.boxes.append(box)
            stack.callback(box.close)
            return box

        yield make


@pytest.fixture
def small_disk(folder):
    """The path of a file system of 4 MB."""
    where = folder / "small"
    where.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", where],
                          capture_output=True)  # fmt: skip
    if done.returncode:
        pytest.skip(f"cannot mount a small disk here: {done.stderr.decode().strip()}")
    yield where
    subprocess.run(["umount", "-l", where], check=True)


def fill_disk(where):
    """Leaves not a byte there. Returns the file that has it all."""
    filler = where / "filler"
    with open(filler, "wb", buffering=0) as f:
        for size in (65536, 4096, 512, 1):
            with contextlib.suppress(OSError):
                while True:
                    f.write(b"x" * size)
    return filler


class Village:
    """A box with a stereo card and a zone on each side, and clips to play there."""

    def __init__(self, box, card, folder):
        self.box = box
        self.api = box.api
        self.card = card
        self.folder = folder
        self.output = box.output(card.pcm)
        self.left = box.zone("left", self.output, [0])
        self.right = box.zone("right", self.output, [1])

    def clip(self, seconds=1.0, seed=1, kind=None, **more):
        """(id, what the box will play of it): uploaded, and the kept Opus file decoded."""
        path = sound.write_wav(self.folder / f"clip-{seed}.wav", sound.noise(seconds, seed, **more))
        clip = self.box.clip(sound.encode(path, kind) if kind else path, f"clip {seed}")
        opus = self.folder / f"{clip['id']}.opus"
        opus.write_bytes(self.api.get(f"/clips/{clip['id']}/audio"))
        return clip, sound.decode_opus(opus)

    def announcement(self, clip, title="announcement", **more):
        return self.box.announcement([{"clip": clip["id"]}], title, **more)

    def push(self, zones, **what):
        return self.api.post("/runs", {"zones": zones, "class": "notice", **what})["id"]


@pytest.fixture
def village(make_box, cards, folder):
    card = cards.add("horn")
    return Village(make_box().start(), card, folder)

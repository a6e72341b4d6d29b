"""Did the machine itself stand still while a test ran? A pytest plugin.

A virtual machine is now and then not run at all for a second; sound has gaps then, and a daemon
does not stop in time, whatever it is made of. Two programs beside the tests do nothing but sleep
20 ms and note where that took half a second and more: one before all others (SCHED_FIFO), which
only the machine can hold up, and an ordinary one, which a thread of ours that does not let go of
the processor holds up as well. A test that fails says what they saw. It fails all the same.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pytest

FOLDER = "DALABA_STALLS"  # handed on to the workers of xdist
NAP_S = 0.02
LONG_S = 0.5
WATCHERS = {"machine": "the machine stood still", "ordinary": "ordinary programs did not run"}


def watch(path, parent):
    """Appends `end gap`, in seconds of CLOCK_MONOTONIC, until its parent is gone."""
    if path.name == "machine":
        # Without the right to it both are ordinary.
        with contextlib.suppress(PermissionError):
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(80))
    path.touch()
    before = time.monotonic()
    while os.getppid() == parent:
        time.sleep(NAP_S)
        now = time.monotonic()
        if now - before - NAP_S > LONG_S:
            with open(path, "a", encoding="ascii") as log:
                log.write(f"{now} {now - before - NAP_S}\n")
        before = now


def words(folder, since, now):
    """What was seen since then, a sentence a line."""
    lines = []
    for name, what in WATCHERS.items():
        log = pathlib.Path(folder) / name
        for line in log.read_text(encoding="ascii").splitlines():
            end, gap = map(float, line.split())
            if end > since:
                at = time.strftime("%H:%M:%S", time.localtime(time.time() - now + end - gap))
                lines.append(f"{what} for {gap * 1000:.0f} ms at {at}, {now - end:.1f} s ago")
    return "\n".join(lines) or "neither the machine nor ordinary programs stood still"


def pytest_configure(config):
    if FOLDER in os.environ:
        return
    folder = tempfile.mkdtemp(prefix="dalaba-stalls-")
    os.environ[FOLDER] = folder
    config.stall_watchers = [
        subprocess.Popen([sys.executable, __file__, f"{folder}/{name}", str(os.getpid())],
                         stdin=subprocess.DEVNULL, start_new_session=True) for name in WATCHERS
    ]  # fmt: skip
    until = time.monotonic() + 20
    while not all((pathlib.Path(folder) / name).exists() for name in WATCHERS):
        assert time.monotonic() < until, "the watchers of the machine do not start"
        time.sleep(NAP_S)


def pytest_unconfigure(config):
    for watcher in getattr(config, "stall_watchers", []):
        watcher.send_signal(signal.SIGTERM)
        watcher.wait()
    if hasattr(config, "stall_watchers"):
        shutil.rmtree(os.environ.pop(FOLDER))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    item.stalls_since = time.monotonic()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        # What ended this moment is noted at the end of a nap.
        time.sleep(2 * NAP_S)
        seen = words(os.environ[FOLDER], item.stalls_since, time.monotonic())
        report.sections.append(("did the machine stand still?", seen))


if __name__ == "__main__":
    watch(pathlib.Path(sys.argv[1]), int(sys.argv[2]))

"""A machine that stands still is named where a test fails, and makes no test pass."""

import os
import pathlib
import subprocess
import sys

TESTS = pathlib.Path(__file__).resolve().parents[1]
# Both watchers are held up, as the machine would hold them up, while the second test runs.
CASES = """
import os, signal, subprocess, time

def test_fails_by_itself():
    assert False

def test_fails_meanwhile():
    watchers = subprocess.run(["pgrep", "-f", os.environ["DALABA_STALLS"] + "/"],
                              capture_output=True, text=True).stdout.split()
    assert len(watchers) == 2
    for signal_ in (signal.SIGSTOP, signal.SIGCONT):
        for pid in map(int, watchers):
            os.kill(pid, signal_)
        time.sleep(0.8)
    assert False

def test_passes():
    pass
"""


def test_a_stall_is_told_and_the_test_fails(tmp_path):
    (tmp_path / "test_cases.py").write_text(CASES)
    env = {**os.environ, "PYTHONPATH": str(TESTS)}
    env.pop("DALABA_STALLS", None)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "rig.stalls", "-p", "no:cacheprovider", "-q",
         "test_cases.py"], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1 and "2 failed, 1 passed" in done.stdout, done.stdout
    quiet, stalled = done.stdout.split("test_fails_meanwhile", 1)
    assert "neither the machine nor ordinary programs stood still" in quiet
    assert "the machine stood still for " in stalled and "ordinary programs did not run" in stalled

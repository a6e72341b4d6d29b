"""./dev and its helpers: what can be tried without building anything."""
import json
import pathlib
import os
import re
import socket
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
RESULTS = ROOT / "tools" / "results.py"


def run(*argv, **options):
    return subprocess.run([str(a) for a in argv], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          timeout=60, check=False, **options)


SCRIPTS = ["dev", ".ci/run", "tests/realcard/boot", "tests/realcard/kernel",
           *sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("tests/realcard/*.sh"))]


@pytest.mark.parametrize("script", [*SCRIPTS, "tools/common.sh", "tools/tiers.sh"])
def test_script_parses(script):
    assert run("bash", "-n", ROOT / script).stderr == ""


def test_shell_is_clean():
    done = run("shellcheck", "-x", *SCRIPTS, cwd=ROOT)
    assert done.returncode == 0, done.stdout


def test_help_names_every_command(tmp_path):
    done = run(ROOT / "dev", cwd=tmp_path)
    assert done.returncode == 0
    for command in ("run", "build", "test", "tsan", "check", "bench", "fuzz SECONDS"):
        assert f"./dev {command} " in done.stdout


@pytest.mark.parametrize("argv, words", [
    (["tset"], "there is no command 'tset'"),
    (["build", "now"], "'build' takes no argument (got 'now')"),
    (["fuzz"], "wants the seconds"),
    (["fuzz", "0"], "wants the seconds"),
    (["fuzz", "1m"], "wants the seconds"),
    (["fuzz", "1", "2"], "one argument"),
    (["bench", "soap"], "or soak and its minutes (got 'soap')"),
    (["bench", "soak", "0"], "soak wants its minutes"),
    (["bench", "soak", "10", "20"], "(got '20' as well)"),
])
def test_wrong_use_is_refused(argv, words):
    done = run(ROOT / "dev", *argv)
    assert done.returncode == 1
    assert words in done.stderr


@pytest.mark.parametrize("listen, words", [
    (None, "Address already in use"),
    ("127.0.0.1:http", "DALABA_LISTEN=127.0.0.1:8081 ./dev run"),
    ("198.51.100.1:8080", "Cannot assign requested address"),
])
def test_demonstration_names_a_port_it_cannot_have(listen, words):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        listen = listen or f"127.0.0.1:{other.getsockname()[1]}"
        done = run("/usr/bin/python3", ROOT / "tools" / "demo.py", env=dict(os.environ, DALABA_LISTEN=listen))
    assert done.returncode == 1
    assert done.stderr.startswith(f"./dev run: cannot listen on {listen}: ") and words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_packages_have_uses_and_names():
    lines = (ROOT / "packages.txt").read_text(encoding="utf-8").splitlines()
    packages = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", p) for p in packages), packages
    assert len(packages) == len(set(packages))
    script = "source tools/common.sh; packages_of build; echo; packages_of build test check bench"
    build, everything = run("bash", "-c", script, cwd=ROOT).stdout.split("\n\n")
    assert "libasound2-dev" in build.split() and "clang-tidy" not in build.split()
    assert everything.split() == packages


def cmocka(passed, failed=(), skipped=0):
    words = f"[  PASSED  ] {passed} test(s).\n"
    if skipped:
        words += f"[  SKIPPED ] {skipped} test(s), listed below:\n"
    if failed:
        words += f"[  FAILED  ] {len(failed)} test(s), listed below:\n"
        words += "".join(f"[  FAILED  ] {name}\n" for name in failed)
    return words


# (result meson gives, what the program wrote, passed, failed, skipped)
PROGRAMS = [
    ("OK", "", (1, 0, 0)),
    ("OK", cmocka(7), (7, 0, 0)),
    ("OK", cmocka(3) + cmocka(4), (7, 0, 0)),
    ("OK", cmocka(2, skipped=1), (2, 0, 1)),
    ("FAIL", cmocka(2, failed=("test_a", "test_b")), (2, 2, 0)),
    ("FAIL", cmocka(1) + cmocka(0, failed=("dry at once",)) + cmocka(1), (2, 1, 0)),
    ("FAIL", cmocka(5), (5, 1, 0)),
    ("TIMEOUT", "", (0, 1, 0)),
    ("ERROR", "", (0, 1, 0)),
    ("SKIP", "", (0, 0, 1)),
]


@pytest.mark.parametrize("result, output, counts", PROGRAMS)
def test_meson_report_is_counted(tmp_path, result, output, counts):
    log = tmp_path / "testlog.json"
    log.write_text(json.dumps({"name": "rule", "result": result, "stdout": "", "stderr": output}) + "\n",
                   encoding="utf-8")
    done = run(RESULTS, "meson", log)
    assert tuple(map(int, done.stdout.splitlines()[0].split())) == counts
    assert len(done.stdout.splitlines()) == 1 + counts[1]


def test_junit_report_is_counted(tmp_path):
    report = tmp_path / "report.xml"
    report.write_text("""<testsuites><testsuite>
        <testcase classname="a" name="one"/><testcase classname="a" name="two"><failure/></testcase>
        <testcase classname="a" name="three"><error/></testcase>
        <testcase classname="a" name="four"><skipped/></testcase></testsuite></testsuites>""", encoding="utf-8")
    assert run(RESULTS, "junit", report).stdout.splitlines() == ["1 2 1", "a::two", "a::three"]


@pytest.mark.parametrize("kind, text", [("meson", ""), ("meson", "{"), ("meson", None), ("junit", "<testsuites/>"),
                                        ("junit", "<"), ("junit", None)])
def test_report_without_tests_is_no_success(tmp_path, kind, text):
    report = tmp_path / "report"
    if text is not None:
        report.write_text(text, encoding="utf-8")
    done = run(RESULTS, kind, report)
    assert done.returncode == 1 and str(report) in done.stderr


AHEAD = """
source tools/common.sh; source tools/tiers.sh; results=$1
trap ahead_stop EXIT
one() { chrt --pid "$BASHPID" | head -1; sleep 0.5; date +%s.%N; }
two() { date +%s.%N; false; echo "it goes on"; return 3; }
ahead one one
sleep 0.2
ahead two two
ahead_end one; echo "status $?"
ahead_end two || echo "status $?"
ahead three sleep 100
echo "pid ${ahead_pids[three]}"
"""


def test_what_is_done_ahead_is_idle_and_one_after_the_other(tmp_path):
    done = run("bash", "-euo", "pipefail", "-c", AHEAD, "bash", tmp_path, cwd=ROOT)
    idle, end, status, begin, on, failed, pid = done.stdout.splitlines()
    assert "SCHED_IDLE" in idle and status == "status 0" and float(end) < float(begin), done
    assert (on, failed) == ("it goes on", "status 3"), done
    # What is left ends with it, as a whole.
    deadline = time.monotonic() + 10
    while run("pgrep", "--pgroup", pid.split()[1]).stdout:
        assert time.monotonic() < deadline, done
        time.sleep(0.1)


LONG = "int f(void) {\n" + "\tg();\n" * 57 + "%s}\n"


@pytest.mark.parametrize("extra, status", [("", 0), ("\tg();\n", 1)])
def test_long_function_is_refused(tmp_path, extra, status):
    (tmp_path / "tools").mkdir()
    (tmp_path / "daemon").mkdir()
    (tmp_path / "tools" / "lengths.py").write_text((ROOT / "tools" / "lengths.py").read_text(encoding="utf-8"),
                                                   encoding="utf-8")
    (tmp_path / "daemon" / "f.c").write_text("struct table t = {\n" + "1,\n" * 99 + "};\n" + LONG % extra,
                                             encoding="utf-8")
    done = run("/usr/bin/python3", tmp_path / "tools" / "lengths.py")
    assert done.returncode == status
    assert ("f() has 60 lines" in done.stdout) == (status == 1)

"""The unit's hardening, tried: its filters refuse what they should, and what the daemon
starts still works under them (as nobody, where the tests run as root)."""
import contextlib
import functools
import http.server
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading
import wave

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONFINE = ROOT / "tests" / "tooling" / "confine.py"
UNIT = ROOT / "systemd" / "dalabad.service.in"
PYTHON = "/usr/bin/python3"


@pytest.fixture(name="folder")
def folder_of_nobody():
    """Not tmp_path, which is root's alone; with a copy of everything nobody must read."""
    with tempfile.TemporaryDirectory(prefix="dalaba-confined-") as name:
        folder = pathlib.Path(name)
        shutil.copy(CONFINE, folder)
        shutil.copy(UNIT, folder / "unit")
        if os.geteuid() == 0:
            shutil.chown(folder, "nobody")
        folder.chmod(0o755)
        yield folder


def confined(folder, *argv, timeout=60, **options):
    # The leak checker wants ptrace, which the unit refuses.
    environment = dict(os.environ, ASAN_OPTIONS="detect_leaks=0", HOME=str(folder))
    return subprocess.run([PYTHON, folder / "confine.py", folder / "unit", *argv], env=environment, timeout=timeout,
                          check=False, **options)


REFUSED = [
    ("user namespace", "import ctypes; exit(ctypes.CDLL(None).unshare(0x10000000) and 'error: refused')"),
    ("netlink", "import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)"),
    ("packet", "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)"),
    ("executable heap", "import mmap; mmap.mmap(-1, 4096, prot=7)"),
    ("setting the clock", "import time; time.clock_settime(time.CLOCK_REALTIME, time.time())"),
    ("raising limits", "import resource as r; r.setrlimit(r.RLIMIT_NOFILE, (9999, 9999))"),
    ("becoming root", "import os; os.setuid(0)"),
    ("chroot", "import os; os.chroot('/')"),
]


@pytest.mark.parametrize("code", [c for _, c in REFUSED], ids=[n for n, _ in REFUSED])
def test_unit_refuses(folder, code):
    done = confined(folder, PYTHON, "-c", code, capture_output=True, text=True)
    assert done.returncode != 0, "it was allowed"
    assert "error" in done.stderr.lower(), done.stderr


def test_unit_allows_an_ordinary_program(folder):
    done = confined(folder, PYTHON, "-c", "import socket, threading; socket.socket(); "
                    "t = threading.Thread(target=print, args=('fine',)); t.start(); t.join()",
                    capture_output=True, text=True)
    assert done.stdout == "fine\n", done.stderr


def ingest(folder, build):
    """dalaba-ingest on a second of sound, under the unit; its exit status and report."""
    program = shutil.copy(build / "dalaba-ingest", folder)
    with wave.open(str(folder / "in.wav"), "wb") as sound:
        sound.setparams((1, 2, 44100, 0, "NONE", ""))
        sound.writeframes(bytes(range(256)) * 345)
    (folder / "in.wav").chmod(0o644)
    read, write = os.pipe()
    with open(folder / "in.wav", "rb") as source, open(folder / "out.opus", "w+b") as sink:
        # fd 3 is where ingest reports; pass_fds keeps numbers, so a shell moves it.
        done = confined(folder, "/bin/bash", "-c", f'exec "$0" 3>&{write}', program, stdin=source, stdout=sink,
                        pass_fds=[write])
    os.close(write)
    with os.fdopen(read) as report:
        return done.returncode, json.loads(report.read() or "{}")


def test_ingest_works_under_the_unit(folder, build):
    status, report = ingest(folder, build)
    assert status == 0, report
    assert report["duration_ms"] == 1001
    assert (folder / "out.opus").read_bytes()[:4] == b"OggS"


def test_ingest_shows_a_unit_that_is_too_tight(folder, build):
    text = UNIT.read_text(encoding="utf-8")
    assert " capset" in text
    (folder / "unit").write_text(text.replace(" capset", ""), encoding="utf-8")
    status, report = ingest(folder, build)
    assert status == 2 and "capabilities" in report["error"]


def relay(folder, build, *arguments):
    """What dalaba-relay has said under the unit after five seconds, and how many bytes of sound it gave:
    through a pipe, as it may not write to a file."""
    program = shutil.copy(build / "dalaba-relay", folder)
    read, write = os.pipe()
    with tempfile.TemporaryFile() as sound:
        with contextlib.suppress(subprocess.TimeoutExpired):
            confined(folder, "/bin/bash", "-c", f'exec "$0" "$@" 3>&{write} > >(cat)', program, *arguments,
                     stdin=subprocess.DEVNULL, stdout=sound, pass_fds=[write], timeout=5)
        os.close(write)
        with os.fdopen(read) as told:
            return told.read(), sound.seek(0, os.SEEK_END)


@pytest.fixture(name="server")
def server_of_a_stream(folder):
    """An address by name, at which there is a second of Ogg Opus."""
    with wave.open(str(folder / "said.wav"), "wb") as sound:
        sound.setparams((1, 2, 48000, 0, "NONE", ""))
        sound.writeframes(bytes(range(256)) * 750)
    subprocess.run(["opusenc", "--quiet", folder / "said.wav", folder / "said.opus"], check=True, timeout=60)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_address[1]}/said.opus"
        server.shutdown()


def test_a_stream_works_under_the_unit(folder, build, server):
    """Without netlink, which looking up a name would ask for addresses."""
    told, n = relay(folder, build, "stream", server)
    assert told.startswith(f"ok {server}\n") and n > 48000, (told, n)


def test_a_line_works_under_the_unit(folder, build):
    """ALSA's null is opened and read, and then refused for what it is."""
    told, n = relay(folder, build, "line", "null")
    assert told.startswith("ok null\nfault 'null' gives sound faster") and n > 0, (told, n)


def test_a_relay_shows_a_unit_that_is_too_tight(folder, build):
    text = UNIT.read_text(encoding="utf-8")
    assert " landlock_restrict_self" in text
    (folder / "unit").write_text(text.replace(" landlock_restrict_self", ""), encoding="utf-8")
    assert relay(folder, build, "line", "null") == ("fault cannot shut off files: Operation not permitted\n", 0)


def test_speech_works_under_the_unit(folder):
    done = confined(folder, "/usr/bin/espeak-ng", "--stdout", "hello", capture_output=True)
    assert done.stdout[:4] == b"RIFF" and len(done.stdout) > 10000, done.stderr

"""dalaba-relay by itself: whose servers it believes, and that no name holds it up."""

import os
import select
import subprocess
import time

import pytest

from rig import alsa, sound
from rig.radio import Radio

CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
SILENT_SERVER = "import socket, time; s = socket.socket(2, 2); s.bind(('127.0.0.1', 53)); time.sleep(60)"


class Told:
    """A stream that is relayed, after these commands in a mount namespace of its own; what it says is
    `lines`, and how much sound it gave `seconds`."""

    def __init__(self, url, before=(), more=()):
        self.sound, sound_in = os.pipe()
        self.words, words_in = os.pipe()
        # A pipe's end is no input, so that the shell's fd 3 may be any.
        run = " ".join([*before, f"exec {alsa.build_dir()}/dalaba-relay stream {url} 3>&{words_in} {words_in}>&-"])
        command = ["unshare", "-m", *more] if before else []
        self.began = time.monotonic()
        self.process = subprocess.Popen([*command, "bash", "-c", run], stdin=subprocess.DEVNULL, stdout=sound_in,
                                        pass_fds=[words_in], stderr=subprocess.PIPE)  # fmt: skip
        os.close(sound_in)
        os.close(words_in)
        self.lines, self.rest, self.n = [], b"", 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate(timeout=10)
        os.close(self.sound)
        os.close(self.words)

    def wait(self, words, within_s):
        """Until a line has these words; how long that took, None where it has not come."""
        while (left := self.began + within_s - time.monotonic()) > 0:
            ready, _, _ = select.select([self.sound, self.words], [], [], left)
            if self.sound in ready:
                self.n += len(os.read(self.sound, 65536))
            if self.words in ready:
                *lines, self.rest = (self.rest + os.read(self.words, 1000)).split(b"\n")
                self.lines += [line.decode() for line in lines]
                if [line for line in self.lines if words in line]:
                    return time.monotonic() - self.began
        return None

    def seconds(self):
        return self.n / 2 / sound.RATE


@pytest.fixture
def certificate(folder):
    """Of the loopback, signed by itself: (with its key, without)."""
    known, path = folder / "ca.pem", folder / "server.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", path, "-out", known],
                   check=True, capture_output=True, timeout=60)  # fmt: skip
    path.write_bytes(path.read_bytes() + known.read_bytes())
    return path, known


@pytest.fixture
def station(folder, certificate):
    with Radio(folder, sound.noise(4, 3), certificate=certificate[0]) as radio:
        yield radio


@pytest.fixture
def known(certificate):
    """To this box alone, for a while."""
    if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mount namespaces here")
    return [f"mount --bind {certificate[1]} {CERTIFICATES} &&"]


def test_an_unknown_certificate_is_refused(station):
    with Told(station.url("live")) as told:
        assert told.wait("certificate", 15), told.lines
        assert [line.split()[0] for line in told.lines] == ["fault"] and told.n == 0, told.lines


def test_a_known_certificate_is_enough(station, known):
    with Told(station.url("live"), known) as told:
        assert told.wait("ok https", 15), told.lines
        assert not told.wait("fault", time.monotonic() - told.began + 1.5), told.lines
        assert 1 < told.seconds() < 3, told.seconds()


def test_who_has_found_the_lock_does_not_leave_it(station, known):
    with Told(station.url("plain"), known) as told:
        assert told.wait('"http" not supported', 15), told.lines
        assert [line.split()[0] for line in told.lines] == ["fault"] and told.n == 0, told.lines


def test_what_only_drips_is_asked_for_again(folder):
    with Radio(folder, sound.noise(4, 3)) as radio, Told(radio.url("drips")) as told:
        took = told.wait("too little has come", 40)
        assert took and took > 20, (took, told.lines)
        assert told.n == 0 and "no sound comes" in told.lines[0], told.lines
        told.wait("ok", time.monotonic() - told.began + 3)
        assert len(radio.asked) == 2, radio.asked


def test_a_name_server_that_does_not_answer_holds_nothing_up(folder):
    """Whose look-up is given up goes on at once: it does not wait for that."""
    if subprocess.run(["unshare", "-mn", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no namespaces here")
    conf = folder / "resolv.conf"
    conf.write_text("nameserver 127.0.0.1\noptions timeout:25 attempts:2\n", encoding="ascii")
    before = ["ip link set lo up && mount --bind", str(conf), "/etc/resolv.conf &&",
              f'{{ /usr/bin/python3 -c "{SILENT_SERVER}" <&- >&- 2>&- & }} && sleep 1 &&']  # fmt: skip
    with Told("http://radio.example/live", before, more=["-n"]) as told:
        assert told.wait("no sound comes", 10), told.lines
        # "nothing has come for ten seconds", or libcurl's "timed out after 10000 milliseconds".
        assert (took := told.wait("seconds", 45)) and took < 18, (took, told.lines)

#!/usr/bin/python3
"""bench_peer.py - one programme on 1, 4, 16 and 64 ALSA zones at 44.1 kHz: dalabad beside MPD.

Both run as the daemons they are, one after the other, on the same cards (tests/alsa-clock, each
with a clock of its own), with the same Opus file, for the same seconds. What counts is the CPU time
of the whole process by its own clock. The cards are part of the process in both.

MPD is measured in two ways: as it is set up (each of its outputs converts the rate), and with
`audio_output_format` at the cards' rate (its decoder converts once for all), which is the least it
can cost; the ratio is to the cheaper of the two. It has soxr at the quality dalabad has, no volume,
no replay gain: dalabad levels, limits and dithers meanwhile. Who keeps more queued wakes up less
often: dalabad is measured with its own buffer, which is the shorter, and with one as long as MPD's.
DALABA_BUILD names the build (./dev bench: build-bench). With a number: for so many zones only.
"""

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from rig import sound, street  # noqa: E402

ZONES = (1, 4, 16, 64)
RATE = 44100
CLIP_S = 60
MPD_BUFFER_MS = 500  # its default
SETTLE_S = 3
MEASURE_S = 10
LIMIT = 0.4  # of the peer's, with 16 zones

MPD_CONF = """
bind_to_address "{folder}/socket"
log_file "{folder}/log"
zeroconf_enabled "no"
audio_buffer_size "4096"
replaygain "off"
{once}
resampler {{
    plugin "soxr"
    quality "high"
}}
"""
MPD_OUTPUT = """
audio_output {{
    type "alsa"
    name "{name}"
    device "{name}"
    mixer_type "none"
}}
"""


class Mpd:
    """As few of its calls as it takes to play one file."""

    def __init__(self, folder, zones, once):
        self.folder = pathlib.Path(folder)
        cards, self.horns = street.make_cards(self.folder, zones, RATE)
        once = f'audio_output_format "{RATE}:16:1"' if once else ""
        conf = self.folder / "mpd.conf"
        conf.write_text(MPD_CONF.format(folder=self.folder, once=once)
                        + "".join(MPD_OUTPUT.format(name=horn.pcm) for horn in self.horns))
        self.program = subprocess.Popen(["mpd", "--no-daemon", conf], env=cards.env(),
                                        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        self.pid = self.program.pid
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        until = time.monotonic() + 20
        while self.socket.connect_ex(str(self.folder / "socket")) != 0:
            if self.program.poll() is not None or time.monotonic() > until:
                self.fail("does not start")
            time.sleep(0.05)
        self.answer = self.socket.makefile()
        self.answer.readline()

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.socket.close()
        self.program.terminate()
        self.program.wait(20)

    def fail(self, what):
        log = self.folder / "log"
        words = log.read_text(errors="replace")[-2000:] if log.exists() else ""
        sys.exit(f"mpd {what}\n{words}")

    def call(self, words):
        self.socket.sendall(f"{words}\n".encode())
        answer = {}
        for line in self.answer:
            if line == "OK\n":
                return answer
            if line.startswith("ACK"):
                self.fail(f"refuses '{words}': {line.strip()}")
            key, _, value = line.rstrip("\n").partition(": ")
            answer[key] = value
        return self.fail("has gone away")

    def play(self, path):
        self.call(f'add "file://{path}"')
        self.call("play")

    def check(self):
        status = self.call("status")
        if status.get("state") != "play" or "error" in status:
            self.fail(f"does not play: {status}")

    def cpu_s(self):
        return street.cpu_s(self.pid)


def measure(box, check):
    """(CPU ms per second of audio, resident MB, anonymous MB); every card has played all the
    while, or it is no measurement."""
    time.sleep(SETTLE_S)
    check()
    cpu, since = box.cpu_s(), time.monotonic()
    time.sleep(MEASURE_S)
    cpu, since = box.cpu_s() - cpu, time.monotonic() - since
    check()
    return cpu * 1000 / since, *street.memory_mb(box.pid)


def check_cards(horns, what):
    """Every card was started, ran on to the end, and not dry before it."""
    for horn in horns:
        card = street.ran(horn)
        if card.starts != 1 or card.dry or card.frames < (SETTLE_S + MEASURE_S - 1) * RATE:
            sys.exit(f"{what}: {horn.pcm} did not play through: {card}")
    return card.buffer * 1000 // RATE


def dalaba(folder, zones, clip, buffer_ms):
    with street.Street(folder, zones, RATE, config={"audio": {"buffer_ms": buffer_ms}}) as box:
        run = box.play(clip=box.box.clip(clip, "programme")["id"])["id"]

        def check():
            row = box.box.run(run)
            if {z["outcome"] for z in row["zones"]} != {"playing"}:
                sys.exit(f"dalabad does not play in every zone: {row}")

        figures = measure(box, check)
    return *figures, check_cards(box.horns, "dalabad")


def mpd(folder, zones, clip, once):
    with Mpd(folder, zones, once) as box:
        box.play(clip)
        figures = measure(box, box.check)
    return *figures, check_cards(box.horns, "mpd")


def main():
    if shutil.which("mpd") is None:
        sys.exit("mpd is not installed; ./dev bench installs it, or: apt-get install mpd")
    counts = [int(a) for a in sys.argv[1:]] or ZONES
    with tempfile.TemporaryDirectory(prefix="dalaba-") as name:
        root = pathlib.Path(name)
        clip = sound.encode(sound.write_wav(root / "clip.wav", sound.noise(CLIP_S, 1)), "opus")
        version = subprocess.run(["mpd", "--version"], capture_output=True, text=True).stdout.split("\n")[0]
        print(f"{version}; {MEASURE_S} s of one programme at 44.1 kHz, a card for each zone")
        print(f"{'':34} {'CPU ms per s':>12} {'of MPD':>8} {'RSS MB':>10} {'anonymous MB':>14} {'buffer ms':>10}")
        for zones in counts:
            rows = {}
            for what, run in (("mpd, outputs convert", lambda f: mpd(f, zones, clip, False)),
                              ("mpd, converted once", lambda f: mpd(f, zones, clip, True)),
                              ("dalabad", lambda f: dalaba(f, zones, clip, 200)),
                              ("dalabad, MPD's buffer",
                               lambda f: dalaba(f, zones, clip, MPD_BUFFER_MS))):  # fmt: skip
                folder = root / f"{len(rows)}-{zones}"
                os.mkdir(folder)
                rows[what] = run(folder)
            least = min(rows[what][0] for what in rows if what.startswith("mpd"))
            for what, (cpu_ms, resident, anonymous, buffer_ms) in rows.items():
                limit = f"  (to reach: {LIMIT})" if what.startswith("dalabad") and zones == 16 else ""
                print(f"{f'{what}, {zones} zones':34} {cpu_ms:12.2f} {cpu_ms / least:8.2f} "
                      f"{resident:10.1f} {anonymous:14.1f} {buffer_ms:10}{limit}")


if __name__ == "__main__":
    main()

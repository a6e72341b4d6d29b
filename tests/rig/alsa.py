"""Cards of tests/alsa-clock for Python tests: writes their configuration.

    cards = Cards(tmp_path)
    horn = cards.add("horn", channels=8)
    subprocess.run(["aplay", "-D", "horn", "x.wav"], env=cards.env())
    capture.Capture(horn.capture)
"""

import os
import pathlib
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]


def build_dir():
    return pathlib.Path(os.environ.get("DALABA_BUILD", ROOT / "build")).resolve()


def plugin(kind="clock"):
    path = build_dir() / f"tests/alsa-clock/libasound_module_pcm_dalaba_{kind}.so"
    if not path.exists():
        raise FileNotFoundError(f"{path}: build first, or point DALABA_BUILD at the build")
    return path


class Card:
    """One card: `pcm` is its ALSA name, `capture` the file of what it played."""

    def __init__(self, folder, name, options):
        self.pcm = name
        self.capture = folder / f"{name}.raw"
        self.options = options
        self.unplug_file = folder / f"{name}.unplugged"
        self.hang_file = folder / f"{name}.hangs"
        self.stall_file = folder / f"{name}.stalls"
        self.suspend_file = folder / f"{name}.sleeps"

    def unplug(self):
        self.unplug_file.touch()

    def plug(self):
        self.unplug_file.unlink()

    def text(self):
        def show(value):
            if isinstance(value, (list, tuple)):
                return "[ " + " ".join(str(v) for v in value) + " ]"
            return str(value) if isinstance(value, (int, float)) else f'"{value}"'

        options = {
            "capture": self.capture,
            "unplug_file": self.unplug_file,
            "hang_write_file": self.hang_file,
            "stall_file": self.stall_file,
            "suspend_file": self.suspend_file,
            **self.options,
        }
        body = "".join(f"    {key} {show(value)}\n" for key, value in options.items())
        return f"pcm.{self.pcm} {{\n    type dalaba_clock\n{body}}}\n"


class Line:
    """A line-in at which `said` (48 kHz) comes in from now on, or so much later."""

    def __init__(self, folder, name, said, delay_s, options):
        self.pcm = name
        self.said, self.rate = said, 48000
        self.since_ns = time.monotonic_ns() + round(delay_s * 1e9)
        self.sound = folder / f"{name}.said"
        self.sound.write_bytes(np.round(np.asarray(said) * 32767).astype("<i2").tobytes())
        self.unplug_file = folder / f"{name}.unplugged"
        self.busy_file = folder / f"{name}.busy"
        self.stall_file = folder / f"{name}.stalls"
        self.options = options

    def text(self):
        options = {"sound": f'"{self.sound}"', "unplug_file": f'"{self.unplug_file}"',
                   "busy_file": f'"{self.busy_file}"', "stall_file": f'"{self.stall_file}"',
                   "start_ns": self.since_ns, **self.options}  # fmt: skip
        body = "".join(f"    {key} {value}\n" for key, value in options.items())
        return f"pcm.{self.pcm} {{\n    type dalaba_line\n{body}}}\n"


class Cards:
    """An asound.conf in `folder` with any number of cards."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.conf = self.folder / "asound.conf"
        self.cards = {}
        self.written_s = int(time.time())
        self._write()

    def add(self, name, rates=(48000,), formats=("S16_LE",), channels=2, **options):
        options = {"rates": rates, "formats": formats, "channels": [channels], **options}
        self.cards[name] = Card(self.folder, name, options)
        self._write()
        return self.cards[name]

    def env(self):
        return {**os.environ, "ALSA_CONFIG_PATH": str(self.conf)}

    def line(self, name, said, delay_s=0.0, **options):
        self.cards[name] = Line(self.folder, name, said, delay_s, options)
        self._write()
        return self.cards[name]

    def _write(self):
        head = "</usr/share/alsa/alsa.conf>\n" + "".join(
            f'pcm_type.dalaba_{kind} {{ lib "{plugin(kind)}" }}\n' for kind in ("clock", "line"))
        self.conf.write_text(head + "".join(c.text() for c in self.cards.values()))
        # libasound reads a file again when its time has changed, and compares whole seconds.
        self.written_s += 1
        os.utime(self.conf, (self.written_s, self.written_s))

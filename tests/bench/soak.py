#!/usr/bin/python3
"""soak.py [MINUTES] - no card runs dry while every processor is kept busy by other programs.

`./dev bench soak 10`. The daemon plays one programme into 16 cards of tests/alsa-clock at
44.1 kHz, each with a clock of its own; twice as many programs as there are processors do nothing
but count. Each card tells how often it ran dry, and how little was ever queued in it; each zone
how much of the programme was missing. Exit 1 where a card ran dry or a frame is missing, 2 where
this machine grants no real-time priority and the figures say nothing. DALABA_BUILD names the build.
"""

import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from rig import street  # noqa: E402


def main():
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 10
    with tempfile.TemporaryDirectory(prefix="dalaba-") as folder:
        result = street.soak(pathlib.Path(folder), minutes * 60)
    print("\n".join(result.words))
    if result.not_urgent:
        print(f"no real-time priority here ({result.not_urgent}): systemd/dalabad.service gives it; "
              "as it is these figures are not the daemon's", file=sys.stderr)  # fmt: skip
        sys.exit(2)
    sys.exit(1 if result.failures else 0)


if __name__ == "__main__":
    main()

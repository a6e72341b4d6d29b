#!/usr/bin/python3
"""exposure.py [UNIT] - fails where systemd-analyze rates dalabad.service above 2.0.

Without UNIT it takes systemd/dalabad.service.in with the places of a Debian package.
Asks the text of the unit alone (--offline), so no systemd needs to run here.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

LIMIT = 2.0
UNIT = pathlib.Path(__file__).resolve().parent.parent / "systemd" / "dalabad.service.in"
PLACES = {"@sbindir@": "/usr/sbin", "@sysconfdir@": "/etc", "@docdir@": "/usr/share/doc/dalaba"}


def configured(text):
    for name, place in PLACES.items():
        text = text.replace(name, place)
    left = re.search(r"@\w+@", text)
    if left:
        raise ValueError(f"{left.group()} is not known to tools/exposure.py; systemd/meson.build has it")
    return text


def exposure(text):
    """(rating, systemd-analyze's words) of a unit's text."""
    with tempfile.TemporaryDirectory() as folder:
        unit = pathlib.Path(folder) / "dalabad.service"
        unit.write_text(configured(text), encoding="utf-8")
        done = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--no-pager", str(unit)],
                              capture_output=True, text=True, check=False)
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    if not found:
        raise ValueError(f"systemd-analyze said no rating: {done.stderr.strip()}")
    return float(found.group(1)), done.stdout


def main():
    unit = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else UNIT
    rating, words = exposure(unit.read_text(encoding="utf-8"))
    if rating > LIMIT:
        print("\n".join(line for line in words.splitlines() if "✗" in line))
        sys.exit(f"{unit.name}: exposure {rating}, and {LIMIT} is the most")
    print(f"{unit.name}: exposure {rating} (at most {LIMIT})")


if __name__ == "__main__":
    main()

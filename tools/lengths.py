#!/usr/bin/python3
"""lengths.py - files under 800 lines, functions under 60, in the project's own folders.

clang-format puts a function's opening brace at the end of its head and its closing brace
in column one, so a function is what lies between two such lines.
"""
import pathlib
import re
import sys

FOLDERS = ("audio", "daemon", "schedule", "systemd", "tests", "tools", "web-admin")
SUFFIXES = (".c", ".h", ".py", ".sh", ".ts", ".tsx")
FILE_MAX = 800
FUNCTION_MAX = 60
NAME = re.compile(r"(\w+)\s*\(")


def functions(lines):
    """(name, first line, length) of each function; tables and structs are none."""
    head = None
    for number, line in enumerate(lines, 1):
        if head is None:
            if line[:1].isalpha() or line[:1] == "_":
                start, name = number, NAME.search(line)
            if line.endswith(") {") and line[:1] not in "#/":
                head = (start, name.group(1) if name else "?")
        elif line == "}":
            yield head[1], head[0], number - head[0] + 1
            head = None


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    files = sorted(path for folder in FOLDERS for path in (root / folder).rglob("*")
                   if path.suffix in SUFFIXES and "node_modules" not in path.parts)
    bad = 0
    for path in files:
        name = path.relative_to(root)
        lines = path.read_text(encoding="utf-8").splitlines()
        if len(lines) >= FILE_MAX:
            print(f"{name}: {len(lines)} lines; a file has fewer than {FILE_MAX}")
            bad += 1
        if path.suffix not in (".c", ".h"):
            continue
        for function, start, length in functions(lines):
            if length >= FUNCTION_MAX:
                print(f"{name}:{start}: {function}() has {length} lines; "
                      f"a function has fewer than {FUNCTION_MAX}")
                bad += 1
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()

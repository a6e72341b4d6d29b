#!/usr/bin/python3
"""results.py meson|junit FILE - how many tests of a report passed, failed, were skipped.

Prints the three numbers on one line, then one failed test a line. Exit 1 where the report
is missing or holds no test: a tier that ran nothing has not passed.
"""
import json
import re
import sys
import xml.etree.ElementTree

CMOCKA = re.compile(r"^\[\s*(PASSED|FAILED|SKIPPED)\s*\] (\d+) test\(s\)", re.M)
CMOCKA_FAILED = re.compile(r"^\[\s*FAILED\s*\] (?!\d+ test)(.+)$", re.M)


def count_program(test):
    """One test program of meson: the cmocka tests inside it, or the program itself."""
    output = test.get("stdout", "") + test.get("stderr", "")
    inside = {"PASSED": 0, "FAILED": 0, "SKIPPED": 0}
    for kind, number in CMOCKA.findall(output):
        inside[kind] += int(number)
    failed = [f"{test['name']}: {name}" for name in dict.fromkeys(CMOCKA_FAILED.findall(output))]
    if test["result"] == "SKIP":
        return 0, [], 1
    if test["result"] not in ("OK", "EXPECTEDFAIL"):
        # A sanitizer's word or a time-out ends a program whose tests all passed.
        return inside["PASSED"], failed or [f"{test['name']}: {test['result']}"], inside["SKIPPED"]
    return inside["PASSED"] or 1, [], inside["SKIPPED"]


def count_meson(path):
    passed, failed, skipped = 0, [], 0
    with open(path, encoding="utf-8") as log:
        for line in log:
            p, f, s = count_program(json.loads(line))
            passed, failed, skipped = passed + p, failed + f, skipped + s
    return passed, failed, skipped


def count_junit(path):
    passed, failed, skipped = 0, [], 0
    for case in xml.etree.ElementTree.parse(path).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed.append(f"{case.get('classname')}::{case.get('name')}")
        elif case.find("skipped") is not None:
            skipped += 1
        else:
            passed += 1
    return passed, failed, skipped


def main():
    kind, path = sys.argv[1:]
    try:
        passed, failed, skipped = {"meson": count_meson, "junit": count_junit}[kind](path)
    except (OSError, xml.etree.ElementTree.ParseError, json.JSONDecodeError) as error:
        sys.exit(f"results.py: {path}: {error}")
    if passed + len(failed) + skipped == 0:
        sys.exit(f"results.py: {path} holds no test")
    print(passed, len(failed), skipped)
    print("\n".join(failed), end="\n" if failed else "")


if __name__ == "__main__":
    main()

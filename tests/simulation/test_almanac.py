"""Every day of 1901 to 2100 as schedule/almanac.h has it, against who else knows: the astronomy of
python3-ephem, from which its table is made anew; the printed table in python3-lunardate; and
lunar-javascript, whose answers are known by their checksum (lunar_javascript.js)."""

import datetime
import hashlib
import os
import pathlib
import subprocess
import sys

import lunardate
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DAYS = ROOT / os.environ.get("DALABA_BUILD", "build") / "tests/unit/almanac_days"
PEER_SHA256 = "8f1348fa85dd8d76a029050b575a83cdbea0ca289f70e7d88a9463efe5886a88"

# Where lunardate 0.2.0 begins a month a day early or late: ephem and lunar-javascript agree against
# it (2057: seconds from midnight; see CORRECTIONS in tools/almanac.py).
LUNARDATE_WRONG = {
    "1933-07-22", "1954-11-25", "1956-12-02", "1978-09-02", "2057-09-28",
}  # fmt: skip
LUNARDATE_LAST = datetime.date(2100, 2, 8)  # the end of its last lunar year


def run(*words):
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=True).stdout


@pytest.fixture(name="lines", scope="module")
def made_lines():
    return run(DAYS)


def test_the_table_is_what_its_generator_prints():
    kept = (ROOT / "schedule/almanac_table.inc").read_text(encoding="utf-8")
    assert run(sys.executable, ROOT / "tools/almanac.py") == kept


def test_every_day_is_as_computed(lines):
    wanted = run(sys.executable, ROOT / "tools/almanac.py", "--days").splitlines()
    epoch = datetime.date(1970, 1, 1)
    assert len(wanted) == 73049
    for line, want in zip(lines.splitlines(), wanted, strict=True):
        day, *lunar, branch = line.split(" ")
        date = epoch + datetime.timedelta(int(day))
        assert " ".join([str(date), *lunar]) == want
        # 1949-10-01 was a day of jia-zi.
        turn = (date - datetime.date(1949, 10, 1)).days % 12
        assert branch == "子丑寅卯辰巳午未申酉戌亥"[turn]


def test_every_day_is_as_lunar_javascript_has_it(lines):
    assert hashlib.sha256(lines.encode()).hexdigest() == PEER_SHA256


def test_lunardate_differs_where_it_is_known_to_be_wrong(lines):
    epoch = datetime.date(1970, 1, 1)
    differ, before = set(), None
    for line in lines.splitlines():
        day, year, month, date, *_ = line.split(" ")
        at = epoch + datetime.timedelta(int(day))
        if at > LUNARDATE_LAST:
            break
        theirs = lunardate.LunarDate.fromSolarDate(at.year, at.month, at.day)
        sign = -1 if theirs.isLeapMonth else 1
        if (theirs.year, sign * theirs.month, theirs.day) != (int(year), int(month), int(date)):
            if before != at - datetime.timedelta(1):
                differ.add(str(at))
            before = at
    assert differ <= LUNARDATE_WRONG  # a newer one may know better

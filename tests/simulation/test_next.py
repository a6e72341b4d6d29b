"""dalabactl next as a person uses it: what it prints, what it says, what it exits with. What the
times themselves must be, test_rule_walk.py and tests/unit/test_rule.c know."""

import datetime
import json
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DALABACTL = ROOT / os.environ.get("DALABA_BUILD", "build") / "dalabactl"
FROM = ["--from", "2026-01-01T00:00:00+08:00"]
NO_MORE = "dalabactl: no more within 40 years\n"


def ctl(*words):
    return subprocess.run(
        [DALABACTL, "next", *words], capture_output=True, text=True, timeout=60, check=False
    )


# (words, lines, what is said beside them)
GOOD = [
    (["30 7 * * *", *FROM, "--count", "2"],
     ["2026-01-01T07:30:00+08:00", "2026-01-02T07:30:00+08:00"], ""),
    (["0 12 * * mon-fri", *FROM],
     [f"2026-01-{day:02}T12:00:00+08:00" for day in (1, 2, 5, 6, 7)], ""),
    (["at 2026-12-01 08:00:30", *FROM, "--count", "3"], ["2026-12-01T08:00:30+08:00"], NO_MORE),
    (["at 2025-12-01 08:00", *FROM], [], NO_MORE),
    (["0 0 30 2 *", *FROM], [], NO_MORE),
    (["30 2 * * *", "--from", "2026-03-28T12:00:00Z", "--timezone", "Europe/Berlin", "--count", "2"],
     ["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"], ""),
    # 40 years from --from, not from the line before: 2068 is beyond.
    (["0 0 29 2 *", *FROM, "--count", "99"],
     [f"{year}-02-29T00:00:00+08:00" for year in range(2028, 2065, 4)], NO_MORE),
    (["0 8 * * *; swapped", *FROM, "--calendar", "shipped", "--count", "2"],
     ["2026-01-04T08:00:00+08:00", "2026-02-14T08:00:00+08:00"], ""),
    (["0 8 * * *; workday", "--from", "2025-12-31T12:00:00+08:00", "--count", "2",
      "--calendar", f"{ROOT}/schedule/holidays/2025.json", f"{ROOT}/schedule/holidays/2026.json"],
     ["2026-01-04T08:00:00+08:00", "2026-01-05T08:00:00+08:00"], ""),
    (["0 8 * * *; workday", *FROM, "--count", "1"], ["2026-01-01T08:00:00+08:00"],
     "dalabactl: no holiday file for 2026: Monday to Friday are taken for workdays there\n"),
    (["0 8 * * *; lunar 1", "--from", "2100-12-01T12:00:00Z", "--count", "2"], ["2100-12-31T08:00:00+08:00"],
     NO_MORE + "dalabactl: lunar days and solar terms are known from 1901 to 2100; outside these years the "
     "rule is not due\n"),
]  # fmt: skip


@pytest.mark.parametrize("words, lines, said", GOOD, ids=[w[0] for w, _, _ in GOOD])
def test_lines(words, lines, said):
    end = ctl(*words)
    assert (end.returncode, end.stdout.splitlines(), end.stderr) == (0, lines, said)
    end = ctl(*words, "--json")
    answer = json.loads(end.stdout)
    assert (end.returncode, answer["items"], end.stderr) == (0, lines, said)
    assert set(answer) == {"items", "sentence"} and set(answer["sentence"]) == {"zh", "en"}


def on_a_terminal(*words, lang):
    """What a person sees of both streams."""
    here, there = os.openpty()
    env = {**os.environ, "LC_ALL": lang}
    with subprocess.Popen([DALABACTL, "next", *words], stdout=there, stderr=there, env=env) as p:
        os.close(there)
        seen = b""
        try:
            while chunk := os.read(here, 4096):
                seen += chunk
        except OSError:  # so a terminal ends
            pass
        assert p.wait(60) == 0
    os.close(here)
    return seen.decode().replace("\r\n", "\n")


def test_a_person_is_told_what_the_rule_means():
    line = "2026-01-05T06:30:00+08:00\n"
    words = ["30 6 * * mon", *FROM, "--count", "1"]
    assert on_a_terminal(*words, lang="C.UTF-8") == "every Monday at 06:30\n" + line
    assert on_a_terminal(*words, lang="zh_CN.UTF-8") == "每周一 06:30\n" + line


def test_a_rule_is_picked_by_its_name():
    by_name = ctl("赶集 逢二五八", *FROM, "--count", "3")
    assert by_name.stdout.split() == [f"2026-01-0{d}T06:00:00+08:00" for d in (2, 5, 8)]
    assert ctl("Market days 2 5 8", *FROM, "--count", "3").stdout == by_name.stdout
    rules = json.loads(subprocess.run([DALABACTL, "rules", "--json"], capture_output=True, text=True,
                                      check=True).stdout)["items"]  # fmt: skip
    shown = subprocess.run([DALABACTL, "rules"], capture_output=True, text=True, check=True,
                           env={**os.environ, "LC_ALL": "zh_CN.UTF-8"}).stdout  # fmt: skip
    assert len(rules) > 20 and len(shown.splitlines()) == len(rules) + 1
    for rule, line in zip(rules, shown.splitlines()[1:]):
        assert line.startswith(rule["name"]) and rule["rule"] in line and line.endswith(rule["sentence"]["zh"])


# (words, what the sentence has)
BAD = [
    ([], "RULE is missing"),
    (["30 7 * *"], "column 9: the weekday is missing"),
    (["60 7 * * *"], "column 1: 60 is too large for the minute"),
    (["30 7 * * *; 农历 1"], "column 13: there is no condition '农历'"),
    (["0 8 * * *; date " + "2026-06-07..2026-06-10," * 25 + "x"], "column 592: "),
    (["30", "7", "*", "*", "*"], "'7' is one word too many"),
    (["30 7 * * *", "--from", "today"], "--from: 'today' is not a time; write it like"),
    (["30 7 * * *", "--from", "2026-01-01T00:00:00"], "--from: '2026-01-01T00:00:00' is not a time"),
    (["30 7 * * *", "--timezone", "Beijing"], "--timezone: there is no time zone 'Beijing'"),
    (["30 7 * * *", "--timezone", "../../etc/passwd"], "is not a time zone"),
    (["30 7 * * *", "--count", "0"], "--count 0: write a whole number from 1 to"),
    (["30 7 * * *", "--count", "many"], "--count many: write a whole number from 1 to"),
    (["-", "--json"], "--json is for one RULE, not for -"),
]


@pytest.mark.parametrize("words, sentence", BAD, ids=[" ".join(w) or "nothing" for w, _ in BAD])
def test_wrong_use(words, sentence):
    end = ctl(*words)
    assert (end.returncode, end.stdout) == (2, "")
    assert sentence in end.stderr


def test_rules_of_standard_input():
    given = "0 8 * * *\n0 9 L * mon\r\nat 2020-01-01 08:00\n30 6 * * *"
    end = subprocess.run([DALABACTL, "next", "-", *FROM, "--count", "2"], input=given,
                         capture_output=True, text=True, timeout=60, check=False)  # fmt: skip
    assert (end.returncode, end.stderr) == (0, "")
    assert end.stdout == (
        "2026-01-01T08:00:00+08:00\n2026-01-02T08:00:00+08:00\n\n"
        "2026-01-05T09:00:00+08:00\n2026-01-12T09:00:00+08:00\n\n\n"
        "2026-01-01T06:30:00+08:00\n2026-01-02T06:30:00+08:00\n\n"
    )
    end = subprocess.run([DALABACTL, "next", "-"], input="0 8 * * *\n0 8 * *\n", capture_output=True,
                         text=True, timeout=60, check=False)  # fmt: skip
    assert end.returncode == 2 and "line 2: RULE: column 8: the weekday is missing" in end.stderr


# (the file's text, None: it is not there; what is said of it)
BAD_CALENDARS = [
    (None, "cannot be opened: No such file"),
    ("", "it is not JSON"),
    ('{"year": 2026, "days": [{"date": "2026-02-30", "isOffDay": true}]}', '"days[0].date" must be a day there is'),
    (" " * 1_000_001, "is larger than 1000000 bytes"),
]


@pytest.mark.parametrize("text, sentence", BAD_CALENDARS, ids=[s for _, s in BAD_CALENDARS])
def test_a_bad_calendar_is_refused(tmp_path, text, sentence):
    path = tmp_path / "bad.json"
    if text is not None:
        path.write_text(text)
    end = ctl("30 7 * * *", "--calendar", str(path))
    assert (end.returncode, end.stdout) == (1, "")
    assert "--calendar: '" in end.stderr and sentence in end.stderr


def test_from_now_on():
    now = datetime.datetime.now(datetime.timezone.utc)
    lines = ctl("* * * * *").stdout.split()
    assert len(lines) == 5
    first = datetime.datetime.fromisoformat(lines[0])
    assert datetime.timedelta(0) < first - now <= datetime.timedelta(minutes=2)


def test_a_full_disk_is_told():
    with open("/dev/full", "w") as full:
        end = subprocess.run([DALABACTL, "next", "* * * * *"], stdout=full, stderr=subprocess.PIPE,
                             text=True, timeout=60, check=False)  # fmt: skip
    assert end.returncode == 1 and "No space left" in end.stderr

"""dalabactl next against brute force: 20,000 random rules in ten time zones, half of them the same
every time. The oracle reads docs/rules.md: it tries every day of forty years and every minute of
such a day, with Python's zoneinfo, the holiday files as JSON and the days of tools/almanac.py (which
test_almanac.py holds against others). SEED=N tries the fresh half of another run again."""

import copy
import datetime
import json
import os
import pathlib
import random
import subprocess
import sys
import zoneinfo

import numpy as np
import pytest
from test_rule_walk import values

ROOT = pathlib.Path(__file__).resolve().parents[2]
DALABACTL = ROOT / os.environ.get("DALABA_BUILD", "build") / "dalabactl"
HOLIDAYS = ROOT / "schedule/holidays"
UTC = datetime.timezone.utc
FIXED_SEED = 4
BATCHES, RULES = 20, 50  # of each seed and zone: 2 * 10 * 20 * 50 = 20,000
COUNT = 4
HORIZON_YEARS = 40
ZONES = (
    "Asia/Shanghai",
    "Asia/Urumqi",
    "Asia/Kathmandu",  # by three quarters of an hour
    "Europe/Berlin",
    "Europe/Dublin",  # saving less than none
    "America/Sao_Paulo",  # days that begin at one o'clock
    "Africa/Cairo",
    "Australia/Lord_Howe",  # half an hour
    "Pacific/Apia",  # a day that never was
    "Antarctica/Troll",  # two hours at once
)
BRANCHES = "子丑寅卯辰巳午未申酉戌亥"
FIRST, END = datetime.date(1898, 1, 1), datetime.date(2143, 1, 1)

sys.path.insert(0, str(ROOT / "tools"))
import almanac  # noqa: E402 pylint: disable=wrong-import-position


class Days:
    """What every day is, by its place after FIRST."""

    def __init__(self):
        n = (END - FIRST).days
        self.dates = [FIRST + datetime.timedelta(i) for i in range(n)]
        self.month = np.array([d.month for d in self.dates], np.int8)
        self.day = np.array([d.day for d in self.dates], np.int8)
        self.year_day = self.month.astype(np.int16) * 100 + self.day
        self.weekday = np.array([d.isoweekday() % 7 for d in self.dates], np.int8)
        self.last = np.append(self.day[1:] == 1, False)
        self.number = np.arange(n) + FIRST.toordinal()
        # 1949-10-01 was a day of jia-zi.
        self.branch = (self.number - datetime.date(1949, 10, 1).toordinal()) % 12 + 1
        self.known = np.zeros(n, bool)
        self.leap = np.zeros(n, bool)
        self.lunar_month = np.zeros(n, np.int8)
        self.lunar_day = np.zeros(n, np.int8)
        self.term = np.zeros(n, np.int8)
        for date, _, month, day, leap, term in almanac.days():
            i = (date - FIRST).days
            self.known[i], self.leap[i] = True, leap
            self.term[i] = almanac.TERMS.index(term) + 1 if term else 0
            self.lunar_month[i], self.lunar_day[i] = month, day
        # 2101-01-01 was not asked for: the last month ends in January.
        self.lunar_last = np.append(self.lunar_day[1:] == 1, False) & self.known

    def part(self, begin, end):
        """The same of some days alone."""
        part = copy.copy(self)
        for name, value in vars(self).items():
            setattr(part, name, value[begin:end])
        return part


_days = []


def days():
    if not _days:
        _days.append(Days())
    return _days[0]


def number_of(text):
    return datetime.date.fromisoformat(text).toordinal()


def among(numbers, wanted):
    table = np.zeros(128, bool)
    table[list(wanted)] = True
    return table[numbers]


def holidays(files):
    """+1 off, -1 worked, 0 as the weekday, of every day."""
    marks = np.zeros(len(days().dates), np.int8)
    for path in files:
        for day in json.loads(path.read_text(encoding="utf-8"))["days"]:
            marks[number_of(day["date"]) - FIRST.toordinal()] = 1 if day["isOffDay"] else -1
    return marks


def tails(numbers, text):
    wanted = {int(t) % 10 for t in text.split(",")}
    return among(numbers, [n for n in range(1, 32) if n % 10 in wanted])


def lunar(d, text):
    found = np.zeros(len(d.dates), bool)
    for element in text.split(","):
        month, dash, day = element.rpartition("-")
        fits = d.lunar_last if day == "last" else d.lunar_day == int(day)
        found |= fits & (d.lunar_month == int(month)) if dash else fits
    return found


def dates(d, text):
    found = np.zeros(len(d.dates), bool)
    for element in text.split(","):
        first, _, last = element.partition("..")
        last = last or first
        if len(first) == 5:
            a, b = (int(x.replace("-", "")) for x in (first, last))
            after, before = d.year_day >= a, d.year_day <= b
            found |= after & before if a <= b else after | before
        else:
            found |= (d.number >= number_of(first)) & (d.number <= number_of(last))
    return found


def holds(condition, leaps, d, marks):
    """On which of the days a condition holds, as docs/rules.md says it in words."""
    word, _, rest = condition.partition(" ")
    if word == "not":
        turned = holds(rest, leaps, d, marks)
        asks = rest.split()[0] in ("lunar", "lunar-tail", "term")
        if rest == "lunar-leap":
            return turned
        return ~turned & d.known if asks else ~turned
    counts = d.known & (leaps | ~d.leap)
    weekend = (d.weekday == 0) | (d.weekday == 6)
    off = (marks > 0) | (weekend & (marks == 0))
    if word == "every":
        n, first = int(rest.split()[0]), datetime.date.fromisoformat(rest.split()[3]).toordinal()
        return (d.number >= first) & ((d.number - first) % n == 0)
    found = {
        "workday": lambda: ~off,
        "offday": lambda: off,
        "holiday": lambda: marks > 0,
        "swapped": lambda: marks < 0,
        "lunar": lambda: lunar(d, rest) & counts,
        "lunar-leap": lambda: np.ones(len(d.dates), bool),
        "tail": lambda: tails(d.day, rest),
        "lunar-tail": lambda: tails(d.lunar_day, rest) & counts,
        "branch": lambda: among(d.branch, [BRANCHES.find(b) + 1 or int(b) for b in rest.split(",")]),
        "from": lambda: d.number >= number_of(rest),
        "until": lambda: d.number <= number_of(rest),
        "date": lambda: dates(d, rest),
        "term": lambda: among(d.term, [almanac.TERMS.index(t) + 1 for t in rest.split(",")]),
    }
    return found[word]()


def fits(rule, d, marks):
    """(on which of the days a rule is due, the minutes of such a day)."""
    fields, *conditions = [part.strip() for part in rule.split(";")]
    minute, hour, dom, month, dow = fields.split()
    by_month = among(d.day, values(dom, 2))
    if "L" in dom.split(","):
        by_month |= d.last
    by_week = among(d.weekday, [v % 7 for v in values(dow, 4)])
    both = dom.startswith("*") or dow.startswith("*")
    good = by_month & by_week if both else by_month | by_week
    good &= among(d.month, values(month, 3))
    for condition in conditions:
        good = good & holds(condition, "lunar-leap" in conditions, d, marks)
    return good, [h * 60 + m for h in sorted(values(hour, 1)) for m in sorted(values(minute, 0))]


def instant(zone, wall):
    """Seconds since 1970 of a wall clock's time: in a gap its end, in a repeated hour the first."""
    first, second = (wall.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    at = (wall - first).replace(tzinfo=UTC)
    if first == second or at.astimezone(zone).replace(tzinfo=None) == wall:
        return int(at.timestamp())
    low, high = int((wall - second).replace(tzinfo=UTC).timestamp()), int(at.timestamp())
    while high - low > 1:  # first holds at low, no longer at high
        middle = (low + high) // 2
        offset = datetime.datetime.fromtimestamp(middle, UTC).astimezone(zone).utcoffset()
        low, high = (middle, high) if offset == first else (low, middle)
    return high


def due(rule, zone, start, marks):
    """The first COUNT times strictly after start (seconds), at most HORIZON_YEARS later."""
    wall = datetime.datetime.fromtimestamp(start, UTC).astimezone(zone).replace(tzinfo=None)
    year = wall.year + HORIZON_YEARS
    leap_day = (wall.month, wall.day) == (2, 29) and (year % 4 or (year % 100 == 0 and year % 400))
    end = instant(zone, wall.replace(year=year, day=28 if leap_day else wall.day))
    begin = (wall.date() - FIRST).days - 2
    some_days = slice(begin, begin + 41 * 366)
    d = days().part(some_days.start, some_days.stop)
    good, minutes = fits(rule, d, marks[some_days])
    found = []
    for i in np.flatnonzero(good):
        date = datetime.datetime.combine(d.dates[i], datetime.time())
        for minute in minutes:
            at = instant(zone, date + datetime.timedelta(minutes=minute))
            if start < at <= end and (not found or at > found[-1]):
                found.append(at)
            if at > end or len(found) == COUNT:
                return found
    return found


def shown(at, zone):
    """RFC 3339, whose offsets have no seconds."""
    local = datetime.datetime.fromtimestamp(at, UTC).astimezone(zone)
    minutes = int(local.utcoffset().total_seconds() / 60)
    sign = "-" if minutes < 0 else "+"
    return f"{local:%Y-%m-%dT%H:%M:%S}{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def random_date(rng):
    return datetime.date.fromordinal(rng.randint(*(datetime.date(y, 1, 1).toordinal() for y in (1970, 2110))))


def some(rng, choices, most):
    return ",".join(str(c) for c in rng.sample(list(choices), rng.randint(1, most)))


def random_span(rng):
    if rng.random() < 0.4:
        days_of = [datetime.date.fromordinal(rng.randint(1, 366) + 730119).strftime("%m-%d") for _ in "ab"]
        return rng.choice((days_of[0], "..".join(days_of)))
    first = random_date(rng)
    return rng.choice((f"{first}", f"{first}..{first + datetime.timedelta(rng.randint(0, 3000))}"))


def random_condition(rng):
    lunar_day = lambda: rng.choice((rng.randint(1, 30), rng.randint(1, 30), "last"))  # noqa: E731
    word = rng.choice(
        "workday offday holiday swapped lunar lunar lunar lunar-leap lunar-leap tail lunar-tail "
        "branch every from until date term".split()
    )
    rest = {
        "lunar": lambda: ",".join(
            str(lunar_day()) if rng.random() < 0.5 else f"{rng.randint(1, 12)}-{lunar_day()}"
            for _ in range(rng.randint(1, 4))
        ),
        "tail": lambda: some(rng, range(1, 11), 4),
        "lunar-tail": lambda: some(rng, range(1, 11), 4),
        "branch": lambda: some(rng, (*BRANCHES, *range(1, 13)), 4),
        "every": lambda: f"{rng.randint(1, 400)} days from {random_date(rng)}",
        "from": lambda: random_date(rng),
        "until": lambda: random_date(rng),
        "date": lambda: ",".join(random_span(rng) for _ in range(rng.randint(1, 4))),
        "term": lambda: some(rng, almanac.TERMS, 4),
    }.get(word, lambda: "")()
    return f"{rng.choice(('', '', 'not '))}{word} {rest}".strip()


def random_rule(rng):
    def field(name, low, high, star):
        if rng.random() < star:
            return rng.choice(("*", "*", f"*/{rng.randint(1, 7)}"))
        parts = []
        for _ in range(rng.randint(1, 3)):
            a = rng.randint(low, high)
            b = rng.randint(a, high)
            step = f"/{rng.randint(1, 7)}" if rng.random() < 0.3 else ""
            parts.append(rng.choice((f"{a}", f"{a}-{b}{step}")))
        if name == "day" and rng.random() < 0.2:
            parts.append("L")
        return ",".join(parts)

    minute = ",".join(str(rng.randint(0, 59)) for _ in range(rng.choice((1, 1, 2))))
    fields = [
        minute,
        field("hour", 0, 23, 0.1),
        field("day", 1, 31, 0.7),
        field("month", 1, 12, 0.8),
        field("weekday", 0, 7, 0.7),
    ]
    conditions = [random_condition(rng) for _ in range(rng.choice((0, 1, 1, 2, 2, 3)))]
    if "not lunar-leap" in conditions:
        conditions = [c for c in conditions if c != "lunar-leap"]
    return "; ".join([" ".join(fields), *conditions])


def printed(rules, zone, start, files):
    done = subprocess.run(
        [DALABACTL, "next", "-", "--timezone", zone, "--count", str(COUNT),
         "--from", datetime.datetime.fromtimestamp(start, UTC).isoformat(),
         *(["--calendar", *files] if files else [])],
        input="\n".join(rules), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    blocks, block = [], []
    for line in done.stdout.split("\n")[:-1]:
        if line:
            block.append(line)
        else:
            blocks.append(block)
            block = []
    assert not block and len(blocks) == len(rules)
    return blocks


def check(seed, name):
    rng = random.Random(f"{seed} {name}")
    zone = zoneinfo.ZoneInfo(name)
    shipped = sorted(HOLIDAYS.glob("2*.json"))
    for _ in range(BATCHES):
        start = int(datetime.datetime(rng.randint(1902, 2099), 1, 1, tzinfo=UTC).timestamp())
        if rng.random() < 0.6:  # where there are holidays
            start = int(datetime.datetime(rng.randint(2017, 2027), 1, 1, tzinfo=UTC).timestamp())
        start += rng.randint(0, 365 * 86400)
        files = rng.choice((shipped, shipped, [], sorted(rng.sample(shipped, 4))))
        marks = holidays(files)
        rules = [random_rule(rng) for _ in range(RULES)]
        for rule, lines in zip(rules, printed(rules, name, start, files)):
            wanted = [shown(at, zone) for at in due(rule, zone, start, marks)]
            if lines != wanted:
                begin = datetime.datetime.fromtimestamp(start, UTC).isoformat()
                pytest.fail(f"'{rule}' in {name} after {begin} with {len(files)} files: {lines}, not {wanted}")


@pytest.mark.parametrize("zone", ZONES)
def test_the_same_rules_every_time(zone):
    check(FIXED_SEED, zone)


@pytest.mark.parametrize("zone", ZONES)
def test_other_rules_every_time(zone):
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(2**32)))
    print(f"SEED={seed}")
    check(seed, zone)

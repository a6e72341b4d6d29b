"""Rules against a walk over every minute: what `dalabactl next` prints is held against a reading
of crontab(5) and docs/rules.md that knows nothing of it. The walk goes through twenty years of
five time zones, UTC minute by UTC minute, with Python's zoneinfo; a rule's wall-clock minute is
due the first time the clock shows it, or where the clock jumps over it."""

import datetime
import os
import pathlib
import random
import subprocess
import zoneinfo

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DALABACTL = ROOT / os.environ.get("DALABA_BUILD", "build") / "dalabactl"
UTC = datetime.timezone.utc
FIRST, LAST = 2005, 2024  # years
COUNT_MAX = 1_000_000
RANDOM_RULES = 12
ZONES = (
    "Europe/Berlin",  # an hour, in spring and autumn
    "Africa/Cairo",  # at midnight, begun and given up several times
    "Australia/Lord_Howe",  # half an hour
    "Pacific/Apia",  # a day that never was: 2011-12-30
    "America/Sao_Paulo",  # days that begin at one o'clock
)
FIXED = (
    "30 2 * * *",
    "0 0 * * *",
    "*/20 0-3 * * sun",
    "59 23 L * *",
    "0 12 29 2 *",
    "15 2 1,15 * mon-fri",
    "5 0,1,2 */2 3,10,11,dec 0",
    "0 6 */10 * */3",
    "30 1 28-31 1-12/5 7",
    "0-10/5 2 13 * fri",
    "10 23 L,1 * sat-sun",
    "30 2 * * *; from 2011-12-20; until 2012-03-31",
    "0 0 * 3,4,10 *; every 3 days from 2004-12-31; not tail 5,10",
    "15 0,2 * * *; date 2011-12-30,2007-03-25..2007-03-31; not until 2006-06-06",
    "0 3 * * sun; tail 1,10; not from 2019-01-01",
)
NAMES = {
    3: "jan feb mar apr may jun jul aug sep oct nov dec".split(),
    4: "sun mon tue wed thu fri sat".split(),
}
BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


class Walk:
    """Every UTC minute of a zone, and what its clock shows."""

    def __init__(self, zone):
        tz = zoneinfo.ZoneInfo(zone)
        self.start = int(datetime.datetime(FIRST, 1, 1, tzinfo=UTC).timestamp()) // 60
        end = int(datetime.datetime(LAST + 1, 1, 1, tzinfo=UTC).timestamp()) // 60
        n = end - self.start
        offsets = np.empty(n, np.int32)

        def offset(m):
            at = datetime.datetime.fromtimestamp((self.start + m) * 60, UTC)
            return int(at.astimezone(tz).utcoffset().total_seconds()) // 60

        # No zone has two changes within half an hour; a block that differs is walked singly.
        marks = [offset(m) for m in range(0, n + 1, 30)]
        for i, (a, b) in enumerate(zip(marks, marks[1:])):
            offsets[i * 30 : i * 30 + 30] = (
                a if a == b else [offset(m) for m in range(i * 30, i * 30 + 30)]
            )
        shown = np.arange(n, dtype=np.int64) + self.start + offsets
        seen = np.maximum.accumulate(shown)
        before = np.concatenate(([shown[0] - 1], seen[:-1]))
        self.fresh = shown > before  # not a repeated minute
        self.jumps = np.flatnonzero(shown > before + 1)  # the clock leapt over minutes
        self.shown, self.before = shown, before
        first = int(min(shown[0], before[0]))
        self.first_shown = first
        self.calendar = Calendar(first, int(seen[-1]) + 1)

    def due(self, rule):
        """Minutes since 1970 at which the rule is due, in order."""
        wanted = self.calendar.matches(rule)
        due = self.fresh & wanted[self.shown - self.first_shown]
        for m in self.jumps:
            leapt = wanted[self.before[m] + 1 - self.first_shown : self.shown[m] - self.first_shown]
            due[m] |= leapt.any()
        return np.flatnonzero(due) + self.start


class Calendar:
    """The five fields of every wall-clock minute in a range."""

    def __init__(self, first, end):
        minutes = np.arange(first, end, dtype=np.int64)
        days = minutes // 1440
        self.low = int(days[0])
        self.day_of = (days - self.low).astype(np.int32)
        dates = [
            datetime.date(1970, 1, 1) + datetime.timedelta(int(d))
            for d in range(self.low, int(days[-1]) + 1)
        ]
        self.minute = (minutes % 60).astype(np.int8)
        self.hour = (minutes // 60 % 24).astype(np.int8)
        self.dates = dates

    def matches(self, rule):
        fields, *conditions = rule.split(";")
        minute, hour, dom, month, dow = fields.split()
        minutes, hours = values(minute, 0), values(hour, 1)
        day_ok = np.array([
            self.day_matches(d, dom, month, dow) and all(holds(c, d) for c in conditions)
            for d in self.dates
        ])
        table_m = np.array([m in minutes for m in range(60)])
        table_h = np.array([h in hours for h in range(24)])
        return table_m[self.minute] & table_h[self.hour] & day_ok[self.day_of]

    @staticmethod
    def day_matches(date, dom, month, dow):
        if date.month not in values(month, 3):
            return False
        last = (date + datetime.timedelta(1)).month != date.month
        by_month = date.day in values(dom, 2) or (last and "L" in dom.upper().split(","))
        by_week = date.isoweekday() % 7 in {v % 7 for v in values(dow, 4)}
        if dom.startswith("*") or dow.startswith("*"):
            return by_month and by_week
        return by_month or by_week


def holds(condition, date):
    """Whether a condition holds on a day, as docs/rules.md says it in words."""
    word, *rest = condition.split()
    if word == "not":
        return not holds(" ".join(rest), date)
    day = date.isoformat()  # days so written sort as they follow
    if word == "from":
        return day >= rest[0]
    if word == "until":
        return day <= rest[0]
    if word == "every":
        passed = (date - datetime.date.fromisoformat(rest[3])).days
        return passed >= 0 and passed % int(rest[0]) == 0
    if word == "tail":
        return (str(date.day)[-1].replace("0", "10")) in rest[0].split(",")
    assert word == "date", condition
    spans = [span.split("..") for span in rest[0].split(",")]
    return any(span[0] <= day <= span[-1] for span in spans)


_values = {}


def values(text, field):
    """The numbers that one field of a rule means."""
    key = text, field
    if key not in _values:
        low, high = BOUNDS[field]
        found = set()
        for element in text.lower().split(","):
            span, _, step = element.partition("/")
            if span == "l":
                continue
            if span == "*":
                a, b = low, 6 if field == 4 else high
            else:
                a, _, b = span.partition("-")
                b = number(b, field, True) if b else number(a, field)
                a = number(a, field)
            found |= set(range(a, b + 1, int(step or 1)))
        _values[key] = found
    return _values[key]


def number(text, field, ends=False):
    if text in NAMES.get(field, ()):
        at = NAMES[field].index(text)
        return 7 if ends and field == 4 and at == 0 else at + (field == 3)
    return int(text)


def random_rule(rng):
    def value(field, low=None, high=None):
        a, b = BOUNDS[field]
        return rng.randint(a if low is None else low, b if high is None else high)

    def element(field):
        kind = rng.random()
        high = BOUNDS[field][1]
        if kind < 0.5:
            v = value(field)
            names = NAMES.get(field)
            if names and rng.random() < 0.3:
                return rng.choice(names)
            return str(v)
        if kind < 0.6 and field == 2:
            return "L"
        if kind < 0.7:
            return f"*/{rng.randint(1, max(2, high // 2))}"
        a = value(field)
        b = value(field, a)
        return f"{a}-{b}" + (f"/{rng.randint(1, 7)}" if rng.random() < 0.4 else "")

    def one(field, star):
        if rng.random() < star:
            return "*"
        return ",".join(element(field) for _ in range(rng.choice((1, 1, 1, 2, 3))))

    # Minutes and hours mostly few, or a rule has millions of times.
    minute = ",".join(str(rng.randint(0, 59)) for _ in range(rng.choice((1, 1, 2))))
    fields = f"{minute} {one(1, 0.15)} {one(2, 0.4)} {one(3, 0.6)} {one(4, 0.5)}"
    return "; ".join([fields, *(random_condition(rng) for _ in range(rng.choice((0, 0, 1, 2))))])


def random_condition(rng):
    def day():
        first = datetime.date(FIRST - 2, 1, 1).toordinal()
        last = datetime.date(LAST + 3, 1, 1).toordinal()
        return datetime.date.fromordinal(rng.randint(first, last))

    def span():
        a, b = sorted((day(), day()))
        return rng.choice((f"{a}", f"{a}..{b}"))

    word = rng.choice(("from", "until", "every", "date", "tail"))
    rest = {
        "from": f"{day()}",
        "until": f"{day()}",
        "every": f"{rng.randint(1, 400)} days from {day()}",
        "date": ",".join(span() for _ in range(rng.randint(1, 4))),
        "tail": ",".join(str(rng.randint(1, 10)) for _ in range(rng.randint(1, 3))),
    }[word]
    return f"{rng.choice(('', 'not '))}{word} {rest}"


def printed(rule, zone):
    done = subprocess.run(
        [DALABACTL, "next", rule, "--timezone", zone, "--count", str(COUNT_MAX),
         "--from", f"{FIRST - 1}-12-31T23:59:59Z"],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, (rule, done.stderr)
    return done.stdout.split()


@pytest.mark.parametrize("zone", ZONES)
def test_rules_are_due_when_the_walk_says_so(zone):
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(2**32)))
    print(f"SEED={seed}")
    rng = random.Random(f"{seed} {zone}")
    walk = Walk(zone)
    end = datetime.datetime(LAST, 12, 31, tzinfo=UTC)  # its last day lacks what a gap may add
    for rule in (*FIXED, *(random_rule(rng) for _ in range(RANDOM_RULES))):
        got = printed(rule, zone)
        times = [datetime.datetime.fromisoformat(t) for t in got]
        minutes = [int(t.timestamp()) // 60 for t in times if t < end]
        wanted = [int(m) for m in walk.due(rule) if m < end.timestamp() // 60]
        if len(got) == COUNT_MAX:
            wanted = wanted[: len(minutes)]
        assert all(t.second == 0 for t in times)
        assert minutes == wanted, first_difference(rule, zone, minutes, wanted)
        tz = zoneinfo.ZoneInfo(zone)
        for t in random.Random(0).sample(times, min(50, len(times))):
            assert t.utcoffset() == t.astimezone(tz).utcoffset(), (rule, t)


def first_difference(rule, zone, minutes, wanted):
    for a, b in zip(minutes + [None], wanted + [None]):
        if a != b:
            tz = zoneinfo.ZoneInfo(zone)
            show = [m and datetime.datetime.fromtimestamp(m * 60, tz).isoformat() for m in (a, b)]
            return f"'{rule}' in {zone}: {show[0]} instead of {show[1]}"
    return "the same"

#!/usr/bin/python3
"""The lunar months and solar terms of 1901 to 2100, computed: `tools/almanac.py` prints
schedule/almanac_table.inc, `tools/almanac.py --days` one line for each day. Needs python3-ephem.

The rules are those of GB/T 33661-2017: a month begins on the day of the new moon, the winter
solstice lies in month 11, and where 13 months begin from one month 11 to the next, the first
without a middle term is a leap month and bears the number of the one before. Days are those of
China: until 1928 new moons by the mean time of Beijing (116 deg 25 min east), since 1929 and for
all solar terms by UTC+8.

What is printed is what a calendar on the wall said or will say, so three instants that the
computation puts within a breath of midnight, or that history knows better, stand in CORRECTIONS.
"""

import bisect
import datetime
import math
import sys

import ephem

FIRST, LAST = 1901, 2100
TERMS = (
    "小寒 大寒 立春 雨水 惊蛰 春分 清明 谷雨 立夏 小满 芒种 夏至 "
    "小暑 大暑 立秋 处暑 白露 秋分 寒露 霜降 立冬 小雪 大雪 冬至"
).split()
EPOCH = datetime.date(1970, 1, 1).toordinal()
EPHEM_EPOCH = datetime.date(1899, 12, 31).toordinal() + 0.5

# computed day: the day it is, and why
CORRECTIONS = {
    # The calendar printed under the last emperor but one gave month 3 thirty days.
    "moon 1906-04-23": "1906-04-24",
    # 10 s before midnight with ephem's guess of how slowly the earth will turn (delta T 124 s);
    # less, as newer guesses have it, is after midnight.
    "moon 2057-09-28": "2057-09-29",
    # 3 s before midnight; finer theories have it after.
    "term 1951-12-22": "1951-12-23",
}


def china_day(instant, kind):
    """The day, as an ordinal, of an instant in ephem's days."""
    east = 116 + 25 / 60 if kind == "moon" and ephem.Date(instant).tuple()[0] < 1929 else 120
    day = math.floor(instant + EPHEM_EPOCH + east / 360)
    name = f"{kind} {datetime.date.fromordinal(day)}"
    if name in CORRECTIONS:
        return datetime.date.fromisoformat(CORRECTIONS[name]).toordinal()
    return day


def sun_longitude(instant):
    """Apparent, of the date, in degrees."""
    sun = ephem.Sun(instant)
    centuries = (instant - 36525) / 36525
    node = math.radians(125.04 - 1934.136 * centuries)
    tilt = math.radians(23.4392911 - 0.0130042 * centuries + 9.2 / 3600 * math.cos(node))
    return math.degrees(math.atan2(math.sin(sun.g_ra) / math.cos(tilt), math.cos(sun.g_ra)))


def solar_terms():
    """(day, number) of each; 0 is 小寒, at 285 degrees."""
    found = []
    for year in range(FIRST - 2, LAST + 2):
        for n in range(24):
            t = float(ephem.Date((year, 1, 6))) + n * 365.2422 / 24
            wanted = 285 + 15 * n
            for _ in range(20):
                t += ((wanted - sun_longitude(t) + 180) % 360 - 180) * 365.2422 / 360
            found.append((china_day(t, "term"), n))
    return found


def new_moons():
    found = []
    t = ephem.Date((FIRST - 2, 1, 1))
    while t.tuple()[0] < LAST + 3:
        t = ephem.next_new_moon(t)
        found.append(china_day(float(t), "moon"))
        t = ephem.Date(t + 20)
    return found


def lunar_months(terms):
    """(first day, days, lunar year, month, leap) in order."""
    moons = new_moons()
    solstices = [day for day, n in terms if n == 23]
    middles = [day for day, n in terms if n % 2 == 1]
    found = []
    for a, b in zip(solstices, solstices[1:]):
        i = bisect.bisect_right(moons, a) - 1
        j = bisect.bisect_right(moons, b) - 1
        year, month, leapt = datetime.date.fromordinal(a).year, 11, False
        for k in range(i, j):
            begin, end = moons[k], moons[k + 1]
            at = bisect.bisect_left(middles, begin)
            leap = j - i == 13 and not leapt and middles[at] >= end
            if leap:
                leapt = True
            elif k > i:
                month = month % 12 + 1
            found.append((begin, end - begin, year + (month < 11), month, leap))
    return found


def almanac():
    terms = solar_terms()
    return lunar_months(terms), terms


def days():
    """(date, lunar year, month, day, leap, term or "") of every day."""
    months, terms = almanac()
    named = {day: TERMS[n] for day, n in terms}
    for begin, length, year, month, leap in months:
        for day in range(begin, begin + length):
            date = datetime.date.fromordinal(day)
            if FIRST <= date.year <= LAST:
                yield date, year, month, day - begin + 1, leap, named.get(day, "")


def lunar_words(months):
    """Of each lunar year: bit n whether its nth month has 30 days, then the leap month, then
    how many days after 1 January it begins."""
    words = {}
    count = {}
    for begin, length, year, month, leap in months:
        if not FIRST - 1 <= year <= LAST:
            continue
        n = count.get(year, 0)
        if n == 0:
            words[year] = (begin - datetime.date(year, 1, 1).toordinal()) << 17
        words[year] |= (length == 30) << n | (month << 13 if leap else 0)
        count[year] = n + 1
    return [words[year] for year in range(FIRST - 1, LAST + 1)]


def term_words(terms):
    """The earliest day of the month of each term, and of each year 2 bits a term: days later."""
    dates = {}
    for day, n in terms:
        date = datetime.date.fromordinal(day)
        if FIRST <= date.year <= LAST:
            assert date.month == n // 2 + 1, (date, n)
            dates[date.year, n] = date.day
    base = [min(dates[year, n] for year in range(FIRST, LAST + 1)) for n in range(24)]
    words = []
    for year in range(FIRST, LAST + 1):
        later = [dates[year, n] - base[n] for n in range(24)]
        assert max(later) < 4
        words.append(sum(v << 2 * n for n, v in enumerate(later)))
    return base, words


def rows(values, form, each):
    for i in range(0, len(values), each):
        yield "\t" + " ".join(form.format(v) for v in values[i : i + each])


def main():
    if sys.argv[1:] == ["--days"]:
        for date, year, month, day, leap, term in days():
            print(date, year, -month if leap else month, day, term)
        return
    months, terms = almanac()
    base, words = term_words(terms)
    print("/* almanac_table.inc - made by tools/almanac.py; see there. */")
    print("static const uint32_t lunar_years[] = {")
    print("\n".join(rows(lunar_words(months), "0x{:06X},", 8)))
    print("};\n\nstatic const uint8_t term_first_days[24] = {")
    print("\n".join(rows(base, "{},", 24)))
    print("};\n\nstatic const uint64_t term_years[] = {")
    print("\n".join(rows(words, "0x{:012X},", 5)))
    print("};")


if __name__ == "__main__":
    main()

"""What the plan of a running box says, in JSON and as a calendar; and that it comes true."""

import datetime
import functools
import json
import os
import pathlib
import re
import subprocess
import time

import icalendar
import pytest

from rig import sound
from rig.daemon import ZONE

DAY = datetime.timedelta(days=1)
ROOT = pathlib.Path(__file__).resolve().parents[2]
DALABACTL = ROOT / os.environ.get("DALABA_BUILD", "build") / "dalabactl"


@pytest.fixture(name="box")
def box_(make_box, folder):
    box = make_box().start()
    box.outlet = box.output(f"wav:{folder}/out.wav")
    box.east = box.zone("东村", box.outlet, [0], quiet=[{"from": "12:00", "to": "14:00"}])
    box.west = box.zone("West", box.outlet, [1])
    return box


def silence(box, title, ms, **more):
    return box.announcement([{"silence_ms": ms}], title, **more)


class Today:
    """One day for the whole of a test, whatever midnight passes meanwhile."""

    began = None


@pytest.fixture(autouse=True)
def today_():
    Today.began = datetime.datetime.now(ZONE)


def tomorrow(hour=0, minute=0):
    return Today.began.replace(hour=hour, minute=minute, second=0, microsecond=0) + DAY


def when(text):
    return datetime.datetime.fromisoformat(text) if text else None


def spots(plan, title):
    return {(z["name"], i["due"][11:16]): z
            for i in plan["items"] if i["title"] == title for z in i["zones"]}  # fmt: skip


def test_a_day_as_it_will_be(box):
    api = box.api
    news = silence(box, "News", 600000, repeat=1)
    both = {"zones": [box.east, box.west]}
    for title, rule, more in (
        ("Music", "0 7 * * *", {"class": "background"}),
        ("Market; \"Fair\", and\\more", "5 7 * * *", {}),
        ("Noon", "30 12 * * *", {}),
        ("Quick", "6 7 * * *", {"conflict": "skip"}),
        ("Late", "57 11 * * *", {"class": "programme"}),
        ("Behind", "58 11 * * *", {"zones": [box.east]}),
    ):
        body = silence(box, title, 600000) if title != "News" else news
        api.post("/schedules", {"announcement": body, "rule": rule, **both} | more)
    api.post("/schedules", {"announcement": news, "rule": "0 8 * * *", **both, "enabled": False})
    params = {"from": tomorrow().isoformat(), "days": 1}
    plan = api.get("/plan", params=params)
    assert plan["notices"] == [] and plan["next"] is None
    assert [i["title"] for i in plan["items"]] == [
        "Music", "Market; \"Fair\", and\\more", "Quick", "Late", "Behind", "Noon"]  # fmt: skip
    music = spots(plan, "Music")[("West", "07:00")]
    assert music["outcome"] == "played" and music["plays_ms"] == 600000
    assert [c["solved"] for c in music["clashes"]] == ["softer"]
    assert music["clashes"][0]["with"]["title"].startswith("Market")
    quick = spots(plan, "Quick")[("东村", "07:06")]
    assert (quick["outcome"], quick["starts"], quick["plays_ms"]) == ("skipped", None, 0)
    assert quick["clashes"][0]["solved"] == "skipped" and "Market" in quick["reason"]["en"]
    behind = spots(plan, "Behind")["东村", "11:58"]
    assert behind["outcome"] == "skipped" and behind["reason"]["en"].startswith("quiet hours")
    assert [(c["solved"], c["with"]["title"]) for c in behind["clashes"]] == [("waits", "Late")]
    noon = spots(plan, "Noon")
    assert noon["东村", "12:30"]["reason"] == {
        "en": "quiet hours 12:00 to 14:00 in zone '东村'", "zh": "分区“东村”在 12:00 至 14:00 静音"}  # fmt: skip
    assert noon["West", "12:30"]["outcome"] == "played"
    late = spots(plan, "Late")
    assert late["东村", "11:57"]["outcome"] == "cut"
    assert when(late["东村", "11:57"]["ends"]) < tomorrow(12)
    day = tomorrow().date().isoformat()
    minutes = {d["name"]: (d["date"], d["runs"], d["minutes"]) for d in plan["days"]}
    # 07:00 to 07:15 twice over, and what begins at 11:57.
    assert minutes == {"West": (day, 4, 35.0), "东村": (day, 3, 18.0)}
    alone = api.get("/plan", params={**params, "zone": box.west})
    assert {z["name"] for i in alone["items"] for z in i["zones"]} == {"West"}
    assert [d["name"] for d in alone["days"]] == ["West"]


def test_what_is_not_saved_stands_beside_it(box):
    api = box.api
    news = silence(box, "News", 300000)
    saved = api.post("/schedules", {"announcement": news, "rule": "0 8 * * *", "zones": [box.west]})
    params = {"from": tomorrow().isoformat(), "days": 1}
    fresh = {"announcement": news, "rule": "2 8 * * *", "zones": [box.west]}
    ask = {"schedules": [fresh, {**fresh, "rule": "3 8 * * *"}]}
    plan = api.post("/plan", ask, params=params)
    assert [(i["schedule"], i["draft"]) for i in plan["items"]] == [
        (saved["id"], None), (None, 0), (None, 1)]  # fmt: skip
    starts = [when(i["zones"][0]["starts"]) for i in plan["items"]]
    assert starts == [tomorrow(8), tomorrow(8, 5), tomorrow(8, 10)]
    assert plan["items"][1]["zones"][0]["clashes"][0]["with"]["schedule"] == saved["id"]
    moved = api.post("/plan", {"schedules": [{"id": saved["id"], "rule": "0 9 * * *"}]}, params=params)
    assert [(i["schedule"], i["draft"], i["due"][11:16]) for i in moved["items"]] == [(saved["id"], 0, "09:00")]
    off = api.post("/plan", {"schedules": [{"id": saved["id"], "enabled": False}]}, params=params)
    assert off["items"] == [] and off["days"] == []
    assert api.get("/schedules")["items"] == [saved], "nothing was written"


def test_what_is_wrong_is_named(box):
    api = box.api
    news = silence(box, "News", 1000)
    good = {"announcement": news, "rule": "0 8 * * *", "zones": [box.west]}
    for field, ask in {
        "schedules": {},
        "schedules[0]": {"schedules": [5]},
        "schedules[1].rule": {"schedules": [good, {**good, "rule": "60 * * * *"}]},
        "schedules[0].zones": {"schedules": [{"announcement": news, "rule": "0 8 * * *"}]},
        "schedules[0].id": {"schedules": [{"id": 12345}]},
        "schedules[0].x": {"schedules": [{**good, "x": 1}]},
    }.items():
        assert api.refused("POST", "/plan", 422, body=ask)["field"] == field
    twice = {"schedules": [{"id": api.post("/schedules", good)["id"]}] * 2}
    assert api.refused("POST", "/plan", 422, body=twice)["field"] == "schedules[1].id"
    for path in ("/plan", "/plan.ics"):
        for params, field in (
            ({"to": "2020-01-01T00:00:00Z"}, "to"), ({"days": 63}, "days"), ({"days": 0}, "days"),
            ({"zone": 12345}, "zone"), ({"from": "x"}, "from"),
            ({"days": 1, "to": "2099-01-01T00:00:00Z"}, "days"), ({"to": "2099-01-01T00:00:00Z"}, "to"),
            ({"from": tomorrow().isoformat(), "to": (tomorrow() + 62 * DAY + DAY / 1440).isoformat()}, "to"),
            ({"from": "9999-12-28T00:00:00+08:00"}, "from"),
            ({"from": "9999-12-31T00:00:00Z", "to": "9999-12-31T20:00:00Z"}, "to"),
        ):  # fmt: skip
            assert api.refused("GET", path, 422, params=params)["field"] == field


def test_as_far_as_can_be_asked(box):
    for params in ({"from": tomorrow().isoformat(), "to": (tomorrow() + 62 * DAY).isoformat()},
                   {"from": tomorrow(12).isoformat(), "to": (tomorrow(12) + 62 * DAY).isoformat()},
                   {"from": tomorrow(12).isoformat(), "days": 62},
                   {"from": "9999-12-24T00:00:00+08:00"}):  # fmt: skip
        plan = box.api.get("/plan", params=params)
        assert plan["from"] == params["from"] and plan["to"] == params.get("to", plan["to"])
    assert plan["to"] == "9999-12-31T00:00:00+08:00"


def test_the_calendar_is_read_by_others(box):
    api = box.api
    title = "开会; 村委会, \"大院\"\\东 " + "很长的标题" * 8
    said = silence(box, title, 90500)
    one = api.post("/schedules", {"announcement": said, "rule": "0 8 * * *", "zones": [box.east, box.west]})
    api.post("/schedules", {"announcement": silence(box, "Noon", 1000), "rule": "0 13 * * *",
                            "zones": [box.east]})  # fmt: skip
    params = {"from": tomorrow().isoformat(), "days": 3}
    text = api.get("/plan.ics", params=params)
    assert all(len(line) <= 75 for line in text.split(b"\r\n")), "folded"
    assert b"\n" not in text.replace(b"\r\n", b"") and text.endswith(b"END:VCALENDAR\r\n")
    for line in text.split(b"\r\n"):
        line.decode()  # never within a character
    calendar = icalendar.Calendar.from_ical(text)
    assert calendar["VERSION"] == "2.0" and calendar["PRODID"]
    events = calendar.walk("VEVENT")
    assert not any(e.errors for e in events) and len(events) == 6
    first = next(e for e in events if e["STATUS"] == "CONFIRMED")
    assert str(first["SUMMARY"]) == title
    assert str(first["LOCATION"]) == "东村, West"
    assert first["DTSTART"].dt == tomorrow(8)
    assert first["DTEND"].dt == tomorrow(8) + datetime.timedelta(seconds=91)
    assert abs((first["DTSTAMP"].dt - datetime.datetime.now(datetime.timezone.utc)).total_seconds()) < 60
    silent = next(e for e in events if e["STATUS"] == "CANCELLED")
    assert "quiet hours 12:00 to 14:00" in str(silent["DESCRIPTION"])
    uids = [str(e["UID"]) for e in events]
    assert len(set(uids)) == 6
    due = tomorrow(8).astimezone(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    assert f"schedule-{one['id']}-{due}@dalaba" in uids
    again = icalendar.Calendar.from_ical(api.get("/plan.ics", params={**params, "days": 2}))
    assert {str(e["UID"]) for e in again.walk("VEVENT")} < set(uids), "the same from call to call"


def test_it_comes_true(box):
    """Three that crowd the same seconds, and one that is pushed for later."""
    api = box.api
    at = datetime.datetime.now(ZONE).replace(microsecond=0) + datetime.timedelta(seconds=15)
    zones = [box.east, box.west] if not 11 <= at.hour < 14 else [box.west]
    for title, seconds, more in (("one", 0, {}), ("two", 1, {}), ("three", 1, {"conflict": "skip"})):
        rule = (at + datetime.timedelta(seconds=seconds)).strftime("at %Y-%m-%d %H:%M:%S")
        api.post("/schedules", {"announcement": silence(box, title, 1500), "rule": rule, "zones": zones, **more})
    pushed = api.post("/runs", {"announcement": silence(box, "push", 500), "zones": zones, "class": "notice",
                                "at": (at + datetime.timedelta(seconds=2)).isoformat()})  # fmt: skip
    plan = api.get("/plan")
    assert [i["title"] for i in plan["items"]] == ["one", "two", "three", "push"]
    assert plan["items"][3]["run"] == pushed["id"] and plan["items"][3]["schedule"] is None
    comes_true(api, plan)


def comes_true(api, plan):
    last = max(when(z["ends"]) for i in plan["items"] for z in i["zones"] if z["ends"])
    time.sleep((last - datetime.datetime.now(ZONE)).total_seconds() + 1.5)
    runs = {r["title"]: r for r in api.all("/runs")}
    for item in plan["items"]:
        was = {z["zone"]: z for z in runs[item["title"]]["zones"]}
        for z in item["zones"]:
            told = json.dumps([z, was[z["zone"]]], ensure_ascii=False)
            assert was[z["zone"]]["outcome"] == z["outcome"], told
            if z["starts"]:
                apart = when(was[z["zone"]]["started"]) - when(z["starts"])
                assert abs(apart.total_seconds()) < 0.5, told
                assert abs(was[z["zone"]]["played_ms"] - z["plays_ms"]) < 500, told


def test_words_and_recordings_have_their_length(box, folder):
    api = box.api
    clip = box.clip(sound.write_wav(folder / "c.wav", sound.noise(2.0, 7)), "clip")
    parts = [{"chime": "three-tone"}, {"clip": clip["id"]}, {"text": "一二三"}, {"silence_ms": 250}]
    said = box.announcement(parts, "parts", repeat=3, gap_ms=1000)
    api.post("/schedules", {"announcement": said, "rule": "0 8 * * *", "zones": [box.west]})
    params = {"from": tomorrow().isoformat(), "days": 1}
    deadline = time.monotonic() + 30
    while api.get("/plan", params=params)["items"][0]["estimated"]:
        assert time.monotonic() < deadline, "its words are spoken when it is saved"
        time.sleep(0.2)
    item = api.get("/plan", params=params)["items"][0]
    spoken = api.post("/speech", {"text": "一二三"}, expect=(200, 201))["duration_ms"]
    chime = (item["length_ms"] - 2 * 1000) / 3 - spoken - clip["duration_ms"] - 250
    assert 500 < chime < 5000
    run = api.post("/runs", {"announcement": said, "zones": [box.west]})["id"]
    deadline = time.monotonic() + 60
    while api.get(f"/runs/{run}")["state"] != "played":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert abs(api.get(f"/runs/{run}")["zones"][0]["played_ms"] - item["length_ms"]) < 100


def test_a_year_without_holidays_is_told(box):
    """In each plan that depends on it, and in no other."""
    api = box.api
    said = silence(box, "News", 1000)
    draft = {"announcement": said, "rule": "0 8 * * *; workday", "zones": [box.west]}
    far = {"from": "2090-01-01T00:00:00+08:00", "days": 3}
    notices = api.post("/plan", {"schedules": [draft]}, params=far)["notices"]
    assert len(notices) == 1 and "2090" in notices[0]["en"] and "2090" in notices[0]["zh"]
    described = ("DESCRIPTION", "X-WR-CALDESC")
    calendar = icalendar.Calendar.from_ical(api.get("/plan.ics", params=far))
    assert not any(name in calendar for name in described)
    api.post("/schedules", draft)
    calendar = icalendar.Calendar.from_ical(api.get("/plan.ics", params=far))
    for name in described:
        assert str(calendar[name]) == f"{notices[0]['zh']} / {notices[0]['en']}"
    api.delete(f"/schedules/{api.all('/schedules')[0]['id']}")
    assert api.post("/plan", {"schedules": [{**draft, "rule": "0 8 * * *"}]}, params=far)["notices"] == []
    year = {"year": 2090, "papers": [], "days": [{"name": "元旦", "date": "2090-01-02", "isOffDay": True}]}
    api.post("/calendars/town", year)
    plan = api.post("/plan", {"schedules": [draft]}, params=far)
    assert plan["notices"] == [] and [i["due"][:10] for i in plan["items"]] == ["2090-01-03"]


def test_a_calendar_that_ends_early_says_so(box):
    api = box.api
    said = silence(box, "News", 1000)
    api.post("/schedules", {"announcement": said, "rule": "* * * * *", "zones": [box.west]})
    params = {"from": tomorrow().isoformat(), "days": 40}
    events = api.get("/plan.ics", params=params).split(b"BEGIN:VEVENT")
    few = events[0] + b"BEGIN:VEVENT" + events[-1]
    calendar = icalendar.Calendar.from_ical(few)
    (last,) = calendar.walk("VEVENT")
    at = (last["DTSTART"].dt.astimezone(ZONE) + datetime.timedelta(minutes=1)).strftime("%Y-%m-%d %H:%M")
    words = f"只列到 {at}，之后还有 / it ends at {at}: there is more"
    assert str(calendar["DESCRIPTION"]) == str(calendar["X-WR-CALDESC"]) == words


def test_what_is_done_just_this_once_is_shown(box):
    api = box.api
    news = silence(box, "News", 1000)
    other = silence(box, "Other", 5000)
    saved = api.post("/schedules", {"announcement": news, "rule": "0 7,8,9,10 * * *", "zones": [box.west]})["id"]
    params = {"from": tomorrow().isoformat(), "days": 1}
    before = icalendar.Calendar.from_ical(api.get("/plan.ics", params=params))
    asked = [{"due": tomorrow(8).isoformat(), "action": "skip"},
             {"due": tomorrow(9).isoformat(), "action": "move", "to": tomorrow(7, 30).isoformat()},
             {"due": tomorrow(10).isoformat(), "action": "replace", "announcement": other}]  # fmt: skip
    ids = [api.post(f"/schedules/{saved}/overrides", ask)["id"] for ask in asked]
    plan = api.get("/plan", params=params)
    assert plan["notices"] == []
    seen = [(i["due"][11:16], i["title"], i["override"] and (i["override"]["id"], i["override"]["action"]),
             i["zones"][0]["outcome"], i["length_ms"]) for i in plan["items"]]  # fmt: skip
    assert seen == [
        ("07:00", "News", None, "played", 1000),
        ("07:30", "News", (ids[1], "move"), "played", 1000),
        ("08:00", "News", (ids[0], "skip"), "skipped", 1000),
        ("10:00", "Other", (ids[2], "replace"), "played", 5000),
    ]
    assert [when(i["moved_from"]) for i in plan["items"]] == [None, tomorrow(9), None, None]
    date = tomorrow().date().isoformat()
    who = api.get(f"/overrides/{ids[0]}")["author"]
    assert [i["zones"][0]["reason"] for i in plan["items"]] == [
        None,
        {"en": f"moved from {date} 09:00 by {who}", "zh": f"由 {date} 09:00 改到此时（{who}）"},
        {"en": f"skipped just this once by {who}", "zh": f"仅此一次不播（{who}）"},
        {"en": f"in place of 'News', by {who}", "zh": f"代替“News”（{who}）"},
    ]
    after = icalendar.Calendar.from_ical(api.get("/plan.ics", params=params))
    uids = [{str(e["UID"]) for e in calendar.walk("VEVENT")} for calendar in (before, after)]
    assert uids[0] == uids[1] and len(uids[0]) == 4, "the same event wherever it is moved to"
    assert [e["STATUS"] for e in after.walk("VEVENT")].count("CANCELLED") == 1
    # What is tried in place of it has them too: there is no occurrence at eight to skip any more.
    draft = {"schedules": [{"id": saved, "rule": "0 9 * * *"}]}
    assert [i["due"][11:16] for i in api.post("/plan", draft, params=params)["items"]] == ["07:30"]


def test_what_is_moved_comes_true(box):
    """One is brought forward to the next seconds, one is skipped, one says something else."""
    api = box.api
    at = datetime.datetime.now(ZONE).replace(microsecond=0) + datetime.timedelta(seconds=20)
    zones = [box.east, box.west] if not 11 <= at.hour < 14 else [box.west]
    other = silence(box, "other", 700)
    second = datetime.timedelta(seconds=1)
    for title, apart, change in (("later", 86400, {"action": "move", "to": at.isoformat()}),
                                 ("never", 1, {"action": "skip"}),
                                 ("else", 2, {"action": "replace", "announcement": other})):  # fmt: skip
        due = at + apart * second
        said = silence(box, title, 1500)
        row = api.post("/schedules", {"announcement": said, "rule": due.strftime("at %Y-%m-%d %H:%M:%S"),
                                      "zones": zones})  # fmt: skip
        api.post(f"/schedules/{row['id']}/overrides", {"due": due.isoformat(), **change})
    plan = api.get("/plan")
    assert [i["title"] for i in plan["items"]] == ["later", "never", "other"]
    comes_true(api, plan)


def plan_of(box, *words, lang="C.UTF-8", status=0):
    """What dalabactl says of it."""
    done = subprocess.run([DALABACTL, "plan", "--socket", box.socket, *words], env={**os.environ, "LC_ALL": lang},
                          capture_output=True, text=True, timeout=60)  # fmt: skip
    assert done.returncode == status, done
    return done.stdout if status == 0 else done.stderr


# October as a clerk would have written it on the wall: the national holidays, Saturday the 10th worked
# in place of one of them, the market on days that end in 5 and 0, no news in the week of examinations.
WALL = """
 1 四 08:00 音乐
 2 五 08:00 音乐
 3 六 08:00 音乐
 4 日 08:00 音乐
 5 一 06:00 赶集 08:00 音乐
 6 二 08:00 音乐
 7 三 08:00 音乐
 8 四 06:30 新闻
 9 五 06:30 新闻
10 六 06:00 赶集 06:30 新闻
11 日 08:00 音乐
12 一 06:30 新闻
13 二 06:30 新闻
14 三 06:30 新闻
15 四 06:00 赶集 06:30 新闻
16 五 06:30 新闻
17 六 08:00 音乐
18 日 08:00 音乐
19 一 07:00 考试
20 二 06:00 赶集 07:00 考试
21 三 07:00 考试
22 四 07:00 考试
23 五 07:00 考试
24 六 08:00 音乐
25 日 06:00 赶集 08:00 音乐
26 一 06:30 新闻
27 二 06:30 新闻
28 三 06:30 新闻
29 四 06:30 新闻
30 五 06:00 赶集 06:30 新闻
31 六 08:00 音乐
"""


def test_a_month_as_on_the_clerks_wall(box):
    """The State Council's file of 2026 as it would be in 2037, which has the same weekdays."""
    api = box.api
    published = json.loads((ROOT / "schedule/holidays/2026.json").read_text().replace("2026-", "2037-"))
    api.post("/calendars/holiday-cn", {**published, "year": 2037})
    for title, ms, rule, of in (
        ("新闻", 600000, "30 6 * * *; workday; not date 2037-10-19..2037-10-23", "programme"),
        ("赶集", 45000, "0 6 * * *; tail 5,10", "notice"),
        ("音乐", 600000, "0 8 * * *; offday", "background"),
        ("考试", 20000, "0 7 * * *; date 2037-10-19..2037-10-23", "notice"),
    ):
        api.post("/schedules", {"announcement": silence(box, title, ms), "rule": rule, "class": of,
                                "zones": [box.west]})  # fmt: skip
    text = plan_of(box, "--from", "2037-10-01T00:00:00+08:00", "--days", "31", lang="zh_CN.UTF-8")
    wall = "\n"
    for day in text.strip().split("\n\n"):
        head, _, *rows, _ = day.splitlines()
        date, weekday = re.fullmatch(r"2037-10-(\d\d) 星期(.)", head).groups()
        wall += f"{int(date):2} {weekday} " + " ".join(" ".join(row.split()[:2]) for row in rows) + "\n"
    assert wall == WALL
    assert plan_of(box, "--from", "2037-10-10T00:00:00+08:00", "--days", "1", lang="zh_CN.UTF-8").splitlines() == [
        "2037-10-10 星期六",
        "时间   内容  时长       分区  说明",
        "06:00  赶集  45 秒      West  ",
        "06:30  新闻  10.0 分钟  West  ",
        "播出分钟数：West 10.8",
        "",
    ]


def test_as_a_clerk_reads_it(box):
    api = box.api
    said = {title: silence(box, title, ms) for title, ms in (("News", 600000), ("开会", 45000), ("Noon", 90000))}
    for title, rule in (("News", "0 7 * * *"), ("开会", "5 7 * * *"), ("Noon", "30 12 * * *")):
        api.post("/schedules", {"announcement": said[title], "rule": rule, "zones": [box.east, box.west]})
    dalabactl = functools.partial(plan_of, box)
    date = tomorrow().date().isoformat()
    words = ("--from", tomorrow().isoformat(), "--days", "1")
    assert dalabactl(*words).splitlines() == [
        tomorrow().strftime("%A ") + date,
        "TIME   TITLE  LENGTH    ZONES       NOTE",
        "07:00  News   10.0 min  东村, West  ",
        "07:05  开会   45 s      东村, West  5 min later, behind 'News'",
        "12:30  Noon   90 s      东村        not played: quiet hours 12:00 to 14:00 in zone '东村'",
        "12:30  Noon   90 s      West        ",
        "minutes: 东村 10.8, West 12.2",
        "",
    ]
    weekday = "一二三四五六日"[tomorrow().weekday()]
    assert dalabactl(*words, lang="zh_CN.UTF-8").splitlines() == [
        f"{date} 星期{weekday}",
        "时间   内容  时长       分区        说明",
        "07:00  News  10.0 分钟  东村, West  ",
        "07:05  开会  45 秒      东村, West  推迟 5 分钟，排在“News”之后",
        "12:30  Noon  90 秒      东村        不播：分区“东村”在 12:00 至 14:00 静音",
        "12:30  Noon  90 秒      West        ",
        "播出分钟数：东村 10.8，West 12.2",
        "",
    ]
    assert "东村" not in dalabactl(*words, "--zone", "West")
    assert len(icalendar.Calendar.from_ical(dalabactl(*words, "--ics")).walk("VEVENT")) == 3
    assert len(json.loads(dalabactl(*words, "--json"))["items"]) == 3
    assert dalabactl("--days", "0", status=2) and dalabactl("--ics", "--json", status=2)
    assert "there is no zone" in dalabactl("--zone", "Nowhere", status=1)
    for row in api.all("/schedules"):
        api.delete(f"/schedules/{row['id']}")
    assert dalabactl(*words).startswith("nothing is planned from ")

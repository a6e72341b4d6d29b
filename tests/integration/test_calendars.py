"""Holidays of a running box: files go in and come out, schedules go by them at once and after a
restart, a missing year is said; and every rule comes with its sentence."""

import datetime
import json
import os
import pathlib
import subprocess
import zoneinfo

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DALABACTL = ROOT / os.environ.get("DALABA_BUILD", "build") / "dalabactl"
SHIPPED = ROOT / "schedule/holidays"
CHINA = zoneinfo.ZoneInfo("Asia/Shanghai")
FAR = 2093  # no file of it will ever come with the program


@pytest.fixture(name="box")
def box_(make_box):
    return make_box().start()


def coming(weekday, weeks=3):
    """A day of that kind (0 Monday) some weeks from now."""
    day = datetime.datetime.now(CHINA).date() + datetime.timedelta(weeks=weeks)
    return day + datetime.timedelta((weekday - day.weekday()) % 7)


def file_of(year, **days):
    return {"year": year, "papers": ["https://example.invalid/1"], "days": [
        {"name": "测试", "date": day, "isOffDay": off} for day, off in days.items()
    ]}  # fmt: skip


def schedule_of(box, folder, rule):
    output = box.output(f"wav:{folder}/horn.wav")
    zone = box.zone("East", output, [0])
    return box.schedule(box.announcement([{"chime": "two-tone"}]), [zone], rule)


def dues(box, schedule, count=40):
    return [t[:10] for t in box.api.get(f"/schedules/{schedule}/next", params={"count": count})["items"]]


def test_schedules_go_by_a_file_at_once_and_after_a_restart(box, folder):
    api = box.api
    wednesday, saturday = coming(2), coming(5)
    # No holiday of these weeks, whichever they are.
    for year in range(wednesday.year - 1, saturday.year + 2):
        api.post("/calendars/holiday-cn", file_of(year))
    schedule = schedule_of(box, folder, "30 6 * * *; workday")
    assert str(wednesday) in dues(box, schedule) and str(saturday) not in dues(box, schedule)
    days = {str(wednesday): True, str(saturday): False}
    given = file_of(wednesday.year, **days)
    if saturday.year != wednesday.year:
        given["year"] = saturday.year  # its days may lie in the year before
    made = api.raw("POST", "/calendars/%E5%AE%81%E5%A4%8F", body=given)
    assert made.status_code == 201
    assert made.headers["Location"] == "/api/v1/calendars/%E5%AE%81%E5%A4%8F"
    assert made.json()["name"] == "宁夏" and made.json()["years"] == [given["year"]]
    for _ in "before", "after":
        assert str(wednesday) not in dues(box, schedule) and str(saturday) in dues(box, schedule)
        assert api.get("/calendars/宁夏")["days"] == given["days"]
        assert api.get("/calendars/宁夏", params={"year": given["year"]}) == given
        box.stop()
        box.start()
    api.delete("/calendars/宁夏")
    assert str(wednesday) in dues(box, schedule)
    api.refused("GET", "/calendars/宁夏", 404)
    api.refused("DELETE", "/calendars/宁夏", 404)


def test_what_a_file_makes_void_is_said(box, folder):
    wednesday = coming(2)
    for year in range(wednesday.year - 1, wednesday.year + 2):
        box.api.post("/calendars/holiday-cn", file_of(year))
    schedule = schedule_of(box, folder, "30 6 * * *; workday")
    at = f"/schedules/{schedule}/overrides"
    moved = {"due": f"{wednesday}T06:30:00+08:00", "action": "move", "to": f"{wednesday}T09:00:00+08:00"}
    box.api.post(at, moved)
    assert "is void" not in box.log
    box.api.post("/calendars/holiday-cn", file_of(wednesday.year, **{str(wednesday): True}))
    assert [o["void"] for o in box.api.all(at)] == [True]
    assert f"schedule {schedule}: the override (move) of {wednesday} 06:30 is void" in box.log


def test_a_missing_year_is_said_and_then_known(box, folder):
    api = box.api
    now = datetime.datetime.now(CHINA)
    holidays = api.get("/status")["holidays"]
    soon = {now.year, (now + datetime.timedelta(days=60)).year}
    missing = sorted(soon - set(holidays["years"]))
    assert holidays["missing"] == missing and set(range(2019, 2027)) <= set(holidays["years"])
    schedule = schedule_of(box, folder, f"0 8 * * *; workday; from {FAR}-12-28")
    notice = api.get(f"/schedules/{schedule}/next")["notice"]
    assert notice is None  # beyond 40 years there is none
    year = now.year + 2
    api.patch(f"/schedules/{schedule}", {"rule": f"0 8 * * *; workday; from {year}-05-01"})
    notice = api.get(f"/schedules/{schedule}/next")["notice"]
    assert f"no holiday file for {year}:" in notice["en"] and f"{year} 年没有节假日数据" in notice["zh"]
    assert api.get(f"/schedules/{schedule}")["notice"] is None  # not soon
    for at in (*missing, year):
        api.post("/calendars/holiday-cn", file_of(at))
    assert api.get(f"/schedules/{schedule}/next")["notice"] is None
    after = api.get("/status")["holidays"]
    assert after["missing"] == [] and after["notice"] is None and year in after["years"]
    if missing:
        assert str(missing[0]) in holidays["notice"]["en"]


def test_files_of_several_years(box):
    api = box.api
    shipped = {year: json.loads((SHIPPED / f"{year}.json").read_text()) for year in range(2019, 2027)}
    listed = api.get("/calendars")
    assert [c["name"] for c in listed["items"]] == ["holiday-cn"] and "days" not in listed["items"][0]
    own = api.get("/calendars/holiday-cn")
    assert own["years"] == sorted(shipped) and own["year"] == 2026
    assert all(f["shipped"] and f["author"] is None for f in own["files"])
    assert len(own["days"]) == sum(len(f["days"]) for f in shipped.values())
    one = api.get("/calendars/holiday-cn", params={"year": 2019})
    assert one == {key: shipped[2019][key] for key in ("year", "papers", "days")}
    # A real file as it is, under another name; the same again replaces it.
    assert api.raw("POST", "/calendars/cn", body=shipped[2026]).status_code == 201
    assert api.raw("POST", "/calendars/cn", body=shipped[2026]).status_code == 200
    assert api.raw("POST", "/calendars/cn", body=shipped[2025]).status_code == 201
    cn = api.get("/calendars/cn")
    assert cn["years"] == [2025, 2026] and cn["days"] == shipped[2025]["days"] + shipped[2026]["days"]
    # Of a day that two files name, the later year's has it.
    api.post("/calendars/x", file_of(FAR, **{f"{FAR}-12-31": True, f"{FAR + 1}-01-02": True}))
    api.post("/calendars/x", file_of(FAR + 1, **{f"{FAR}-12-31": False}))
    days = {d["date"]: d["isOffDay"] for d in api.get("/calendars/x")["days"]}
    assert days == {f"{FAR}-12-31": False, f"{FAR + 1}-01-02": True}
    api.delete("/calendars/x", params={"year": FAR + 1})
    assert api.get("/calendars/x")["years"] == [FAR]
    api.refused("GET", "/calendars/x", 404, params={"year": FAR + 1})
    # In place of a shipped one, and back.
    api.post("/calendars/holiday-cn", file_of(2026))
    own = api.get("/calendars/holiday-cn")
    assert [f["year"] for f in own["files"] if not f["shipped"]] == [2026]
    listed = api.get("/calendars")["items"]
    assert [c["name"] for c in listed] == ["holiday-cn", "cn", "x"]
    for calendar in listed:
        assert {**calendar, "days": api.get(f"/calendars/{calendar['name']}")["days"]} == api.get(
            f"/calendars/{calendar['name']}")  # fmt: skip
    assert api.get("/calendars/holiday-cn", params={"year": 2026})["days"] == []
    api.delete("/calendars/holiday-cn")
    assert len(api.get("/calendars/holiday-cn", params={"year": 2026})["days"]) == 39


@pytest.mark.parametrize(
    "name, body, field",
    [
        ("cn", {"days": []}, "year"),
        ("cn", {"year": 1969, "days": []}, "year"),
        ("cn", {"year": 2026}, "days"),
        ("cn", {"year": 2026, "days": [{"date": "2026-02-30", "isOffDay": True}]}, "days[0].date"),
        ("cn", {"year": 2026, "days": [{"date": "2026-02-03", "isOffDay": "yes"}]}, "days[0].isOffDay"),
        ("cn", {"year": 2026, "days": [{"date": "2026-02-03", "isOffDay": True, "name": "x" * 101}]},
         "days[0].name"),
        ("cn", {"year": 2026, "days": [], "papers": [3]}, "papers[0]"),
        ("%E5" * 101, {"year": 2026, "days": []}, None),
        ("a%0Ab", {"year": 2026, "days": []}, None),
    ],
)  # fmt: skip
def test_what_is_refused(box, name, body, field):
    answer = box.api.raw("POST", f"/calendars/{name}", body=body)
    assert answer.status_code in (400, 404, 422)
    assert answer.json().get("field") == field
    assert [c["name"] for c in box.api.get("/calendars")["items"]] == ["holiday-cn"]


def test_rules_to_pick_and_their_sentences(box, folder):
    api = box.api
    ready = {r["name"]: r for r in api.get("/rules")["items"]}
    assert ready["工作日"]["sentence"] == {"zh": "每个工作日 06:30", "en": "every workday at 06:30"}
    for name in ("每天早晨", "赶集 逢二五八", "初一十五", "腊月廿三", "高考静音"):
        assert name in ready
    schedule = schedule_of(box, folder, ready["高考静音"]["rule"])
    for rule in ready.values():
        row = api.patch(f"/schedules/{schedule}", {"rule": rule["rule"]})
        assert row["sentence"] == rule["sentence"]
        assert api.get(f"/schedules/{schedule}/next")["sentence"] == rule["sentence"]
        # Holidays of a year that is not known cannot come.
        assert row["next"] is not None or rule["name"] in ("节假日", "调休上班日")


def ctl(box, *words, lang="C.UTF-8"):
    env = {**os.environ, "LC_ALL": lang, "DALABA_SOCKET": str(box.socket)}
    return subprocess.run([DALABACTL, *words], env=env, capture_output=True, text=True, timeout=60, check=True).stdout


def test_a_clerk_picks_a_rule_and_reads_what_it_means(box, folder):
    schedule_of(box, folder, "0 8 * * *")
    made = ctl(box, "schedule", "add", "--announcement", "1", "--zone", "East", "--rule", "初一十五").strip()
    assert box.api.get(f"/schedules/{made}")["rule"] == "0 7 * * *; lunar 1,15; lunar-leap"
    listed = ctl(box, "schedule", "list", lang="zh_CN.UTF-8")
    assert "农历每月初一、十五（含闰月） 07:00" in listed and "每天 08:00" in listed
    assert "every day at 08:00" in ctl(box, "schedule", "list")
    holidays = box.api.get("/status")["holidays"]
    for year in holidays["missing"]:
        assert f"holidays: no holiday file for {year}" in ctl(box, "status")
        assert f"holidays: {year} 年没有节假日数据" in ctl(box, "status", lang="zh_CN.UTF-8")
        box.api.post("/calendars/cn", file_of(year))
    assert "holidays:" not in ctl(box, "status")

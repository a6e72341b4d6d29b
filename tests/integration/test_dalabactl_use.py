"""dalabactl against a box of paper: what it asks, how it reads the answers, what it exits
with. Here are the answers that a real daemon gives only when something is wrong with it;
test_dalabactl.py has the others."""
import http.server
import json
import os
import pathlib
import shutil
import socket as socketlib
import socketserver
import subprocess
import tempfile
import threading
import unicodedata
import urllib.parse

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DALABACTL = ROOT / os.environ.get("DALABA_BUILD", "build") / "dalabactl"
CLIP = "c" * 64
ZONES = [{"id": 1, "name": "东村", "output": 1, "channels": [0], "area": "360925100201", "gain_db": -3.5,
          "quiet": [{"from": "22:00", "to": "06:00"}], "pass": 2, "amplifier": "tower"},
         {"id": 2, "name": "Hall", "output": 1, "channels": [1], "area": None, "gain_db": 0, "quiet": []},
         {"id": 3, "name": "1", "output": 2, "channels": [0, 1], "area": None, "gain_db": 0, "quiet": []}]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        box = self.server.box
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        url = urllib.parse.urlsplit(self.path)
        box.requests.append((self.command, url.path.removeprefix("/api/v1"), url.query, body, dict(self.headers)))
        route = box.routes.get(f"{self.command} {url.path.removeprefix('/api/v1')}")
        if isinstance(route, list):
            route = route.pop(0) if len(route) > 1 else route[0]
        if callable(route):
            route = route(urllib.parse.parse_qs(url.query))
        if route is None:
            self.close_connection = True
            return
        status, content = route
        data = content if isinstance(content, bytes) else b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = answer

    def address_string(self):
        return "unix"

    def log_message(self, *args):
        pass


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class TcpServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True


class Box:
    """routes: "METHOD /path" to (status, body), a list of those, or a function of the query."""

    def __init__(self):
        self.requests = []
        self.routes = {"GET /zones": (200, {"items": ZONES, "next": None})}

    def asked(self, method, path):
        return [r for r in self.requests if r[:2] == (method, path)]


@pytest.fixture(name="box")
def box_(tmp_path):
    box = Box()
    with UnixServer(str(tmp_path / "box.sock"), Handler) as server:
        server.box = box
        box.socket = server.server_address
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield box
        server.shutdown()
        thread.join()


def ctl(*words, socket=None, **env):
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", **env}
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
        if name in os.environ:
            environment[name] = os.environ[name]
    if socket:
        environment["DALABA_SOCKET"] = str(socket)
    return subprocess.run([DALABACTL, *map(str, words)], env=environment, capture_output=True, text=True,
                          encoding="utf-8", timeout=60, check=False)


def columns_before(line, mark):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line[:line.index(mark)])


WRONG = [
    ([], "which command?"),
    (["sing"], "there is no command 'sing'"),
    (["schedule"], "schedule what?"),
    (["schedule", "sing"], "schedule what?"),
    (["status", "now"], "'now' is one word too many"),
    (["status", "--loud"], "there is no option --loud"),
    (["play"], "FILE is missing"),
    (["play", "--zone", "A"], "FILE is missing"),
    (["play", "f.wav"], "say where: --zone NAME or --area CODE"),
    (["say", "hello"], "say where"),
    (["say", "hello", "--zone"], "--zone needs NAME..."),
    (["schedule", "add", "--rule", "0 8 * * *", "--zone", "1"], "say what: one of --announcement, --clip, --text, --line and --stream"),
    (["schedule", "add", "--text", "a", "--clip", "b", "--rule", "0 8 * * *", "--zone", "1"], "say what: one of"),
    (["schedule", "add", "--text", "a", "--line", "b", "--rule", "0 8 * * *", "--zone", "1"], "say what: one of"),
    (["schedule", "add", "--line", "b", "--rule", "0 8 * * *", "--zone", "1"], "say how long: --length"),
    (["schedule", "add", "--line", "b", "--length", "0", "--rule", "0 8 * * *", "--zone", "1"], "--length 0: write a whole"),
    (["schedule", "add", "--text", "b", "--length", "9", "--rule", "0 8 * * *", "--zone", "1"], "--length is for"),
    (["schedule", "add", "--line", "b", "--length", "9", "--fallback", "x", "--rule", "0 8 * * *", "--zone", "1"],
     "--fallback is for"),
    (["schedule", "add", "--text", "a", "--zone", "1"], "say when: --rule"),
    (["schedule", "add", "--text", "a", "--rule", "0 8 * * *"], "say where"),
    (["schedule", "add", "--announcement", "x", "--rule", "0 8 * * *", "--zone", "1"], "--announcement x: write a whole"),
    (["schedule", "add", "--announcement", "1", "--title", "t", "--rule", "0 8 * * *", "--zone", "1"], "--title is for"),
    (["schedule", "add", "--text", "a", "--rule", "0 8 * * *", "--zone", "1", "--missed", "late"], "--missed late: write"),
    (["schedule", "add", "--text", "a", "--rule", "x", "--rule", "y"], "--rule is given twice"),
    (["schedule", "remove"], "ID is missing"),
    (["schedule", "remove", "eight"], "'eight' is not the id of a schedule"),
    (["schedule", "next", "1", "--count", "0"], "--count 0: write a whole number from 1 to 1000"),
    (["runs", "--limit", "many"], "--limit many: write a whole number"),
    (["stop", "--run", "1", "--zone", "A"], "write --run or --zone, not both"),
    (["token", "add"], "NAME is missing"),
    (["status", "--url", "http://x", "--socket", "/x"], "write --socket or --url, not both"),
    (["status", "--token", "x"], "--token is for --url"),
    (["status", "--url", "box:8080"], "--url box:8080: write it as http://box:8080"),
]


@pytest.mark.parametrize("words, sentence", WRONG, ids=[" ".join(w) or "nothing" for w, _ in WRONG])
def test_wrong_use(words, sentence):
    end = ctl(*words, socket="/nowhere/dalaba.sock")
    assert end.returncode == 2, end
    assert sentence in end.stderr
    assert "--help" in end.stderr
    assert end.stdout == ""


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["status", "--help"], ["--help", "play"],
                                   ["schedule", "add", "--zone", "1", "--help"]])
def test_help_needs_no_daemon(words):
    end = ctl(*words, socket="/nowhere/dalaba.sock")
    assert (end.returncode, end.stderr) == (0, "")
    assert "dalabactl" in end.stdout


def test_no_daemon(tmp_path):
    for words in (["status"], ["zones"], ["runs"], ["say", "x", "--area", "36"], ["schedule", "list"], ["stop"],
                  ["token", "add", "x"], ["play", __file__, "--zone", "1"]):
        end = ctl(*words, socket=tmp_path / "none.sock")
        assert end.returncode == 3, end
        assert f"{tmp_path}/none.sock" in end.stderr and "systemctl start dalabad" in end.stderr
        assert end.stdout == ""
    assert "/run/dalaba/dalaba.sock" in ctl("status").stderr
    end = ctl("status", "--url", "http://127.0.0.1:1")
    assert end.returncode == 3
    assert "http://127.0.0.1:1" in end.stderr


def test_an_option_beats_the_environment(box, tmp_path):
    box.routes["GET /status"] = (200, {"clock": {}, "zones": [], "faults": []})
    assert ctl("--socket", box.socket, "status", socket=tmp_path / "x").returncode == 0
    assert ctl("status", f"--socket={box.socket}", socket=tmp_path / "x").returncode == 0


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody without rights")
def test_a_socket_without_rights():
    with tempfile.TemporaryDirectory() as folder, socketlib.socket(socketlib.AF_UNIX) as listener:
        os.chmod(folder, 0o755)
        program = shutil.copy(DALABACTL, folder)
        listener.bind(f"{folder}/box.sock")
        os.chmod(f"{folder}/box.sock", 0o600)
        listener.listen()
        end = subprocess.run([program, "status", "--socket", f"{folder}/box.sock"], capture_output=True, text=True,
                             timeout=60, check=False, user=65534, group=65534, extra_groups=[])
    assert end.returncode == 3
    assert "group dalaba" in end.stderr


ODD = [
    ((404, {"title": "Not Found", "status": 404, "detail": "there is no schedule 9", "field": "id"}),
     "there is no schedule 9"),
    ((507, {"title": "Insufficient Storage", "status": 507}), "Insufficient Storage"),
    ((502, b"<html>Bad Gateway"), "is not a dalaba (HTTP 502 without JSON)"),
    ((200, b"hello"), "is not a dalaba"),
    ((302, None), "is not a dalaba"),
]


@pytest.mark.parametrize("answer, sentence", ODD, ids=[str(a[0]) for a, _ in ODD])
def test_refused(box, answer, sentence):
    box.routes["DELETE /schedules/9"] = answer
    end = ctl("schedule", "remove", "9", socket=box.socket)
    assert end.returncode == 1
    assert end.stderr.startswith("dalabactl: ") and sentence in end.stderr
    assert end.stdout == ""


def test_a_connection_that_breaks_is_no_daemon(box):
    box.routes["GET /status"] = lambda query: None
    end = ctl("status", socket=box.socket)
    assert end.returncode == 3
    assert str(box.socket) in end.stderr


def test_a_list_without_items_is_no_list(box):
    box.routes["GET /zones"] = (200, {"zones": []})
    assert ctl("zones", socket=box.socket).returncode == 1


def test_pages_are_followed(box):
    def zones(query):
        after = int(query.get("cursor", ["0"])[0])
        page = [{"id": i, "name": f"第{i}组"} for i in range(after + 1, min(after + 200, 450) + 1)]
        return 200, {"items": page, "next": str(after + 200) if after + 200 < 450 else None}
    box.routes["GET /zones"] = zones
    end = ctl("zones", "--json", socket=box.socket)
    assert [z["id"] for z in json.loads(end.stdout)["items"]] == list(range(1, 451))
    assert json.loads(end.stdout)["next"] is None
    assert len(ctl("zones", socket=box.socket).stdout.splitlines()) == 451


def test_runs_stop_at_the_limit(box):
    def runs(query):
        last = int(query.get("cursor", ["1001"])[0])
        count = int(query["limit"][0])
        page = [{"id": i, "due": "2026-12-01T08:00:00+08:00", "title": "早间新闻", "zones":
                 [{"zone": 1, "name": "东村", "outcome": "played", "started": "2026-12-01T08:00:00.003+08:00",
                   "late_ms": 3, "reason": None},
                  {"zone": 2, "name": "Hall", "outcome": "failed", "started": None, "late_ms": 0,
                   "reason": "the card is gone"}]}
                for i in range(last - 1, max(last - 1 - count, 0), -1)]
        return 200, {"items": page, "next": str(page[-1]["id"]) if page[-1]["id"] > 1 else None}
    box.routes["GET /runs"] = runs
    for words, count, more in (([], 50, True), (["--limit", "300"], 300, True), (["--limit", "0"], 1000, False)):
        end = ctl("runs", *words, "--json", socket=box.socket)
        items = json.loads(end.stdout)["items"]
        assert [r["id"] for r in items] == list(range(1000, 1000 - count, -1))
        end = ctl("runs", *words, socket=box.socket)
        assert len(end.stdout.splitlines()) == 1 + 2 * count
        assert ("older runs" in end.stderr) == more
    head, first, second = end.stdout.splitlines()[:3]
    assert head.split() == ["ID", "DUE", "TITLE", "ZONE", "OUTCOME", "LATE", "REASON"]
    assert first.split() == ["1000", "2026-12-01T08:00:00+08:00", "早间新闻", "东村", "played", "3", "ms"]
    assert second.split(maxsplit=6) == ["1000", "2026-12-01T08:00:00+08:00", "早间新闻", "Hall", "failed", "-",
                                        "the card is gone"]
    assert columns_before(head, "OUTCOME") == columns_before(first, "played") == columns_before(second, "failed")


def test_a_run_without_a_zone_is_shown(box):
    """As of a schedule whose areas had no zone when it was due: nothing was heard, and it is said."""
    run = {"id": 7, "due": "2026-12-01T08:00:00+08:00", "title": "早间新闻", "state": "skipped", "zones": []}
    box.routes["GET /runs"] = (200, {"items": [run], "next": None})
    _, line = ctl("runs", socket=box.socket).stdout.splitlines()
    assert line.split(maxsplit=6)[:6] == ["7", run["due"], "早间新闻", "-", "skipped", "-"]
    assert "no zone was in its areas" in line


def test_zones_as_a_table(box):
    head, east, hall, _ = ctl("zones", socket=box.socket).stdout.splitlines()
    assert columns_before(head, "GAIN") == columns_before(east, "-3.5") == columns_before(hall, "0 dB")
    assert east.split() == ["1", "东村", "1", "0", "360925100201", "-3.5", "dB", "22:00-06:00", "2", "tower"]
    assert hall.split()[-2:] == ["0", "-"]


def test_a_name_cannot_write_on_the_terminal(box):
    box.routes["GET /zones"] = (200, {"items": [{"id": 1, "name": "a\x1b[2J\nb"}], "next": None})
    end = ctl("zones", socket=box.socket)
    assert "\x1b" not in end.stdout
    assert len(end.stdout.splitlines()) == 2


def test_zones_are_meant_by_name_before_id(box):
    box.routes["POST /stop"] = (200, {"stopped": 1})
    for name, ids in (("1", [3]), ("2", [2]), ("东村", [1])):
        assert ctl("stop", "--zone", name, socket=box.socket).returncode == 0
        assert json.loads(box.requests[-1][3]) == {"zones": ids}
    end = ctl("stop", "--zone", "东村", "西村", socket=box.socket)
    assert end.returncode == 1
    assert "there is no zone '西村'; there are: 东村, Hall, 1" in end.stderr
    assert len(box.asked("POST", "/stop")) == 3


def test_play_uploads_then_runs(box, tmp_path):
    recording = tmp_path / "早间 新闻.mp3"
    recording.write_bytes(os.urandom(300_000))
    box.routes["POST /clips"] = (201, {"id": CLIP, "title": "早间 新闻"})
    box.routes["POST /runs"] = (201, {"id": 12, "state": "planned"})
    end = ctl("play", recording, "--zone", "东村", "Hall", "--zone", "1", "--area", "3609", "--class", "programme",
              "--at", "2026-12-01T08:00:00+08:00", socket=box.socket)
    assert (end.returncode, end.stdout, end.stderr) == (0, "12\n", "")
    upload = box.asked("POST", "/clips")[0]
    assert upload[3] == recording.read_bytes()
    assert urllib.parse.parse_qs(upload[2]) == {"title": ["早间 新闻"]}
    assert "Expect" not in upload[4]
    assert json.loads(box.asked("POST", "/runs")[0][3]) == {
        "clip": CLIP, "zones": [1, 2, 3], "areas": ["3609"], "class": "programme",
        "at": "2026-12-01T08:00:00+08:00"}
    end = ctl("play", "--zone", "东村", recording, "--json", socket=box.socket)
    assert json.loads(end.stdout) == {"id": 12, "state": "planned"}


def test_play_refused(box, tmp_path):
    recording = tmp_path / "notes.txt"
    end = ctl("play", recording, "--zone", "Hall", socket=box.socket)
    assert end.returncode == 1
    assert f"cannot read '{recording}': No such file" in end.stderr
    end = ctl("play", tmp_path, "--zone", "Hall", socket=box.socket)
    assert end.returncode == 1
    assert "is a directory" in end.stderr
    recording.write_text("no sound", encoding="utf-8")
    box.routes["POST /clips"] = (422, {"title": "Unprocessable", "detail": "this is not audio"})
    end = ctl("play", recording, "--zone", "Hall", socket=box.socket)
    assert end.returncode == 1
    assert end.stderr == f"dalabactl: '{recording}': this is not audio\n"
    assert not box.asked("POST", "/runs")
    end = ctl("play", recording, "--zone", "nowhere", socket=box.socket)
    assert end.returncode == 1
    assert len(box.asked("POST", "/clips")) == 1


def zone_end(outcome, reason=None):
    return {"zone": 1, "name": "东村", "outcome": outcome, "reason": reason}


@pytest.mark.parametrize("state, code", [("played", 0), ("failed", 1), ("cut", 1), ("missed", 1), ("skipped", 1)])
def test_wait_stays_to_the_end(box, state, code):
    box.routes["POST /runs"] = (201, {"id": 7, "state": "planned"})
    box.routes["GET /runs/7"] = [(200, {"id": 7, "state": s, "zones": [zone_end(s, "the card is gone")]})
                                 for s in ("planned", "playing", "paused", "playing", state)]
    end = ctl("say", "开会", "--zone", "东村", "--wait", "--title", "通知", socket=box.socket)
    assert end.returncode == code
    assert end.stdout == "7\n"
    assert json.loads(box.asked("POST", "/runs")[0][3]) == {"text": "开会", "zones": [1], "title": "通知"}
    assert len(box.asked("GET", "/runs/7")) == 5
    if code:
        assert f"zone '东村': {state}: the card is gone" in end.stderr
    end = ctl("say", "开会", "--zone", "东村", "--wait", "--json", socket=box.socket)
    assert json.loads(end.stdout)["state"] == state


def test_schedule_add(box, tmp_path):
    box.routes["POST /announcements"] = (201, {"id": 5})
    box.routes["POST /schedules"] = (201, {"id": 8})
    box.routes["POST /clips"] = (201, {"id": CLIP, "title": "news"})
    box.routes[f"GET /clips/{CLIP}"] = (200, {"id": CLIP, "title": "news"})
    plan = ["--rule", "0 8 * * *", "--zone", "东村"]
    end = ctl("schedule", "add", "--announcement", "5", *plan, "--missed", "600", "--class", "notice",
              "--from", "2026-12-01T00:00:00+08:00", "--until", "2027-01-01T00:00:00+08:00", "--conflict", "skip",
              socket=box.socket)
    assert (end.returncode, end.stdout) == (0, "8\n")
    assert json.loads(box.requests[-1][3]) == {
        "announcement": 5, "rule": "0 8 * * *", "zones": [1], "missed": {"play_within_s": 600}, "class": "notice",
        "from": "2026-12-01T00:00:00+08:00", "until": "2027-01-01T00:00:00+08:00", "conflict": "skip"}
    assert not box.asked("POST", "/announcements")

    text = "一二三四五六七八九十" * 5
    assert ctl("schedule", "add", "--text", text, *plan, "--missed", "skip", socket=box.socket).returncode == 0
    assert json.loads(box.asked("POST", "/announcements")[-1][3]) == {"title": text[:40], "parts": [{"text": text}]}
    assert json.loads(box.requests[-1][3])["missed"] == "skip"

    recording = tmp_path / "news.mp3"
    recording.write_bytes(b"x")
    for clip, uploads in ((recording, 1), (CLIP, 1)):
        assert ctl("schedule", "add", "--clip", clip, *plan, socket=box.socket).returncode == 0
        assert json.loads(box.asked("POST", "/announcements")[-1][3]) == {"title": "news", "parts": [{"clip": CLIP}]}
        assert len(box.asked("POST", "/clips")) == uploads
    for what, title, part in (
        (["--line", "hw:CARD=Device", "--length", "60"], "hw:CARD=Device",
         {"line": "hw:CARD=Device", "length_ms": 60000}),
        (["--stream", "http://a/b", "--length", "5", "--title", "radio"], "radio",
         {"stream": "http://a/b", "length_ms": 5000}),
        (["--stream", "http://a/b", "--length", "5", "--fallback", CLIP], "http://a/b",
         {"stream": "http://a/b", "length_ms": 5000, "fallback": CLIP}),
    ):
        assert ctl("schedule", "add", *what, *plan, socket=box.socket).returncode == 0
        assert json.loads(box.asked("POST", "/announcements")[-1][3]) == {"title": title, "parts": [part]}


@pytest.mark.parametrize("upload, deleted", [(201, True), (200, False)])
def test_a_schedule_that_is_refused_leaves_nothing(box, tmp_path, upload, deleted):
    recording = tmp_path / "news.mp3"
    recording.write_bytes(b"x")
    box.routes["POST /clips"] = (upload, {"id": CLIP, "title": "news"})
    box.routes["POST /announcements"] = (201, {"id": 5})
    box.routes["POST /schedules"] = (400, {"detail": "column 1: '99' is no minute", "field": "rule"})
    box.routes["DELETE /announcements/5"] = box.routes[f"DELETE /clips/{CLIP}"] = (204, None)
    end = ctl("schedule", "add", "--clip", recording, "--rule", "99 * * * *", "--zone", "Hall", socket=box.socket)
    assert end.returncode == 1
    assert end.stderr == "dalabactl: column 1: '99' is no minute\n"
    assert len(box.asked("DELETE", "/announcements/5")) == 1
    assert bool(box.asked("DELETE", f"/clips/{CLIP}")) == deleted


DUE = "2026-12-01T08:00:00+08:00"
OVERRIDE = {"id": 4, "schedule": 8, "due": DUE, "action": "move", "to": "2026-12-01T09:00:00+08:00",
            "announcement": 6, "void": False}  # fmt: skip


@pytest.mark.parametrize("words, body", (
    (["skip"], {"action": "skip"}),
    (["move", OVERRIDE["to"]], {"action": "move", "to": OVERRIDE["to"]}),
    (["move", OVERRIDE["to"], "--announcement", "6"], {"action": "move", "to": OVERRIDE["to"], "announcement": 6}),
    (["replace", "6"], {"action": "replace", "announcement": 6}),
    (["replace", "6", "--to", OVERRIDE["to"]], {"action": "replace", "to": OVERRIDE["to"], "announcement": 6}),
))  # fmt: skip
def test_just_this_once(box, words, body):
    box.routes["POST /schedules/8/overrides"] = (201, {**OVERRIDE, "warnings": ["quiet in Hall"]})
    end = ctl("schedule", words[0], "8", DUE, *words[1:], socket=box.socket)
    assert (end.returncode, end.stdout, end.stderr) == (0, "4\n", "dalabactl: quiet in Hall\n")
    assert json.loads(box.requests[-1][3]) == {"due": DUE, **body}
    assert json.loads(ctl("schedule", "skip", "8", DUE, "--json", socket=box.socket).stdout)["id"] == 4
    box.routes["POST /schedules/8/overrides"] = (422, {"detail": "it is not due at", "field": "due"})
    end = ctl("schedule", words[0], "8", DUE, *words[1:], socket=box.socket)
    assert (end.returncode, end.stderr) == (1, "dalabactl: it is not due at\n")


def test_as_the_rule_has_it_again(box):
    box.routes["GET /schedules/8/overrides"] = (200, {"next": None, "items": [OVERRIDE]})
    box.routes["DELETE /overrides/4"] = (204, None)
    # The same instant, written otherwise.
    end = ctl("schedule", "restore", "8", "2026-12-01T00:00:00Z", socket=box.socket)
    assert (end.returncode, end.stdout) == (0, "")
    assert len(box.asked("DELETE", "/overrides/4")) == 1
    end = ctl("schedule", "restore", "8", "2026-12-01T00:00:01Z", socket=box.socket)
    assert end.returncode == 1 and "nothing was said of" in end.stderr
    for words in (["restore", "8", "today"], ["restore", "8"], ["skip", "x", DUE], ["replace", "8", DUE, "News"],
                  ["move", "8", DUE]):  # fmt: skip
        assert ctl("schedule", *words, socket=box.socket).returncode == 2, words


def test_schedule_list_remove_next(box):
    box.routes["GET /schedules"] = (200, {"next": None, "items": [
        {"id": 8, "announcement": 5, "zones": [1, 9], "areas": ["3609"], "rule": "0 8 * * *", "class": "notice",
         "enabled": False, "overrides": [OVERRIDE, {**OVERRIDE, "action": "skip", "to": None, "announcement": None, "void": True}]}]})
    box.routes["GET /announcements"] = (200, {"next": None, "items": [{"id": 5, "title": "早间新闻"}]})
    end = ctl("schedule", "list", socket=box.socket)
    first, tail = end.stdout.splitlines()[1].split("0 8 * * *")
    assert first.split() == ["8", "早间新闻", "东村,9,3609", "notice", "no"]
    assert tail.strip() == (
        f"{DUE} move to 2026-12-01T09:00:00+08:00 by announcement 6, {DUE} skip (void)")
    assert json.loads(ctl("schedule", "list", "--json", socket=box.socket).stdout)["items"][0]["id"] == 8
    skipped = {**OVERRIDE, "action": "skip", "to": None, "announcement": None}
    box.routes["GET /schedules/8/next"] = (200, {"next": None, "items": ["2026-12-02T08:00:00+08:00"], "occurrences": [
        {"due": DUE, "at": None, "override": skipped},
        {"due": DUE, "at": OVERRIDE["to"], "override": OVERRIDE},
        {"due": "2026-12-02T08:00:00+08:00", "at": "2026-12-02T08:00:00+08:00", "override": None}]})
    end = ctl("schedule", "next", "8", "--count", "2", socket=box.socket)
    assert end.stdout == (
        f"-\t{DUE} skip\n{OVERRIDE['to']}\t{DUE} move to {OVERRIDE['to']} by announcement 6\n"
        "2026-12-02T08:00:00+08:00\n")
    assert box.requests[-1][2] == "count=2"
    box.routes["DELETE /schedules/8"] = (204, None)
    end = ctl("schedule", "remove", "8", socket=box.socket)
    assert (end.returncode, end.stdout) == (0, "")


def test_status(box):
    status = {"clock": {"now": "2026-12-01T08:00:00+08:00", "trusted": False, "reason": "not synchronised"},
              "zones": [{"id": 1, "name": "东村", "state": "fault", "run": None, "fault": "no such card",
                         "level_db": -120}],
              "faults": [{"source": "output Hall", "text": "no such card", "since": "2026-12-01T07:00:00+08:00"}]}
    box.routes["GET /status"] = (200, status)
    end = ctl("status", socket=box.socket)
    assert "not trusted: not synchronised" in end.stdout
    assert "no such card" in end.stdout and "东村" in end.stdout and "output Hall" in end.stdout
    assert json.loads(ctl("status", "--json", socket=box.socket).stdout) == status


def test_over_tcp_with_a_token(box):
    box.routes["GET /zones"] = (401, {"title": "Unauthorized", "detail": "this needs a token"})
    box.routes["POST /tokens"] = (201, {"id": 1, "name": "office", "token": "secret"})
    with TcpServer(("127.0.0.1", 0), Handler) as server:
        server.box = box
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_address[1]}/"
            end = ctl("zones", "--url", url)
            assert end.returncode == 1
            assert end.stderr == "dalabactl: this needs a token (--token, or DALABA_TOKEN in the environment)\n"
            assert "Authorization" not in box.requests[-1][4]
            for words, env in ((["--token", "t1"], {"DALABA_TOKEN": "other"}), ([], {"DALABA_TOKEN": "t1"})):
                end = ctl("token", "add", "office", "--url", url, *words, http_proxy="http://127.0.0.1:1", **env)
                assert (end.returncode, end.stdout) == (0, "secret\n"), end
                assert box.requests[-1][4]["Authorization"] == "Bearer t1"
        finally:
            server.shutdown()
            thread.join()


def test_an_answer_that_cannot_be_written_is_told(box):
    with open("/dev/full", "wb") as full:
        end = subprocess.run([DALABACTL, "zones", "--socket", box.socket], stdout=full, stderr=subprocess.PIPE,
                             text=True, timeout=60, check=False)
    assert end.returncode == 1
    assert "cannot write the answer" in end.stderr

"""Starts build/dalabad for a test, talks to it, and holds all it says against openapi.yaml.

    box = Daemon(tmp_path, cards.env())
    box.start()
    box.api.get("/zones")            # over the Unix socket, as an administrator
    box.stop()                       # SIGTERM: two seconds, exit 0, no sanitizer report
"""

import contextlib
import datetime
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time
import urllib.parse

import requests
import requests.adapters
import urllib3

from . import alsa, openapi

SANITIZER = re.compile(
    r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|UndefinedBehavior|runtime error:|Assertion `"
)
API = "/api/v1"
ZONE = datetime.timezone(datetime.timedelta(hours=8))  # of the box: Asia/Shanghai


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self.path)


class _UnixPool(urllib3.connectionpool.HTTPConnectionPool):
    def __init__(self, path):
        super().__init__("localhost")
        self.path = path

    def _new_conn(self):
        return _UnixConnection(self.path)


class UnixAdapter(requests.adapters.HTTPAdapter):
    """requests over the socket file `path`: mount it at http://box/."""

    def __init__(self, path):
        super().__init__()
        self.pool = _UnixPool(str(path))

    def get_connection(self, url, proxies=None):
        return self.pool

    def get_connection_with_tls_context(self, request, verify, proxies=None, cert=None):
        return self.pool

    def request_url(self, request, proxies):
        return request.path_url

    def close(self):
        self.pool.close()


class Refused(AssertionError):
    """An answer other than the test expected."""

    def __init__(self, response, expected):
        super().__init__(
            f"{response.request.method} {response.request.url}: {response.status_code} "
            f"instead of {expected}: {response.text[:600]}"
        )
        self.response = response


class Ended(AssertionError):
    """The daemon is gone while a test waited for something of it."""


class Client:
    """Calls that check every answer. `get("/zones")` is GET /api/v1/zones; the body is JSON
    unless data= is given; the answer is the parsed JSON, or bytes where it is not JSON."""

    def __init__(self, base, adapter=None, token=None):
        self.base = base
        self.session = requests.Session()
        self.session.trust_env = False
        if adapter:
            self.session.mount(base, adapter)
        if token:
            self.session.headers["Authorization"] = f"Bearer {token}"

    def raw(self, method, path, body=None, data=None, params=None, headers=None, timeout=60):
        headers = dict(headers or {})
        if body is not None:
            data = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        elif data is not None:
            headers.setdefault("Content-Type", "application/octet-stream")
        path = path if path in ("/healthz", "/metrics") else API + path
        response = self.session.request(
            method, self.base + path, data=data, params=params, headers=headers, timeout=timeout
        )
        length = response.headers.get("Content-Length")
        if method != "HEAD" and length is not None and len(response.content) < int(length):
            raise requests.ConnectionError("the answer was cut off")
        openapi.description().check(
            method,
            urllib.parse.urlsplit(path).path,
            response.status_code,
            response.headers.get("Content-Type"),
            response.content,
        )
        return response

    def call(self, method, path, expect, **kwargs):
        response = self.raw(method, path, **kwargs)
        if response.status_code not in expect:
            raise Refused(response, expect)
        kind = response.headers.get("Content-Type", "")
        return response.json() if "json" in kind else response.content

    def get(self, path, expect=(200,), **kwargs):
        return self.call("GET", path, expect, **kwargs)

    def post(self, path, body=None, expect=(200, 201), **kwargs):
        return self.call("POST", path, expect, body=body, **kwargs)

    def patch(self, path, body, expect=(200,), **kwargs):
        return self.call("PATCH", path, expect, body=body, **kwargs)

    def delete(self, path, expect=(200, 204), **kwargs):
        return self.call("DELETE", path, expect, **kwargs)

    def refused(self, method, path, status, **kwargs):
        """The problem of a call that must fail with this status."""
        problem = self.call(method, path, (status,), **kwargs)
        assert problem["status"] == status and problem["title"], problem
        return problem

    def all(self, path, **params):
        """Every item of a list, page by page."""
        items, cursor = [], None
        while True:
            page = self.get(path, params={**params, **({"cursor": cursor} if cursor else {})})
            items += page["items"]
            cursor = page["next"]
            if cursor is None:
                return items


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Daemon:
    def __init__(self, folder, env=None, config=None, name="box"):
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.data_dir = self.folder / "data"
        self.data_dir.mkdir(exist_ok=True)
        self.socket = self.folder / "sock"
        self.port = free_port()
        self.config_file = self.folder / "dalaba.conf"
        self.log_file = self.folder / "log"
        self.env = env or dict(os.environ)
        self.env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1")
        self.process = None
        self.exit_code = None
        self.settings = {
            "daemon": {"data_dir": self.data_dir, "timezone": "Asia/Shanghai"},
            "http": {"listen": f"127.0.0.1:{self.port}", "socket": self.socket},
            "audio": {"buffer_ms": 200},
        }
        for section, keys in (config or {}).items():
            self.settings.setdefault(section, {}).update(keys)
        self.write_config()
        self.api = Client("http://box", UnixAdapter(self.socket))

    def write_config(self, text=None):
        if text is None:
            text = "".join(
                f"[{section}]\n" + "".join(f"{k} = {v}\n" for k, v in keys.items()) + "\n"
                for section, keys in self.settings.items()
            )
        self.config_file.write_text(text)

    @property
    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def tail(self, lines=60):
        return "\n".join(self.log.splitlines()[-lines:])

    def launch(self, *args):
        assert self.process is None
        with open(self.log_file, "ab") as log:
            self.log_from = log.tell()
            self.process = subprocess.Popen(
                [alsa.build_dir() / "dalabad", "--config", self.config_file, *args],
                env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
            )  # fmt: skip

    def ready(self):
        with open(self.log_file, "rb") as log:
            log.seek(self.log_from)
            return re.search(rb"^(<\d>)?ready$", log.read(), re.M) is not None

    def start(self, within_s=20):
        self.launch()
        self.wait_for(self.ready, within_s, "the line `ready`")
        return self

    def wait_for(self, condition, within_s, what, step_s=0.02):
        until = time.monotonic() + within_s
        while True:
            value = condition()
            if value:
                return value
            if self.process and self.process.poll() is not None:
                raise Ended(f"dalabad ended with {self.process.returncode} while the test "
                            f"waited for {what}\n{self.tail()}")  # fmt: skip
            if time.monotonic() > until:
                raise AssertionError(f"no {what} within {within_s} s; last: {value!r}")
            time.sleep(step_s)

    def wait_exit(self, within_s):
        try:
            self.exit_code = self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"dalabad still runs after {within_s} s\n{self.tail()}") from None
        self.process = None
        self.check_log()
        return self.exit_code

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.wait_exit(2)
        assert code == 0, f"dalabad ended with {code}\n{self.tail()}"

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process = None
        self.check_log()

    def check_log(self):
        found = SANITIZER.search(self.log)
        assert not found, f"a report in the log of {self.folder}:\n{self.log[found.start():][:8000]}"

    def close(self):
        """For teardown: stops what runs, and complains as stop() does."""
        self.api.session.close()
        if self.process is None:
            return self.check_log()
        if self.process.poll() is not None:
            raise AssertionError(f"dalabad ended by itself with {self.process.returncode}\n"
                                 f"{self.tail()}")  # fmt: skip
        try:
            self.stop()
        finally:
            if self.process is not None:
                self.process.kill()
                self.process.wait()
                self.process = None

    def tcp(self, token=None):
        return Client(f"http://127.0.0.1:{self.port}", token=token)

    # What most tests need of a box.

    def output(self, pcm, channels=2, rate=48000, name=None):
        return self.api.post(
            "/outputs", {"name": name or str(pcm), "pcm": str(pcm), "rate": rate,
                         "channels": channels},
        )["id"]  # fmt: skip

    def zone(self, name, output, channels, **more):
        return self.api.post("/zones", {"name": name, "output": output, "channels": channels,
                                        **more})["id"]  # fmt: skip

    def clip(self, path, title="clip"):
        return self.api.post("/clips", data=pathlib.Path(path).read_bytes(),
                             params={"title": title})  # fmt: skip

    def announcement(self, parts, title="announcement", **more):
        return self.api.post("/announcements", {"title": title, "parts": parts, **more})["id"]

    def at(self, seconds):
        """(rule, due) of the whole second at least `seconds` ahead."""
        due = datetime.datetime.fromtimestamp(-(-(time.time() + seconds) // 1), ZONE)
        return f"at {due:%Y-%m-%d %H:%M:%S}", due

    def schedule(self, announcement, zones, rule, **more):
        return self.api.post(
            "/schedules", {"announcement": announcement, "zones": zones, "rule": rule,
                           "class": "notice", "missed": "skip", "conflict": "wait", **more},
        )["id"]  # fmt: skip

    def zone_status(self, zone):
        (found,) = [z for z in self.api.get("/status")["zones"] if z["id"] == zone]
        return found

    def wait_zone(self, zone, state, within_s=10):
        return self.wait_for(
            lambda: (z := self.zone_status(zone))["state"] == state and z,
            within_s, f"zone {zone} to be {state}",
        )  # fmt: skip

    def run(self, run):
        return self.api.get(f"/runs/{run}")

    def runs_of(self, source_zone=None, **params):
        return self.api.all("/runs", **({"zone": source_zone} if source_zone else {}), **params)

    def wait_run(self, run, within_s=30, states=None):
        """The run once every zone has one of these outcomes (any final one by default)."""
        wanted = states or ("played", "cut", "failed", "missed", "skipped", "cancelled")

        def done():
            row = self.run(run)
            return all(z["outcome"] in wanted for z in row["zones"]) and row

        return self.wait_for(done, within_s, f"run {run} to be {'/'.join(wanted)}")

    def wait_scheduled_run(self, schedule, within_s=30, final=True):
        """The one run of a schedule."""

        def found():
            rows = [r for r in self.runs_of() if r.get("schedule") == schedule]
            return rows and rows[0]["id"]

        run = self.wait_for(found, within_s, f"a run of schedule {schedule}")
        return self.wait_run(run, within_s) if final else self.run(run)


def processes_with(words):
    """Of all on this machine whose command lines have these words."""
    found = []
    for line in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if words.encode() in line.read_bytes():
                found.append(int(line.parent.name))
    return found


def outcome(run, zone):
    (found,) = [z for z in run["zones"] if z["zone"] == zone]
    return found


def monotonic_ns(instant):
    """CLOCK_MONOTONIC of an aware datetime (or RFC 3339 text), as the clocks stand now."""
    if isinstance(instant, str):
        instant = datetime.datetime.fromisoformat(instant.replace("Z", "+00:00"))
    best = min(
        (abs(b - a), (a + b) // 2 - r)
        for a, r, b in (
            (time.monotonic_ns(), time.time_ns(), time.monotonic_ns()) for _ in range(5)
        )
    )
    micro = round((instant - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc))
                  / datetime.timedelta(microseconds=1))  # fmt: skip
    return micro * 1000 + best[1]


def dalabactl(box, *args, expect=0, text=None):
    """Runs dalabactl against the box's socket; returns its output."""
    done = subprocess.run(
        [alsa.build_dir() / "dalabactl", "--socket", str(box.socket), *map(str, args)],
        input=text, capture_output=True, text=True, timeout=60, env=box.env,
    )  # fmt: skip
    assert done.returncode == expect, f"exit {done.returncode}: {done.stdout}{done.stderr}"
    assert not SANITIZER.search(done.stderr), done.stderr
    return done.stdout if expect == 0 else done.stderr

"""Every call of openapi.yaml, asked wrongly: never a 5xx but the documented 503 and 507, never
an answer that is not described, never a crash, and nothing changed by what was refused.

DALABA_SEED repeats a run, DALABA_MALFORMED_S makes it last longer.
"""

import errno
import json
import os
import random
import socket
import time
import urllib.parse

import hypothesis
import pytest
from hypothesis import strategies as st

from conftest import Village
from rig import junk, openapi
from rig.daemon import API

BUDGET_S = int(os.environ.get("DALABA_MALFORMED_S", "30"))
LISTS = ("/areas", "/outputs", "/zones", "/clips", "/announcements", "/schedules", "/tokens")
MAKES_CLIPS = ("/clips", "/speech")
LOOSE = hypothesis.settings(
    max_examples=100000, deadline=None, database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
    # Not shrunk: the box that a smaller example would meet is another one by then.
    phases=(hypothesis.Phase.generate,),
)  # fmt: skip


def seeded(seed, seconds, strategy, check):
    """Runs check on examples until the time is over."""
    until = time.monotonic() + seconds
    count = [0]

    @hypothesis.seed(seed)
    @LOOSE
    @hypothesis.given(strategy)
    def run(example):
        if time.monotonic() > until:
            raise Over
        count[0] += 1
        check(example)

    try:
        run()
    except Over:
        pass
    return count[0]


class Over(BaseException):
    """Out of time; past hypothesis, which would take an exception for a finding."""


def operations():
    return [o for o in openapi.description().operations if o.path != "/events"]


class Target:
    """The box under fire, with one row of everything so that ids from 1 mean something."""

    def __init__(self, village):
        self.village = village
        self.box = village.box
        self.api = village.api
        clip, _ = village.clip(0.3, seed=1)
        area = self.api.post("/areas", {"code": "33", "name": "province"})["id"]
        announcement = village.announcement(clip)
        rule, _ = self.box.at(86400)
        schedule = self.box.schedule(announcement, [village.left], rule)
        self.known = {"id": [area, village.left, announcement, schedule, clip["id"]]}
        self.before = self.listing()

    def listing(self):
        lists = {path: self.api.all(path) for path in LISTS}
        lists["/runs"] = [r["id"] for r in self.api.all("/runs")]
        lists["/alerts"] = [(a["id"], a["state"]) for a in self.api.all("/alerts")]
        return lists

    def fire(self, operation, path, query, headers, data):
        response = self.api.session.request(
            operation.method, f"http://box{path}", params=query, headers=headers, data=data,
            timeout=60,
        )  # fmt: skip
        status = response.status_code
        assert status < 500 or status in (503, 507), f"{status}: {response.text[:500]}"
        content_type = response.headers.get("Content-Type")
        # The path itself may be spoiled; then it is somebody else's call, or nobody's.
        plain = urllib.parse.urlsplit(response.request.url).path
        try:
            openapi.description().find(operation.method, plain)
        except openapi.Undescribed:
            assert status in (400, 404, 405), f"{status} for {operation.method} {plain}"
            assert content_type.startswith("application/problem+json"), content_type
        else:
            openapi.description().check(
                operation.method, plain, status, content_type, response.content
            )
        self.afterwards(operation, status)

    def afterwards(self, operation, status):
        assert self.box.process.poll() is None, "it has crashed"
        if operation.method == "get":
            return
        if status < 300 and "/alerts" in operation.path:
            for alert in self.api.all("/alerts", state="active"):
                self.api.post(f"/alerts/{alert['id']}/cancel")
        after = self.listing()
        if status >= 400:
            for path, items in self.before.items():
                there = after[path]
                if path == "/clips" and operation.path not in MAKES_CLIPS:
                    # The words of what was accepted before become clips in their own time.
                    there = [clip for clip in there if clip in items]
                assert there == items, f"{operation} was refused and changed {path}"
        elif status < 300 and "/runs" in operation.path or operation.path.endswith("/test"):
            self.api.post("/stop", {})
            after = self.listing()
        self.before = after if len(str(after)) < 100000 else self.sweep()

    def sweep(self):
        """What was accepted goes again, so that the lists stay short."""
        for path in ("/schedules", "/announcements", "/zones", "/outputs", "/areas", "/tokens"):
            for item in self.api.all(path):
                if item["id"] not in self.known["id"]:
                    self.api.delete(f"{path}/{item['id']}", expect=(200, 204, 409))
        return self.listing()


@st.composite
def requests_for(draw, operation, known):
    path = operation.base + operation.path
    for name in [p[1:-1] for p in path.split("/") if p.startswith("{")]:
        value = draw(st.one_of(
            st.sampled_from(known), st.sampled_from(known), st.integers(0, 9), junk.NASTY_NUMBER,
            junk.NASTY_TEXT, st.text(min_size=1, max_size=20),
        ))  # fmt: skip
        quoted = urllib.parse.quote(str(value)[:200], safe="")
        path = path.replace("{" + name + "}", quoted or "%20")
    names = [p["name"] for p in operation.parameters if p["in"] == "query"]
    query = draw(st.dictionaries(
        st.sampled_from(names) if names else st.just("x"),
        st.one_of(junk.NASTY_TEXT.map(lambda t: t[:200]), junk.NASTY_NUMBER.map(str),
                  st.integers(-5, 500).map(str), st.text(max_size=20)),
        max_size=2,
    ))  # fmt: skip
    headers, data = {}, None
    if operation.method != "get":
        bodies = operation.body
        kind = draw(st.sampled_from(list(bodies) or ["application/json"]))
        headers["Content-Type"] = draw(
            st.sampled_from([kind] * 8 + ["text/plain", "", "application/json; charset=latin-1"])
        )
        if kind.endswith("json"):
            follow = operation.description.follow
            values = junk.near(bodies.get(kind, {}), follow)
            text = st.one_of(values, junk.spoiled(values), junk.spoiled(values), junk.ANYTHING)
            data = json.dumps(draw(text)).encode()
            if draw(st.integers(0, 9)) == 0:
                cut = draw(st.integers(0, len(data)))
                data = data[:cut] + draw(st.binary(max_size=8)) + data[cut + 1 :]
        else:
            data = draw(st.binary(max_size=3000) | st.sampled_from(
                [b"", b"RIFF\xff\xff\xff\xffWAVEfmt ", b"OggS" + bytes(200), b"fLaC" + bytes(60),
                 b"ID3\x04" + bytes(100), b"\xff\xfb\x90\x00" * 500]
            ))  # fmt: skip
    return operation, path, query, headers, data


@pytest.mark.heavy
def test_every_call_asked_wrongly(village, capsys):
    seed = int(os.environ.get("DALABA_SEED", random.SystemRandom().randrange(1 << 32)))
    target = Target(village)
    calls = operations()
    count = 0
    for number, operation in enumerate(calls):
        strategy = requests_for(operation, target.known["id"])
        try:
            count += seeded(
                seed + number, BUDGET_S / len(calls), strategy, lambda r: target.fire(*r)
            )
        except BaseException as e:
            raise AssertionError(f"DALABA_SEED={seed}, {operation}") from e
    with capsys.disabled():
        print(f"\nDALABA_SEED={seed}: {count} requests over {len(calls)} calls")
    assert count > 5 * len(calls)


def exchange(address, data, patience_s=0.5):
    with socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET) as s:
        s.settimeout(5)
        s.connect(address)
        answer = b""
        try:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            s.settimeout(patience_s)
            while piece := s.recv(65536):
                answer += piece
        except (TimeoutError, ConnectionError):
            pass
        except OSError as e:
            # Refused and reset before our end was shut down: it has none any more.
            if e.errno != errno.ENOTCONN:
                raise
        return answer


def raw_requests():
    line = st.sampled_from([b"GET", b"POST", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE", b"\x00",
                            b"CONNECT", b"PUT", b"get"])  # fmt: skip
    target = st.one_of(
        st.sampled_from([b"/api/v1/zones", b"*", b"/", b"/api/v1/../../etc", b"/%00", b"//",
                         b"http://x/", b"/api/v1/zones?limit=", b"/" + b"a" * 9000]),
        st.binary(max_size=30),
    )  # fmt: skip
    version = st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/9.9", b"", b"HTTP/1.1 x"])
    header = st.sampled_from([
        b"Host: x", b"Content-Length: 99999999999999999999", b"Content-Length: -1",
        b"Content-Length: 3", b"Transfer-Encoding: chunked", b"Expect: 100-continue",
        b"Content-Type: application/json", b"X: " + b"y" * 9000, b": ", b"\x00", b"Connection:",
        b"Range: bytes=9-1", b"Authorization: Bearer " + b"z" * 3000, b"Upgrade: h2c",
    ])  # fmt: skip
    body = st.sampled_from([b"", b"{}", b"ffffffffffffffff\r\n", b"2\r\n{}\r\n0\r\n\r\n", b"[" * 99])
    whole = st.builds(
        lambda m, t, v, h, b: m + b" " + t + b" " + v + b"\r\n" + b"\r\n".join(h) + b"\r\n\r\n" + b,
        line, target, version, st.lists(header, max_size=5), body,
    )  # fmt: skip
    return whole | st.binary(max_size=400)


def test_raw_bytes(make_box, capsys):
    seed = int(os.environ.get("DALABA_SEED", random.SystemRandom().randrange(1 << 32)))
    box = make_box().start()
    statuses = set()

    def check(data):
        for address in (str(box.socket), ("127.0.0.1", box.port)):
            answer = exchange(address, data, 0.05)
            if answer:
                assert answer.startswith(b"HTTP/1."), answer[:200]
                status = int(answer.split(b" ", 2)[1])
                statuses.add(status)
                assert status < 500 or status in (501, 503, 505), answer[:500]
        assert box.process.poll() is None, "it has crashed"

    try:
        count = seeded(seed, 8, raw_requests(), check)
    except BaseException as e:
        raise AssertionError(f"DALABA_SEED={seed}") from e
    with capsys.disabled():
        print(f"\nDALABA_SEED={seed}: {count} connections, answers {sorted(statuses)}")
    assert box.api.get("/healthz") and count > 20


def problem_of(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), head.lower(), body


def test_too_large_and_too_deep(make_box, cards, folder):
    card = cards.add("horn")
    village = Village(make_box().start(), card, folder)
    api = village.api
    deep = b"[" * 200000
    api.refused("POST", "/areas", 400, data=deep, headers={"Content-Type": "application/json"})
    huge = json.dumps({"code": "33", "name": "x" * 8_000_000}).encode()
    api.refused("POST", "/areas", 413, data=huge, headers={"Content-Type": "application/json"})
    api.refused("POST", "/areas", 415, data=b"{}", headers={"Content-Type": "text/html"})
    twice = b'{"code": "33", "code": "44", "name": "x"}'
    api.refused("POST", "/areas", 400, data=twice, headers={"Content-Type": "application/json"})
    api.refused("GET", "/zones", 422, params={"limit": "0"})
    api.refused("GET", "/zones", 422, params={"cursor": "not a cursor"})
    # A length that is a lie is refused before the bytes are taken.
    lie = (f"POST {API}/clips HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\n"
           f"Content-Length: {300 << 20}\r\n\r\n").encode()  # fmt: skip
    status, head, _ = problem_of(exchange(str(village.box.socket), lie, 5))
    assert status == 413 and b"application/problem+json" in head
    assert api.all("/areas") == []


def test_many_connections(make_box):
    """Idle connections do not lock anybody out for good."""
    box = make_box().start()
    sockets = []
    try:
        for _ in range(600):
            s = socket.socket()
            s.settimeout(2)
            try:
                s.connect(("127.0.0.1", box.port))
            except OSError:
                break
            sockets.append(s)
        # The socket of the box itself is for its owner: it answers whatever TCP is up to.
        assert box.api.get("/healthz")
    finally:
        for s in sockets:
            s.close()
    box.wait_for(lambda: box.tcp().get("/healthz") or True, 15, "an answer over TCP")

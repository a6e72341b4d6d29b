"""HTTP as a caller meets it: TLS, tokens, peers, limits, keys, files and events."""

import concurrent.futures
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest
import requests
import scipy.io.wavfile

from rig import sound

HALF = b"GET /healthz HTTP/1.1\r\nHost: box\r\nX-Slow: "


@pytest.fixture
def box(make_box):
    return make_box().start()


@pytest.fixture
def token(box):
    return box.api.post("/tokens", {"name": "desk"})["token"]


def tcp(box):
    return socket.create_connection(("127.0.0.1", box.port), timeout=30)


def healthy(box):
    assert box.api.get("/healthz") == {"status": "ok"}


# ---------------------------------------------------------------------------- who may call


def test_a_token_opens_the_door(box, token):
    api = box.tcp(token)
    assert api.get("/status")["zones"] == []
    (row,) = api.get("/tokens")["items"]
    assert row["name"] == "desk" and "token" not in row
    for wrong in (None, "x", token[:-1], token + "A"):
        answer = box.tcp(wrong).raw("GET", "/status")
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    api.delete(f"/tokens/{row['id']}")
    box.tcp(token).refused("GET", "/status", 401)


def test_a_secret_is_kept_nowhere(box, token):
    box.tcp(token).get("/status")
    box.tcp(token + "x").refused("GET", "/status", 401)
    box.api.refused("POST", "/tokens", 409, body={"name": "desk"},
                    headers={"Idempotency-Key": "again"})  # fmt: skip
    second = box.api.post("/tokens", {"name": "other"}, headers={"Idempotency-Key": "k"})
    box.stop()
    kept = [p for p in box.data_dir.rglob("*") if p.is_file()] + [box.log_file]
    assert len(kept) >= 2
    for path in kept:
        content = path.read_bytes()
        for secret in (token, second["token"]):
            assert secret.encode() not in content, path
            assert secret.removeprefix("dalaba_").encode() not in content, path


ASK = """
import os, socket, sys
groups, path = [int(g) for g in sys.argv[1].split(",") if g], sys.argv[2]
os.setgroups(groups)
os.setgid(65534)
os.setuid(65534)
s = socket.socket(socket.AF_UNIX)
try:
    s.connect(path)
except PermissionError:
    sys.exit("refused by the file")
s.sendall(b"GET /api/v1/status HTTP/1.0\\r\\n\\r\\n")
print(s.makefile("rb").read().decode())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_peers_of_the_socket(box, folder):
    def ask(groups=""):
        return subprocess.run([sys.executable, "-c", ASK, groups, box.socket],
                              capture_output=True, text=True, timeout=60)  # fmt: skip

    folder.chmod(0o755)
    box.folder.chmod(0o755)
    assert os.stat(box.socket).st_mode & 0o777 == 0o660
    assert ask().stderr.strip() == "refused by the file"
    box.socket.chmod(0o666)
    refused = ask().stdout
    assert " 403 " in refused.splitlines()[0]
    assert "group 'dalaba'" in json.loads(refused.split("\n\n", 1)[1])["detail"]
    group = re.search(r"^dalaba:[^:]*:(\d+):", open("/etc/group").read(), re.M)
    if group:
        box.socket.chmod(0o660)
        assert " 200 " in ask(group[1]).stdout.splitlines()[0]


def certificate(folder, name="box"):
    key, cert = folder / f"{name}.key", folder / f"{name}.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )  # fmt: skip
    return {"tls_certificate": cert, "tls_key": key}


def out_of_date():
    """A caller that knows nothing newer than TLS 1.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def test_tls(make_box, folder):
    files = certificate(folder)
    box = make_box(config={"http": files}).start()
    token = box.api.post("/tokens", {"name": "desk"})["token"]
    base = f"https://127.0.0.1:{box.port}"
    with requests.Session() as session:
        session.verify = str(files["tls_certificate"])
        session.trust_env = False
        for _ in range(3):
            answer = session.get(f"{base}/api/v1/status", headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 200
        assert session.get(f"{base}/api/v1/status").status_code == 401
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old = out_of_date()
    with pytest.raises((ssl.SSLError, ConnectionError)):
        old.wrap_socket(tcp(box))
    with tcp(box) as plain:
        plain.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert b" 200 " not in plain.recv(1000)
    healthy(box)


@pytest.mark.parametrize("spoil", ["absent", "text", "other"])
def test_a_bad_certificate_is_named(make_box, folder, spoil):
    files = certificate(folder)
    if spoil == "absent":
        files["tls_key"].unlink()
    elif spoil == "text":
        files["tls_certificate"].write_text("this is no certificate\n")
    else:
        files["tls_key"] = certificate(folder, "other")["tls_key"]
    box = make_box(config={"http": files})
    box.launch()
    assert box.wait_exit(20) != 0
    guilty = "tls_certificate" if spoil == "text" else "tls_key"
    assert "[http]" in box.log and guilty in box.log and str(files[guilty]) in box.log, box.log


# ----------------------------------------------------------------------------------- limits


def test_slow_callers_stand_in_nobodys_way(box, token):
    slow = []
    for _ in range(100):
        s = tcp(box)
        s.sendall(HALF)
        slow.append(s)
    healthy(box)
    served = 0
    for s in slow:
        s.settimeout(0.2)
        try:
            served += s.recv(1) != b""
        except ConnectionError:
            pass
        except socket.timeout:
            served += 1
    assert served == 32
    for s in slow:
        s.close()

    def room():
        try:
            return box.tcp(token).get("/status")
        except requests.ConnectionError:
            return None

    box.wait_for(room, 10, "room for another caller")


@pytest.mark.parametrize(
    "path,length,status",
    [("/clips", 200_000_001, 413), ("/areas", 2**20 + 1, 413), ("/clips", 10**30, 413)],
)
def test_a_body_is_refused_before_it_comes(box, token, path, length, status):
    head = (f"POST /api/v1{path} HTTP/1.1\r\nHost: box\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {length}\r\n")  # fmt: skip
    for expect in ("", "Expect: 100-continue\r\n"):
        with tcp(box) as s:
            s.sendall((head + expect + "\r\n").encode())
            answer = s.makefile("rb").read()
            first = answer.split(b"\r\n", 1)[0].decode()
            # What is no number that fits is no request at all.
            assert f" {status} " in first or (length > 2**63 and re.search(r" (400|413) ", first))
    healthy(box)


def test_the_address_and_the_head_have_a_length(box, token):
    api = box.tcp(token)
    assert api.session.get(f"{api.base}/api/v1/{'a' * 5000}").status_code == 414
    assert api.session.get(f"{api.base}/{'a' * 100000}").status_code in (414, 431)
    many = {f"X-{i}": "a" * 200 for i in range(90)} | {"X-Long": "a" * 30000}
    assert api.session.get(f"{api.base}/healthz", headers=many).status_code == 431
    healthy(box)


@pytest.mark.parametrize(
    "text",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\r\n\r\n\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /healthz\x00 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"POST /api/v1/areas HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/v1/areas HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"POST /api/v1/areas HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /api/v1/areas HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x00" * 5000,
        b"A" * 100000,
    ],
)
def test_what_is_no_http(box, text):
    for connect in (lambda: tcp(box), lambda: local(box)):
        with connect() as s:
            try:
                s.sendall(text)
                s.shutdown(socket.SHUT_WR)
                answer = s.makefile("rb").read()
            except TimeoutError:
                raise
            except OSError:
                answer = b""  # it had hung up before all was said
            # 505 is for another version of HTTP.
            assert not re.match(rb"HTTP/1\.. 50[0-4]", answer), answer
    healthy(box)
    assert box.api.get("/areas")["items"] == []


def local(box):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(30)
    s.connect(str(box.socket))
    return s


# ------------------------------------------------------------------------------------- keys


def area(number):
    return {"code": f"1101010010{number:02}", "name": f"village {number}"}


def test_a_key_outlives_a_kill(box):
    key = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
    first = box.api.raw("POST", "/areas", body=area(1), headers=key)
    assert first.status_code == 201
    box.kill()
    box.start()
    again = box.api.raw("POST", "/areas", body=area(1), headers=key)
    assert again.status_code == 201 and again.content == first.content
    assert again.headers["Location"] == first.headers["Location"]
    assert len(box.api.get("/areas")["items"]) == 1
    problem = box.api.refused("POST", "/areas", 422, body=area(2), headers=key)
    assert problem["field"] == "Idempotency-Key"


def test_a_kill_while_many_ask_with_keys(box):
    """Whatever was acknowledged is there once, and asking again changes nothing."""
    def ask(number):
        try:
            answer = box.api.raw("POST", "/areas", body=area(number),
                                 headers={"Idempotency-Key": f"key-{number}"})
            return number, answer.status_code, answer.content
        except requests.RequestException:
            return number, 0, b""

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, n) for n in range(60)]
        box.wait_for(lambda: sum(f.done() for f in asked) >= 20, 30, "twenty answers")
        box.kill()
        before = {n: (status, body) for n, status, body in (f.result() for f in asked) if status}
    assert all(status == 201 for status, _ in before.values())
    box.start()
    for number in range(60):
        _, status, body = ask(number)
        assert status == 201
        assert number not in before or before[number] == (201, body)
    items = box.api.all("/areas")
    assert sorted(a["name"] for a in items) == sorted(area(n)["name"] for n in range(60))


def test_the_same_key_at_the_same_time(box):
    def ask(_):
        return box.api.raw("POST", "/areas", body=area(1), headers={"Idempotency-Key": "one"})

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(40)))
    assert {a.status_code for a in answers} <= {201, 409}
    assert len({a.content for a in answers if a.status_code == 201}) == 1
    assert len(box.api.get("/areas")["items"]) == 1


def test_an_upload_with_a_key(box, folder):
    wav = sound.write_wav(folder / "a.wav", sound.noise(0.5, 1)).read_bytes()
    other = sound.write_wav(folder / "b.wav", sound.noise(0.5, 2)).read_bytes()
    key = {"Idempotency-Key": "upload"}
    first = box.api.raw("POST", "/clips", data=wav, headers=key)
    again = box.api.raw("POST", "/clips", data=wav, headers=key)
    assert (first.status_code, first.content) == (201, again.content) and again.status_code == 201
    assert box.api.raw("POST", "/clips", data=wav).status_code == 200
    box.api.refused("POST", "/clips", 422, data=other, headers=key)


# ------------------------------------------------------------------------ files and events


def test_parts_of_a_clip(box, folder):
    clip = box.clip(sound.write_wav(folder / "a.wav", sound.noise(1.0, 1)))
    path = f"/clips/{clip['id']}/audio"
    whole = box.api.raw("GET", path)
    assert whole.content[:4] == b"OggS" and whole.headers["Content-Type"].startswith("audio/ogg")
    part = box.api.raw("GET", path, headers={"Range": "bytes=4-19"})
    assert part.status_code == 206 and part.content == whole.content[4:20]
    assert part.headers["Content-Range"] == f"bytes 4-19/{len(whole.content)}"
    assert box.api.raw("GET", path, headers={"Range": "bytes=99999999-"}).status_code == 416
    known = box.api.raw("GET", path, headers={"If-None-Match": whole.headers["ETag"]})
    assert known.status_code == 304 and known.content == b""


class Events:
    def __init__(self, box, token):
        self.answer = requests.get(
            f"http://127.0.0.1:{box.port}/api/v1/events", stream=True, timeout=30,
            headers={"Authorization": f"Bearer {token}"},
        )  # fmt: skip
        assert self.answer.status_code == 200
        self.lines = self.answer.iter_lines(chunk_size=1, decode_unicode=True)

    def until(self, name, wanted=lambda data: True):
        event = None
        for line in self.lines:
            if line.startswith("event: "):
                event = line[7:]
            elif line.startswith("data: ") and event == name:
                data = json.loads(line[6:])
                if wanted(data):
                    return data
        raise AssertionError(f"the events ended before '{name}'")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.answer.close()


def test_events(box, token, folder):
    output = box.output(f"wav:{folder}/east.wav", channels=1)
    zone = box.zone("east", output, [0])
    clip = box.clip(sound.write_wav(folder / "a.wav", sound.noise(2.0, 1)))
    with Events(box, token) as events:
        assert events.until("status")["id"] == zone
        run = box.api.post("/runs", {"clip": clip["id"], "zones": [zone], "class": "notice"})["id"]
        events.until("status", lambda z: z["state"] == "playing" and z["run"] == run)
        levels = events.until("level")["zones"]
        assert [z["id"] for z in levels] == [zone] and levels[0]["level_db"] > -120
        done = events.until("run", lambda r: r["id"] == run and r["state"] == "played")
        assert done["zones"][0]["outcome"] == "played"
    healthy(box)


def test_levels_are_those_of_the_sound(box, token, folder):
    """A sine that steps up by 20 dB and has one click in it: the events, ten a second, tell just
    that, and of the silence behind it once."""
    output = box.output(f"wav:{folder}/east.wav", channels=1)
    zone = box.zone("east", output, [0])
    t = np.arange(4 * sound.RATE) / sound.RATE
    wave = 0.2 * np.sin(2 * np.pi * 440 * t) * np.where(t < 2, 0.1, 1.0)
    wave[sound.RATE] = 0.3
    clip = box.clip(sound.write_wav(folder / "a.wav", wave))
    told = []
    with Events(box, token) as events:
        run = box.api.post("/runs", {"clip": clip["id"], "zones": [zone], "class": "notice"})["id"]
        while not told or told[-1]["peak_db"] > -120:
            (level,) = events.until("level")["zones"]
            assert level["id"] == zone
            told.append(level)
        box.wait_run(run)
        later = box.api.post("/runs", {"clip": clip["id"], "zones": [zone], "class": "notice"})["id"]
        (level,) = events.until("level")["zones"]
        assert level["peak_db"] > -120, "silence was told again"
        box.wait_run(later)
    box.stop()
    rate, heard = scipy.io.wavfile.read(folder / "east.wav")
    heard = np.trim_zeros(heard.astype(float))[: 4 * rate] / 32768
    db = lambda x: 20 * np.log10(x)  # noqa: E731
    soft, loud = heard[rate // 4 : rate * 3 // 4], heard[rate * 5 // 2 : rate * 7 // 2]
    at_soft = [x for x in told if abs(x["level_db"] - db(np.std(soft))) < 0.3]
    at_loud = [x for x in told if abs(x["level_db"] - db(np.std(loud))) < 0.3]
    assert 14 <= len(at_soft) <= 21 and 16 <= len(at_loud) <= 21, told
    assert all(abs(x["peak_db"] - db(np.max(np.abs(loud)))) < 0.3 for x in at_loud), at_loud
    click = [x["peak_db"] for x in told[: len(told) // 2 - 1] if x["peak_db"] - x["level_db"] > 6]
    clicked_db = db(np.max(np.abs(heard[rate * 3 // 4 : rate * 5 // 4])))
    assert len(click) == 1 and abs(click[0] - clicked_db) < 0.1, (click, clicked_db)


def test_listeners_are_counted_and_let_go(box, token):
    listeners = [Events(box, token) for _ in range(16)]
    box.api.refused("GET", "/events", 503)
    for listener in listeners:
        listener.answer.raw._fp.fp.raw._sock.shutdown(socket.SHUT_RDWR)
        listener.answer.close()

    def room():
        try:
            Events(box, token).answer.close()
        except AssertionError:
            return False
        return True

    box.wait_for(room, 10, "room for a listener")
    start = time.monotonic()
    deaf = Events(box, token)
    box.stop()
    assert time.monotonic() - start < 10
    deaf.answer.close()

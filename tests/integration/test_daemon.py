"""The process itself: configuration, signals, one owner of a data directory, who may call."""

import os
import re
import signal
import socket
import stat
import subprocess

import pytest

from rig import alsa, daemon


def refused_start(box, within_s=20):
    box.launch()
    box.process.wait(within_s)
    code = box.process.returncode
    box.process = None
    box.check_log()
    assert not box.ready()
    return code, box.log


@pytest.mark.parametrize(
    "text,line,key,words",
    [
        ("[daemon]\ndata_dir = relative/path\n", 2, "data_dir", "absolute"),
        ("[daemon]\ntimezone = Asia/Nowhere\n", 2, "timezone", "Asia/Nowhere"),
        ("[audio]\nbuffer_ms = lots\n", 2, "buffer_ms", "lots"),
        ("[audio]\n\nbuffer_ms = 5\n", 3, "buffer_ms", "20"),
        ("[http]\nlisten = 127.0.0.1:99999\n", 2, "listen", "99999"),
        ("[http]\nlistening = 127.0.0.1:8080\n", 2, "listening", ""),
        ("[htp]\nlisten = 127.0.0.1:8080\n", 2, "htp", ""),
        ("[http]\ntls_certificate = /etc/x.pem\n", 2, "tls_certificate", "tls_key"),
    ],
)
def test_bad_configuration(make_box, text, line, key, words):
    box = make_box()
    box.write_config(text)
    code, log = refused_start(box)
    assert code == 78, log
    assert f"{box.config_file}:{line}" in log and key in log and words in log, log


def test_missing_configuration(make_box):
    box = make_box()
    box.config_file.unlink()
    code, log = refused_start(box)
    assert code == 78 and str(box.config_file) in log, log


def test_data_dir_has_one_owner(make_box):
    first = make_box("first").start()
    second = make_box("second", {"daemon": {"data_dir": first.data_dir}})
    code, log = refused_start(second)
    assert code == 1 and str(first.data_dir) in log, log
    assert first.api.get("/status")["zones"] == []


def test_port_taken(make_box):
    box = make_box()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", box.port))
        taken.listen()
        code, log = refused_start(box)
    assert code == 1 and str(box.port) in log, log


def test_a_socket_without_a_folder(make_box, folder):
    code, log = refused_start(make_box(config={"http": {"socket": folder / "none/sock"}}))
    assert code == 1 and f"{folder}/none/sock" in log and "[http] socket" in log, log


def test_stale_socket_is_replaced_and_a_live_one_is_not(make_box):
    first = make_box("first").start()
    second = make_box("second", {"http": {"socket": first.socket}})
    code, log = refused_start(second)
    assert code == 1 and str(first.socket) in log, log
    first.kill()
    assert first.socket.exists()
    first.start()
    assert stat.S_IMODE(os.stat(first.socket).st_mode) & 0o007 == 0


def test_not_a_database(make_box):
    box = make_box().start()
    box.stop()
    (database,) = [p for p in box.data_dir.iterdir() if re.search(r"\.(db|sqlite3?)$", p.name)]
    database.write_bytes(b"this is no database" * 1000)
    code, log = refused_start(box)
    assert code == 1 and str(database) in log, log


def test_reload(make_box):
    box = make_box().start()
    good = box.config_file.read_text()
    box.write_config("[audio]\nbuffer_ms = lots\n")
    box.process.send_signal(signal.SIGHUP)
    box.wait_for(lambda: "lots" in box.log, 5, "the complaint in the log")
    assert f"{box.config_file}:2" in box.log
    assert box.api.get("/healthz", expect=(200,))
    before = len(box.log)
    box.write_config(good + "[retention]\nlog_days = 30\n")
    box.process.send_signal(signal.SIGHUP)
    box.wait_for(lambda: "was read again" in box.log[before:], 5, "the word that it was read")
    assert box.process.poll() is None and "stays as it was" not in box.log[before:]
    assert box.api.get("/status")


def test_a_reload_takes_the_voice_and_tells_of_the_rest(make_box):
    box = make_box(config={"speech": {"voice": "en"}}).start()
    assert box.api.post("/speech", {"text": "hello"})["duration_ms"] > 0
    text = box.config_file.read_text().replace("voice = en", "voice = xx-such")
    text = re.sub("listen = .*", "listen = 127.0.0.1:1", text).replace("buffer_ms = 200", "buffer_ms = 300")
    for time_of_asking in (1, 2):
        before = len(box.log)
        box.write_config(text)
        box.process.send_signal(signal.SIGHUP)
        box.wait_for(lambda: "was read again" in box.log[before:], 5, "the word that it was read")
        for key in ("[http] listen", "[audio] buffer_ms"):
            told = [line for line in box.log[before:].splitlines() if key in line]
            assert len(told) == 1 and "restart" in told[0], (time_of_asking, told)
        assert "[http] socket" not in box.log[before:]
        assert "xx-such" in box.api.refused("POST", "/speech", 422, body={"text": "hello"})["detail"]
    assert box.tcp().get("/healthz")


def test_systemd_is_told(make_box, folder):
    """READY, the watchdog's food, RELOADING and STOPPING, as Type=notify and WatchdogSec= want them."""
    box = make_box()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(folder / "notify"))
        manager.settimeout(20)
        box.env = {**box.env, "NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": "1000000"}
        box.start()

        def told(word):
            said = []
            while word not in said:
                said += manager.recv(4096).decode().splitlines()
            return said

        told("READY=1")
        for _ in range(3):
            told("WATCHDOG=1")
        box.process.send_signal(signal.SIGHUP)
        assert any(line.startswith("MONOTONIC_USEC=") for line in told("RELOADING=1") + told("READY=1"))
        box.process.send_signal(signal.SIGSTOP)
        manager.settimeout(0.2)
        with pytest.raises(TimeoutError):  # what was said before it was stopped, then nothing
            while True:
                told("WATCHDOG=1")
        manager.settimeout(20)
        box.process.send_signal(signal.SIGCONT)
        told("WATCHDOG=1")
        box.process.send_signal(signal.SIGTERM)
        told("STOPPING=1")
        assert box.wait_exit(5) == 0


def test_stops_on_sigint_too(make_box):
    box = make_box().start()
    box.process.send_signal(signal.SIGINT)
    assert box.wait_exit(2) == 0


def test_stops_at_once_while_people_listen(make_box):
    """Open connections, half a request and an event stream do not hold it up."""
    box = make_box().start()
    half = socket.socket(socket.AF_UNIX)
    half.connect(str(box.socket))
    half.sendall(b"POST /api/v1/areas HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
    events = socket.socket(socket.AF_UNIX)
    events.connect(str(box.socket))
    events.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
    events.settimeout(5)
    assert b"200" in events.recv(4096)
    box.stop()
    half.close()
    events.close()


def test_tokens(make_box):
    box = make_box().start()
    assert box.tcp().get("/healthz")
    for method, path in (("GET", "/status"), ("GET", "/zones"), ("POST", "/stop")):
        box.tcp().refused(method, path, 401, body={} if method == "POST" else None)
        box.tcp("wrong").refused(method, path, 401, body={} if method == "POST" else None)
    made = box.api.post("/tokens", {"name": "speaker"}, expect=(201,))
    api = box.tcp(made["token"])
    assert api.get("/status")["zones"] == []
    listed = box.api.all("/tokens")
    assert [t["name"] for t in listed] == ["speaker"] and made["token"] not in str(listed)
    kept = b"".join(p.read_bytes() for p in box.data_dir.iterdir() if p.is_file())
    assert made["token"].encode() not in kept, "a token is kept as its hash"
    box.stop()
    box.start()
    assert api.get("/status")
    box.api.delete(f"/tokens/{listed[0]['id']}")
    api.refused("GET", "/status", 401)


def test_token_by_dalabactl(make_box):
    box = make_box().start()
    token = daemon.dalabactl(box, "token", "add", "radio").split()[-1]
    assert box.tcp(token).get("/status")


def test_events_tell_of_runs(make_box, cards):
    card = cards.add("horn")
    box = make_box().start()
    zone = box.zone("left", box.output(card.pcm), [0])
    with box.api.session.get("http://box/api/v1/events", stream=True, timeout=30) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        run = box.api.post(f"/zones/{zone}/test")["id"]
        seen = []
        for line in stream.iter_lines():
            seen.append(line.decode())
            if f'"id":{run}' in seen[-1].replace(" ", "") and "played" in seen[-1]:
                break
    assert "event: run" in seen


def test_cards_are_listed(make_box):
    box = make_box().start()
    assert isinstance(box.api.get("/outputs/cards")["items"], list)


def test_help_and_version():
    for option in ("--help", "--version"):
        done = subprocess.run([alsa.build_dir() / "dalabad", option], capture_output=True)
        assert done.returncode == 0 and done.stdout
    done = subprocess.run([alsa.build_dir() / "dalabad"], capture_output=True)
    assert done.returncode not in (0, 78) and b"--config" in done.stderr

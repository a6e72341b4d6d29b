#!/usr/bin/python3
"""demo.py - the demonstration box of ./dev run: starts build/dalabad, fills it, speaks.

Everything lies in demo/: dalaba.conf, data/, the socket, and where there is no sound card
one WAV file a zone. All of it is made through the API, as a user would, and looked up
first, so that a second run finds its things and doubles nothing. Ctrl-C ends the box; rm
-r demo/ begins anew. DALABA_LISTEN names another address than 127.0.0.1:8080.
"""
import ctypes
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent
DEMO = ROOT / "demo"
DALABAD = ROOT / "build" / "dalabad"
LISTEN = os.environ.get("DALABA_LISTEN", "127.0.0.1:8080")
SOCKET_PATH_MAX = 107
START_S = 20

# (code, name, code of the parent)
AREAS = [
    ("990101", "示范县", None),
    ("990101100", "示范镇", "990101"),
    ("990101100201", "东村", "990101100"),
    ("990101100202", "西村", "990101100"),
]
# (name, area, channel of a stereo sound card, None: none is left)
ZONES = [
    ("镇政府", "990101100", None),
    ("东村", "990101100201", 0),
    ("西村", "990101100202", 1),
]
WELCOME = ("Welcome to dalaba. This announcement was spoken by the box itself, and is heard "
           "in every zone of the demonstration village.")
# (title, parts)
ANNOUNCEMENTS = [
    ("Ten-minute chime", [{"chime": "two-tone"}]),
    ("Morning greeting", [{"chime": "two-tone"}, {"speech": "Good morning, village."}]),
    ("Evening news", [{"chime": "two-tone"}, {"speech": "Here is the evening news of the village."}]),
    ("Welcome", [{"chime": "two-tone"}, {"speech": WELCOME}]),
]
# (title of the announcement, rule, areas, class)
SCHEDULES = [
    ("Ten-minute chime", "*/10 8-20 * * *", ["990101100201"], "background"),
    ("Morning greeting", "30 7 * * *", ["990101100"], "notice"),
    ("Evening news", "30 17 * * Mon-Fri", ["990101100"], "programme"),
]


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Api:
    """The calls of /api/v1 over the box's own socket."""

    def __init__(self, path):
        self.path = path

    def call(self, method, path, body=None):
        connection = UnixConnection(self.path)
        try:
            connection.request(method, "/api/v1" + path, body=None if body is None else json.dumps(body),
                               headers={"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        if answer.status >= 400:
            problem = json.loads(text)
            sys.exit(f"./dev run: {method} {path}: {problem.get('detail') or problem.get('title')}")
        return json.loads(text) if text else None

    def items(self, path):
        cursor = ""
        while cursor is not None:
            answer = self.call("GET", f"{path}?limit=200" + (f"&cursor={cursor}" if cursor else ""))
            yield from answer["items"]
            cursor = answer["next"] and urllib.parse.quote(str(answer["next"]), safe="")

    def ensure(self, path, key, body):
        """The row whose fields of `key` are body's, made where there is none."""
        for item in self.items(path):
            if all(item.get(k) == body[k] for k in key):
                return item
        return self.call("POST", path, body)


def timezone():
    name = os.path.realpath("/etc/localtime").partition("/zoneinfo/")[2]
    return name if name and pathlib.Path("/usr/share/zoneinfo", name).is_file() else "Asia/Shanghai"


def check_port():
    host, _, port = LISTEN.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), int(port)))
        except (OSError, ValueError) as error:
            sys.exit(f"./dev run: cannot listen on {LISTEN}: {getattr(error, 'strerror', None) or error}. "
                     "Another program (or another demonstration) may have the port: end it, or choose "
                     "another, for example DALABA_LISTEN=127.0.0.1:8081 ./dev run")


def write_config():
    """Writes demo/dalaba.conf; returns the socket's path."""
    DEMO.mkdir(exist_ok=True)
    path = DEMO / "dalaba.sock"
    if len(os.fsencode(path)) > SOCKET_PATH_MAX:
        path = pathlib.Path(tempfile.mkdtemp(prefix="dalaba-")) / "dalaba.sock"
    (DEMO / "dalaba.conf").write_text(
        f"; written anew by every ./dev run\n[daemon]\ndata_dir = {DEMO / 'data'}\ntimezone = {timezone()}\n"
        f"[http]\nlisten = {LISTEN}\nsocket = {path}\n[speech]\nvoice = en\n", encoding="utf-8")
    return path


def die_with_us():
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def start(path):
    """Starts the daemon in a process group of its own: Ctrl-C is ours to pass on."""
    daemon = subprocess.Popen([DALABAD, "--config", DEMO / "dalaba.conf"], start_new_session=True,
                              stdin=subprocess.DEVNULL, preexec_fn=die_with_us)
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        if daemon.poll() is not None:
            sys.exit(f"./dev run: dalabad ended with {daemon.returncode}; its last line above says why")
        try:
            Api(path).call("GET", "/status")
            return daemon
        except OSError:
            time.sleep(0.05)
    daemon.kill()
    sys.exit(f"./dev run: dalabad did not answer within {START_S} s")


def make_outputs(api):
    """{zone: (output id, channels)}: a side of the sound card, or a WAV file."""
    cards = api.call("GET", "/outputs/cards")["items"]
    card = cards and api.ensure("/outputs", ["name"], {"name": "Sound card", "pcm": "plug" + cards[0]["pcm"],
                                                       "rate": 48000, "channels": 2})
    made = {}
    for name, _, channel in ZONES:
        if card and channel is not None:
            made[name] = (card["id"], [channel])
        else:
            wav = api.ensure("/outputs", ["name"], {"name": f"WAV {name}", "pcm": f"wav:{DEMO / name}.wav",
                                                    "rate": 48000, "channels": 1})
            made[name] = (wav["id"], [0])
    return made


def make_parts(api, parts):
    made = []
    for part in parts:
        if "speech" in part:
            clip = api.call("POST", "/speech", {"text": part["speech"]})
            made.append({"clip": clip["id"]})
        else:
            made.append(part)
    return made


def fill(api):
    """Makes what is missing; returns the id of the welcome and what the zones play to."""
    areas = {}
    for code, name, parent in AREAS:
        body = {"code": code, "name": name, "parent": areas.get(parent)}
        areas[code] = api.ensure("/areas", ["code"], body)["id"]
    outputs = make_outputs(api)
    for name, code, _ in ZONES:
        output, channels = outputs[name]
        api.ensure("/zones", ["name"], {"name": name, "output": output, "channels": channels, "area": areas[code]})
    there = {a["title"]: a["id"] for a in api.items("/announcements")}
    for title, parts in ANNOUNCEMENTS:
        if title not in there:
            there[title] = api.call("POST", "/announcements",
                                    {"title": title, "parts": make_parts(api, parts)})["id"]
    for title, rule, codes, run_class in SCHEDULES:
        api.ensure("/schedules", ["announcement", "rule"],
                   {"announcement": there[title], "rule": rule, "areas": codes, "class": run_class})
    return there["Welcome"], sorted({o["pcm"] for o in api.items("/outputs")})


def first_token(api):
    """The token made by the first run; later ones show the same."""
    file = DEMO / "token"
    if not file.exists():
        token = api.call("POST", "/tokens", {"name": "demonstration"})["token"]
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as out:
            out.write(token + "\n")
    return file.read_text(encoding="ascii").strip()


def explain(path, token, pcms):
    east = ZONES[1][0]
    ctl = f"build/dalabactl --socket {path}"
    print(f"""
The demonstration box runs on http://{LISTEN} and speaks its welcome now.
It plays to: {', '.join(pcms)}
The first sign-in, a token for the network: {token}

Over the network:
  curl -H "Authorization: Bearer {token}" http://{LISTEN}/api/v1/status
  curl -H "Authorization: Bearer {token}" http://{LISTEN}/api/v1/runs
  curl -H "Authorization: Bearer {token}" -H "Content-Type: application/json" \\
    -d '{{"text": "Hello, village", "areas": ["990101100"], "class": "notice"}}' http://{LISTEN}/api/v1/runs
At the box:
  {ctl} status
  {ctl} say "Hello, village" --zone {east}
  {ctl} schedule list
  {ctl} runs
Ctrl-C ends it; everything it keeps is in {DEMO}.
""", flush=True)


def main():
    check_port()
    path = write_config()
    # A zone's name in a path or a message must not depend on the locale.
    sys.stdout.reconfigure(encoding="utf-8", errors="replace")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    daemon = None
    try:
        daemon = start(path)
        api = Api(path)
        welcome, pcms = fill(api)
        token = first_token(api)
        api.call("POST", "/runs", {"announcement": welcome, "areas": ["990101100"], "class": "notice"})
        explain(path, token, pcms)
        code = daemon.wait()
        sys.exit(f"./dev run: dalabad ended by itself with {code}; its last lines above say why")
    except KeyboardInterrupt:
        print("\n== ending the demonstration box", flush=True)
    finally:
        if daemon is not None and daemon.poll() is None:
            daemon.terminate()
            try:
                daemon.wait(5)
            except subprocess.TimeoutExpired:
                daemon.kill()
                sys.exit("./dev run: dalabad did not stop within 5 s and was killed")


if __name__ == "__main__":
    main()

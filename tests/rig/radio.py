"""A radio station for tests: Ogg Opus over HTTP on the loopback, as Icecast sends it, or as a
server does that is broken in one of several ways.

    radio = Radio(folder, said)
    with radio:
        radio.url("live")            # in time, a second ahead, a chain of streams, again and again
        radio.silent.set()           # new connections are refused with 503, old ones end
"""

import contextlib
import http.server
import pathlib
import ssl
import subprocess
import threading
import time

import numpy as np

from . import sound

JUNK = np.random.default_rng(5).bytes(4096)


class Radio:
    """What is said is sent in links of `link_s`, each an Ogg Opus stream of its own; over HTTPS where
    there is a certificate (its file, with the key in it)."""

    def __init__(self, folder, said, link_s=2.0, ahead_s=1.5, certificate=None):
        self.links = []  # (bytes, seconds)
        self.heard = []  # what a decoder makes of each
        step = int(link_s * sound.RATE)
        for at in range(0, len(said), step):
            wav = sound.write_wav(pathlib.Path(folder) / f"link-{at}.wav", said[at : at + step])
            opus = wav.with_suffix(".opus")
            subprocess.run(["opusenc", "--quiet", "--hard-cbr", "--bitrate", "96", "--max-delay", "100",
                            str(wav), str(opus)], check=True, timeout=60)  # fmt: skip
            self.links.append((opus.read_bytes(), len(said[at : at + step]) / sound.RATE))
            self.heard.append(sound.decode_opus(opus))
        self.ahead_s = ahead_s
        self.silent = threading.Event()
        self.stalled = threading.Event()
        self.closing = threading.Event()
        self.asked = []  # (path, time) of every request
        radio = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                radio.asked.append((self.path, time.monotonic()))
                with contextlib.suppress(OSError):
                    getattr(radio, "_" + self.path.strip("/"))(self)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            self.scheme = "https"

    def url(self, path):
        return f"{self.scheme}://127.0.0.1:{self.server.server_address[1]}/{path}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()

    @staticmethod
    def _begin(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", "application/ogg")
        handler.end_headers()

    def _live(self, handler):
        if self.silent.is_set():
            handler.send_error(503)
            return
        self._begin(handler)
        began, sent_s, link = time.monotonic(), 0.0, 0
        while True:
            data, seconds = self.links[link % len(self.links)]
            size = max(1, int(len(data) * 0.1 / seconds))
            for at in range(0, len(data), size):
                if self.silent.is_set() or self.closing.is_set():
                    return
                while self.stalled.is_set() and not self.closing.is_set():
                    time.sleep(0.05)
                handler.wfile.write(data[at : at + size])
                sent_s += seconds * size / len(data)
                time.sleep(max(0, began + sent_s - self.ahead_s - time.monotonic()))
            link += 1

    def _drips(self, handler):
        """A twentieth of what is to be heard meanwhile."""
        self._begin(handler)
        data, seconds = self.links[0]
        size = max(1, int(len(data) / seconds / 20 / 10))
        for at in range(0, len(data), size):
            if self.closing.is_set():
                return
            handler.wfile.write(data[at : at + size])
            time.sleep(0.1)

    def _plain(self, handler):
        handler.send_response(302)
        handler.send_header("Location", self.url("live").replace("https:", "http:"))
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def _missing(self, handler):
        handler.send_error(404)

    def _page(self, handler):
        self._begin(handler)
        handler.wfile.write(b"<html>The station is closed.</html>" * 50)

    def _garbage(self, handler):
        self._begin(handler)
        while not self.closing.is_set():
            handler.wfile.write(JUNK)

    def _headers(self, handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not self.closing.is_set():
            handler.wfile.write(b"X-More: " + b"x" * 1000 + b"\r\n")

    def _line(self, handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-More: ")
        while not self.closing.is_set():
            handler.wfile.write(JUNK.replace(b"\n", b"").replace(b"\0", b""))

    def _file(self, handler):
        handler.send_response(302)
        handler.send_header("Location", "file:///etc/passwd")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def _round(self, handler):
        handler.send_response(302)
        handler.send_header("Location", "/round")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def _moved(self, handler):
        handler.send_response(301)
        handler.send_header("Location", "/live")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def _mute(self, handler):
        self._begin(handler)
        self.closing.wait(60)

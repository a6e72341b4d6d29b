"""Runs build/dalaba-ingest as the daemon does: file on fd 0, new file on fd 1, report on fd 3."""
import fcntl
import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("DALABA_BUILD", ROOT / "build"))
PROGRAM = BUILD / "dalaba-ingest"


@dataclass
class Ingested:
    code: int  # exit code, -N: ended by signal N
    report: dict | None
    opus: bytes  # what is on fd 1


def start(upload: bytes | Path, limits=None):
    """The running process, its output file and the reading end of its report."""
    source = tempfile.TemporaryFile()
    if isinstance(upload, Path):
        source.close()
        source = open(upload, "rb")
    else:
        source.write(upload)
        source.flush()
        source.seek(0)
    out = tempfile.TemporaryFile()
    read_end, write_end = os.pipe()
    high = fcntl.fcntl(write_end, fcntl.F_DUPFD_CLOEXEC, 10)

    def child():
        os.dup2(high, 3)
        if limits:
            limits()

    process = subprocess.Popen(
        [PROGRAM], stdin=source, stdout=out, stderr=subprocess.PIPE, close_fds=False, preexec_fn=child
    )
    os.close(write_end)
    os.close(high)
    source.close()
    return process, out, read_end


def finish(process, out, read_end, timeout=120) -> Ingested:
    try:
        errors = process.communicate(timeout=timeout)[1]
    finally:
        process.kill()
    with os.fdopen(read_end, "rb") as pipe:
        words = pipe.read()
    if errors:
        print(errors.decode(errors="replace"))
    out.seek(0)
    return Ingested(process.returncode, json.loads(words) if words else None, out.read())


def ingest(upload: bytes | Path, limits=None, timeout=120) -> Ingested:
    return finish(*start(upload, limits), timeout=timeout)

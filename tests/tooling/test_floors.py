"""The walls of the house: they stand, and tools/floors.py sees each kind of hole."""
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import floors  # noqa: E402


def test_floors_stand():
    assert floors.faults(ROOT) == []


def test_libraries_lean_on_floors_below(build):
    assert list(floors.unlinkable(build)) == []


@pytest.fixture(name="copy")
def copy_of_sources(tmp_path):
    for floor in {name.split("/")[0] for name in floors.FLOORS}:
        shutil.copytree(ROOT / floor, tmp_path / floor, ignore=shutil.ignore_patterns("node_modules"))
    return tmp_path


# (file that gets the line, the line, words of the fault)
PLANTED = [
    ("daemon/base/str.c", '#include "schedule/types.h"', "daemon/base/ may not include"),
    ("daemon/base/error.h", '#include "loop.h"', "daemon/base/ may not include"),
    ("schedule/rule.c", '#include "audio/job.h"', "schedule/ may not include"),
    ("schedule/types.h", '#include "web-admin/admin.h"', "schedule/ may not include"),
    ("schedule/types.h", '#include "../daemon/config.h"', "schedule/ may not include"),
    ("audio/job.c", '#include "schedule/types.h"', "audio/ may not include"),
    ("audio/job.h", '#  include "web-admin/admin.h"', "audio/ may not include"),
    ("audio/job.c", '#include <loop.h>', "audio/ may not include"),
    ("audio/job.c", '#include "audio/ingest/ingest.h"', "audio/ may not include"),
    ("audio/ingest/ingest.h", '#include "audio/job.h"', "audio/ingest/ may not include"),
    ("audio/mix/mix.h", '#include "audio/job.h"', "audio/mix/ may not include"),
    ("audio/mix/mix.c", '#include "audio/ingest/ingest.h"', "audio/mix/ may not include"),
    ("web-admin/admin.h", '#include "audio/engine.h"', "web-admin/ may not include"),
    ("web-admin/admin.h", '#include "director.h"', "web-admin/ may not include"),
    ("daemon/loop.c", '#include "../tests/unit/x.h"', "belongs to no floor"),
    ("daemon/loop.c", "#include <sqlite3.h>", "<sqlite3.h> belongs to schedule/store*.c"),
    ("web-admin/admin.h", "#include <sqlite3.h>", "<sqlite3.h> belongs to"),
    ("audio/store.c", "#include <sqlite3.h>", "<sqlite3.h> belongs to"),
    ("schedule/deep/store.c", "#include <sqlite3.h>", "<sqlite3.h> belongs to"),
    ("web-admin/json.c", "#include <microhttpd.h>", "<microhttpd.h> belongs to"),
    ("daemon/loop.c", "#include <pthread.h>", "<pthread.h> belongs to"),
    ("audio/mix/mix.c", "#include <pthread.h>", "<pthread.h> belongs to"),
    ("audio/engine_device.c", "#include <alsa/asoundlib.h>", "<alsa/asoundlib.h> belongs to"),
    ("audio/mix/mix.c", "#include <soxr.h>", "<soxr.h> belongs to"),
    ("audio/mix/mix.c", "#include <opusfile.h>", "<opusfile.h> belongs to"),
    ("audio/clip.c", "#include <sndfile.h>", "<sndfile.h> belongs to"),
    ("daemon/config.c", "#include <systemd/sd-event.h>", "belongs to daemon/loop.c"),
    ("daemon/loop.c", "#include <curl/curl.h>", "belongs to daemon/dalabactl"),
    ("schedule/types.h", "#include <sodium.h>", "<sodium.h> belongs to"),
    ("audio/clip.c", "#include <seccomp.h>", "<seccomp.h> belongs to"),
    ("daemon/loop.c", "#include <zlib.h>", "<zlib.h> has no owner"),
]


@pytest.mark.parametrize("name, line, words", PLANTED, ids=[f"{n}-{l}" for n, l, _ in PLANTED])
def test_planted_include_is_refused(copy, name, line, words):
    (copy / "tests" / "unit").mkdir(parents=True)
    (copy / "tests" / "unit" / "x.h").touch()
    (copy / "daemon" / "director.h").touch()
    file = copy / name
    file.parent.mkdir(exist_ok=True)
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    file.write_text(line + "\n" + before, encoding="utf-8")
    found = floors.faults(copy)
    assert any(fault.startswith(f"{name}:1: ") and words in fault for fault in found), found


def test_circle_of_headers_is_refused(copy):
    for name, other in (("one", "two"), ("two", "three"), ("three", "one")):
        (copy / "schedule" / f"{name}.h").write_text(f'#include "{other}.h"\n', encoding="utf-8")
    assert ("headers include each other in a circle: schedule/one.h, schedule/three.h, schedule/two.h"
            in floors.faults(copy))


def test_circle_of_modules_is_refused(copy):
    for name, other in (("one", "two"), ("two", "one")):
        (copy / "audio" / f"{name}.h").touch()
        (copy / "audio" / f"{name}.c").write_text(f'#include "{name}.h"\n#include "{other}.h"\n',
                                                  encoding="utf-8")
    assert floors.faults(copy) == ["modules need each other in a circle: audio/one, audio/two"]


def test_nothing_there_is_a_fault(tmp_path):
    assert floors.faults(tmp_path) != []


LIBRARIES = {"low.a": (), "side.a": ("low.a",), "top.a": ("low.a",)}
# (what low.a, side.a and top.a are made of, the fault that is seen)
LINKS = [
    ("void low(void) {}", "void low(void); void side(void) { low(); }",
     "void low(void); void top(void) { low(); }", None),
    ("void side(void); void low(void) { side(); }", "void side(void) {}", "void top(void) {}",
     "low.a calls side() of side.a"),
    ("void low(void) {}", "void side(void) {}", "void side(void); void top(void) { side(); }",
     "top.a calls side() of side.a"),
]


@pytest.mark.parametrize("low, side, top, words", LINKS, ids=["clean", "up", "sideways"])
def test_planted_call_is_refused(tmp_path, low, side, top, words):
    for name, code in (("low", low), ("side", side), ("top", top)):
        (tmp_path / f"{name}.c").write_text(code, encoding="utf-8")
        subprocess.run(["gcc", "-c", f"{name}.c"], cwd=tmp_path, check=True)
        subprocess.run(["ar", "rcs", f"{name}.a", f"{name}.o"], cwd=tmp_path, check=True)
    found = list(floors.unlinkable(tmp_path, LIBRARIES))
    if words is None:
        assert found == []
    else:
        assert len(found) == 1 and found[0].startswith(words)
    (tmp_path / "top.a").unlink()
    assert any("there is no top.a" in fault for fault in floors.unlinkable(tmp_path, LIBRARIES))

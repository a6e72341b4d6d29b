"""systemd/: the unit's exposure, what it must still allow, and the configuration it ships."""
import pathlib
import re
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import exposure  # noqa: E402

UNIT = (ROOT / "systemd" / "dalabad.service.in").read_text(encoding="utf-8")
CONFIG = ROOT / "systemd" / "dalaba.conf"


def settings():
    """Every value of each key, in order."""
    found = {}
    for key, value in re.findall(r"^([A-Za-z]+)=(.*)$", UNIT, re.M):
        found.setdefault(key, []).append(value)
    return found


def test_exposure_is_low():
    rating, words = exposure.exposure(UNIT)
    assert rating <= exposure.LIMIT, words


@pytest.mark.parametrize("line", ["NoNewPrivileges=yes", "ProtectSystem=strict", "RestrictNamespaces=yes",
                                  "SystemCallFilter=@system-service"])
def test_exposure_sees_a_weaker_unit(line):
    assert line in UNIT
    weaker, _ = exposure.exposure(UNIT.replace(line, ""))
    rating, _ = exposure.exposure(UNIT)
    assert weaker > rating


def test_unknown_place_is_refused():
    with pytest.raises(ValueError, match="@nowhere@"):
        exposure.configured("ExecStart=@nowhere@/dalabad")


# What the daemon cannot work without, whatever is tightened next.
ALLOWED = [
    ("Type", "notify"), ("User", "dalaba"), ("SupplementaryGroups", "audio"),
    ("StateDirectory", "dalaba"), ("RuntimeDirectory", "dalaba"), ("DeviceAllow", "char-alsa rw"),
    ("RestartPreventExitStatus", "78"), ("RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6"),
]


@pytest.mark.parametrize("key, value", ALLOWED)
def test_unit_allows_what_the_daemon_needs(key, value):
    assert settings()[key] == [value]


@pytest.mark.parametrize("call", ["seccomp", "capset", "landlock_create_ruleset", "landlock_add_rule",
                                  "landlock_restrict_self", "sched_setscheduler", "setrlimit", "prlimit64"])
def test_unit_allows_system_call(call):
    filters = settings()["SystemCallFilter"]
    allowed_after_refusals = " ".join(filters[filters.index("~@privileged @resources") + 1:])
    assert call in allowed_after_refusals.split()


def test_unit_takes_no_sound_card_away():
    assert "PrivateDevices" not in settings()
    assert "RestrictRealtime" not in settings()
    assert int(settings()["LimitRTPRIO"][0]) > 0


def keys_of_daemon():
    """{(section, key): default} of the table in daemon/config.c."""
    table = (ROOT / "daemon" / "config.c").read_text(encoding="utf-8")
    return {(section, key): value for section, key, value in
            re.findall(r'^\t\{"(\w+)", "(\w+)", "([^"]*)",', table, re.M)}


def keys_of_file():
    section, found = None, {}
    for line in CONFIG.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        match = re.fullmatch(r";(\w+) =(?: (.*))?", line)
        if match:
            found[section, match.group(1)] = match.group(2) or ""
    return found


def test_shipped_configuration_names_every_key_with_its_default():
    # The other speech engines are not in this version: docs/operating.md tells when.
    later = {("speech", "url"), ("speech", "command")}
    assert keys_of_file() == {k: v for k, v in keys_of_daemon().items() if k not in later}


def test_shipped_configuration_changes_nothing():
    lines = CONFIG.read_text(encoding="utf-8").splitlines()
    assert [l for l in lines if l and l[0] not in ";#["] == []

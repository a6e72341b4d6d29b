"""systemd/: the unit's exposure, what it must still allow, and the configuration it ships."""
import pathlib
import os
import re
import subprocess
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
    ("StateDirectory", "dalaba"), ("RuntimeDirectory", "dalaba"),
    ("Restart", "always"), ("StartLimitIntervalSec", "0"), ("RestartPreventExitStatus", "78"), ("RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6"),
]


@pytest.mark.parametrize("key, value", ALLOWED)
def test_unit_allows_what_the_daemon_needs(key, value):
    assert settings()[key] == [value]


def test_unit_allows_sound_cards_and_amplifiers():
    assert settings()["DevicePolicy"] == ["closed"]
    assert settings()["DeviceAllow"] == ["char-alsa rw", "char-gpiochip rw"]


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


def test_shipped_configuration_shows_an_amplifier():
    table = (ROOT / "daemon" / "config_amplifier.c").read_text(encoding="utf-8")
    keys = re.search(r"keys\[AMPLIFIER_KEYS\] = {([^}]*)}", table).group(1)
    shown = re.findall(r"^; (\w+) = ", CONFIG.read_text(encoding="utf-8"), re.M)
    assert sorted(re.findall(r"\w+", keys)) == sorted(shown)
    assert "\n; [amplifier hall]\n" in CONFIG.read_text(encoding="utf-8")


def test_shipped_configuration_changes_nothing():
    lines = CONFIG.read_text(encoding="utf-8").splitlines()
    assert [l for l in lines if l and l[0] not in ";#["] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to a user it makes, so it needs root")
def test_user_and_folders_are_made(tmp_path):
    def in_root(tool, *options, file):
        done = subprocess.run([tool, f"--root={tmp_path}", *options, ROOT / "systemd" / file],
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    (tmp_path / "etc").mkdir()
    in_root("systemd-sysusers", file="dalaba.sysusers")
    user = next(line for line in (tmp_path / "etc" / "passwd").read_text(encoding="utf-8").splitlines()
                if line.startswith("dalaba:")).split(":")
    assert user[5] == "/var/lib/dalaba" and user[6].endswith("nologin")
    in_root("systemd-tmpfiles", "--create", file="dalaba.tmpfiles")
    for folder in ("var/lib/dalaba", "run/dalaba"):
        made = (tmp_path / folder).stat()
        assert (made.st_uid, made.st_gid, made.st_mode & 0o777) == (int(user[2]), int(user[3]), 0o750)


INSTALLED = ["sbin/dalabad", "bin/dalabactl", "libexec/dalaba/dalaba-ingest", "libexec/dalaba/dalaba-relay",
             "etc/dalaba/dalaba.conf", "lib/systemd/system/dalabad.service", "lib/sysusers.d/dalaba.conf", "lib/tmpfiles.d/dalaba.conf"]


def test_everything_is_installed(tmp_path, build):
    subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--quiet"], check=True,
                   env=dict(os.environ, DESTDIR=str(tmp_path), PATH="/usr/bin:/bin"), stdin=subprocess.DEVNULL)
    top = tmp_path / "usr" / "local"
    assert [name for name in INSTALLED if not (top / name).is_file()] == []
    unit = (top / "lib/systemd/system/dalabad.service").read_text(encoding="utf-8")
    assert "\nExecStart=/usr/local/sbin/dalabad --config /usr/local/etc/dalaba/dalaba.conf\n" in unit

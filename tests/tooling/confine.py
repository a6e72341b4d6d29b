#!/usr/bin/python3
"""confine.py UNIT COMMAND... - runs a command under a unit's seccomp rules and limits.

Where no systemd runs, this is how a test learns that the hardening of a unit still lets
its program work. It builds the filters as systemd.exec(5) describes them: SystemCallFilter,
RestrictNamespaces, RestrictAddressFamilies, MemoryDenyWriteExecute; sets LimitRTPRIO,
LimitRTTIME, LimitMEMLOCK, LimitNOFILE and LimitCORE; and as root changes to nobody with
group audio, without any capability.
"""
import ctypes
import errno
import grp
import os
import pathlib
import pwd
import re
import resource
import socket
import subprocess
import sys

ALLOW = 0x7FFF0000
NE, EQ, MASKED_EQ = 1, 4, 7
NAMESPACES = 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000 | 0x00020000
PROT_WRITE, PROT_EXEC = 2, 4


def settings(unit):
    found = {}
    for key, value in re.findall(r"^([A-Za-z]+)=(.*)$", pathlib.Path(unit).read_text(encoding="utf-8"), re.M):
        found.setdefault(key, []).append(value)
    return found


def group(name):
    """The system calls of a set such as @system-service."""
    done = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager", name], check=True,
                          capture_output=True, text=True)
    calls = set()
    for line in done.stdout.splitlines():
        word = line.strip()
        if not line.startswith("    ") or word.startswith("#"):
            continue
        calls |= group(word) if word.startswith("@") else {word}
    return calls


def allowed(filters):
    """The system calls that an allow list of several lines leaves."""
    calls = group("@default")
    for line in filters:
        for word in line.lstrip("~").split():
            these = group(word) if word.startswith("@") else {word}
            calls = calls - these if line.startswith("~") else calls | these
    return calls


class Compare(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


class Filter:
    """One seccomp filter of the kernel; several are all asked."""

    def __init__(self, default):
        self.lib = ctypes.CDLL("libseccomp.so.2")
        self.lib.seccomp_init.restype = ctypes.c_void_p
        self.lib.seccomp_rule_add_array.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int,
                                                    ctypes.c_uint, ctypes.POINTER(Compare)]
        self.lib.seccomp_load.argtypes = [ctypes.c_void_p]
        self.context = self.lib.seccomp_init(ctypes.c_uint32(default))

    def rule(self, action, call, *compares):
        number = self.lib.seccomp_syscall_resolve_name(call.encode())
        # Sets name calls of every architecture; -1 is none here.
        if number == -1:
            return
        array = (Compare * len(compares))(*compares)
        rc = self.lib.seccomp_rule_add_array(self.context, action, number, len(compares), array)
        # -EDOM: a call of another architecture. -EACCES: what the filter does anyway.
        if rc not in (0, -errno.EDOM, -errno.EACCES):
            raise OSError(-rc, f"seccomp rule for {call}")

    def load(self):
        rc = self.lib.seccomp_load(self.context)
        if rc < 0:
            raise OSError(-rc, "seccomp_load")


def refuse(code):
    return 0x00050000 | code


def confine(unit):
    keys = settings(unit)
    filters = [Filter(refuse(errno.EPERM)), Filter(ALLOW)]
    # execve and what setpriv does come before; the command needs them as systemd's does.
    for call in sorted(allowed(keys["SystemCallFilter"])):
        filters[0].rule(ALLOW, call)
    if keys.get("RestrictNamespaces") == ["yes"]:
        filters[1].rule(refuse(errno.EPERM), "setns")
        filters[1].rule(refuse(errno.ENOSYS), "clone3")
        for bit in (1 << n for n in range(32) if NAMESPACES >> n & 1):
            filters[1].rule(refuse(errno.EPERM), "unshare", Compare(0, MASKED_EQ, bit, bit))
            filters[1].rule(refuse(errno.EPERM), "clone", Compare(0, MASKED_EQ, bit, bit))
    if keys.get("MemoryDenyWriteExecute") == ["yes"]:
        both = PROT_WRITE | PROT_EXEC
        filters[1].rule(refuse(errno.EPERM), "mmap", Compare(2, MASKED_EQ, both, both))
        filters[1].rule(refuse(errno.EPERM), "mprotect", Compare(2, MASKED_EQ, PROT_EXEC, PROT_EXEC))
    families = [getattr(socket, name) for name in keys["RestrictAddressFamilies"][0].split()]
    for family in set(range(1, 46)) - set(map(int, families)):
        filters[1].rule(refuse(errno.EAFNOSUPPORT), "socket", Compare(0, EQ, family, 0))
    limits(keys)
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.setgroups([grp.getgrnam("audio").gr_gid])
        os.setresgid(nobody.pw_gid, nobody.pw_gid, nobody.pw_gid)
        os.setresuid(nobody.pw_uid, nobody.pw_uid, nobody.pw_uid)
    ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    # The filter of calls last: loading one is itself a call.
    filters[1].load()
    filters[0].load()


def limits(keys):
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    for name in ("RTPRIO", "RTTIME", "MEMLOCK", "NOFILE", "CORE"):
        text = keys[f"Limit{name}"][0]
        value = int(text.rstrip("KMG")) * units.get(text[-1], 1)
        number = getattr(resource, f"RLIMIT_{name}", 15)  # Python has no name for RTTIME
        _, most = resource.getrlimit(number)
        # A container may not give what systemd gives; less is a harder test.
        value = value if most == resource.RLIM_INFINITY else min(value, most)
        resource.setrlimit(number, (value, value))


if __name__ == "__main__":
    confine(sys.argv[1])
    os.execv(sys.argv[2], sys.argv[2:])

#!/usr/bin/python3
"""floors.py [--root DIR] [--build DIR] - the walls of docs/architecture.md, held.

From the sources: an include points to its own floor or to one below; a library's header
stays with its owner; no headers and no modules include each other in a circle. From a
build directory: what a floor's static library leaves undefined is found below it, so that
the linker would agree. Prints one line a fault; exit 1 where there is any.
"""
import argparse
import pathlib
import re
import subprocess
import sys

# A file belongs to the first floor whose folder it lies in; a floor may use those named.
FLOORS = {
    "daemon/base": (),
    "audio/mix": ("daemon/base",),
    "audio/ingest": ("audio/mix", "daemon/base"),
    "audio/relay": ("daemon/base",),
    "schedule": ("daemon/base",),
    "audio": ("audio/mix", "daemon/base"),
    "web-admin": ("schedule", "daemon/base"),
    "daemon": ("web-admin", "audio", "audio/mix", "audio/ingest", "audio/relay",
               "schedule", "daemon/base"),
}

# Static library of each floor, and the libraries it may lean on.
LIBRARIES = {
    "daemon/base/libbase.a": (),
    "schedule/libschedule.a": ("daemon/base/libbase.a",),
    "audio/mix/libmix.a": ("daemon/base/libbase.a",),
    "audio/ingest/libingest.a": ("audio/mix/libmix.a", "daemon/base/libbase.a"),
    "audio/relay/librelay.a": ("daemon/base/libbase.a",),
    "audio/libaudio.a": ("audio/mix/libmix.a", "daemon/base/libbase.a"),
    "web-admin/libadmin.a": ("schedule/libschedule.a", "daemon/base/libbase.a"),
    "daemon/libdaemon.a": ("web-admin/libadmin.a", "audio/libaudio.a",
                           "audio/mix/libmix.a", "schedule/libschedule.a", "daemon/base/libbase.a"),
}

# A library's header, and the only files that may include it.
OWNERS = {
    r"sqlite3\.h": ("schedule/store*.c", "schedule/store*.h"),
    r"expat\.h": ("schedule/cap*.c",),
    r"microhttpd\.h|gnutls/.*": ("web-admin/http*.c", "web-admin/http_*.h"),
    r"jansson\.h": ("schedule/*.[ch]", "web-admin/*.[ch]", "daemon/*.[ch]", "audio/ingest/*.[ch]"),
    r"pthread\.h|threads\.h|semaphore\.h": ("audio/engine*.[ch]", "audio/feed.c", "audio/recorder.c", "daemon/jobs*.c"),
    r"alsa/.*": ("audio/pcm_alsa*.c", "audio/relay/line.c"),
    r"soxr\.h": ("audio/resample.c",),
    r"opus/opusfile\.h|opusfile\.h": ("audio/clip.c", "audio/ingest/*.c", "audio/relay/stream.c"),
    r"opus/opusenc\.h|opusenc\.h": ("audio/ingest/*.[ch]", "audio/recorder.c"),
    r"sndfile\.h|ebur128\.h|opus/opus.*|opus\.h|ogg/.*": ("audio/ingest/*.[ch]",),
    r"systemd/.*": ("daemon/loop.c", "daemon/log.c"),
    r"gpiod\.h": ("daemon/gpio.c",),
    r"ini\.h": ("daemon/config.c",),
    r"curl/.*": ("daemon/dalabactl*.c", "audio/relay/fetch.c"),
    r"sodium\.h": ("web-admin/auth.c", "daemon/library*.c"),
    r"seccomp\.h|linux/(capability|landlock|netlink|seccomp|filter|audit)\.h|sched\.h": (
        "audio/ingest/sandbox.c", "audio/relay/confine*.c", "audio/engine*.c"),
}

# What the C library, the compiler and the kernel give to everybody.
COMMON = re.compile(r"""(
    assert|ctype|dirent|endian|errno|fcntl|fenv|float|fnmatch|getopt|glob|grp|inttypes|langinfo|
    limits|locale|math|netdb|poll|pwd|search|signal|spawn|stdalign|stdarg|stdatomic|stdbool|stddef|
    stdint|stdio|stdlib|stdnoreturn|string|strings|syslog|termios|time|unistd|wchar|wctype|
    arpa/inet|net/if|netinet/(in|tcp)|
    sys/(epoll|eventfd|file|inotify|ioctl|mman|param|personality|prctl|random|resource|select|
        sendfile|signalfd|socket|stat|statvfs|syscall|time|timerfd|times|timex|types|uio|un|
        utsname|vfs|wait|xattr)|
    linux/(fs|magic|sched|limits|types)
)\.h""", re.X)

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def floor_of(name):
    """The floor of a file by its path, or None where it belongs to none (tests, tools)."""
    for floor in sorted(FLOORS, key=len, reverse=True):
        if name.startswith(floor + "/"):
            return floor
    return None


class Sources:
    def __init__(self, root):
        self.root = root
        self.files = {}
        folders = sorted({floor.split("/")[0] for floor in FLOORS})
        for path in sorted(p for folder in folders for p in (root / folder).rglob("*.[ch]")):
            self.files[str(path.relative_to(root))] = path.read_text(encoding="utf-8")

    def resolve(self, name, included):
        """The project's file that an include means, or None for a header from outside.
        The order is the compiler's: beside the file, then the root, then daemon/."""
        for folder in (pathlib.PurePath(name).parent, pathlib.PurePath("."), pathlib.PurePath("daemon")):
            candidate = (self.root / folder / included).resolve()
            if candidate.is_file() and self.root in candidate.parents:
                return str(candidate.relative_to(self.root))
        return None

    def includes(self, name):
        """(line, header as written, project file or None) of every include."""
        text = self.files[name]
        for match in INCLUDE.finditer(text):
            line = text.count("\n", 0, match.start(2)) + 1
            yield line, match.group(2), self.resolve(name, match.group(2))


def upward(sources):
    for name in sources.files:
        floor = floor_of(name)
        for line, header, target in sources.includes(name):
            if target is None:
                continue
            to = floor_of(target)
            if to is None:
                yield f"{name}:{line}: \"{header}\" belongs to no floor; move it to one"
            elif to != floor and to not in FLOORS[floor]:
                may = ", ".join(FLOORS[floor]) or "nothing"
                yield f"{name}:{line}: {floor}/ may not include \"{header}\" of {to}/ (it may use {may})"


def foreign(sources):
    """Headers from outside that are nobody's, or another's."""
    for name in sources.files:
        path = pathlib.PurePath(name)
        for line, header, target in sources.includes(name):
            if target is not None or COMMON.fullmatch(header):
                continue
            owners = next((o for pattern, o in OWNERS.items() if re.fullmatch(pattern, header)), None)
            if owners is None:
                yield f"{name}:{line}: <{header}> has no owner; name one in tools/floors.py"
            # match() compares from the right: the folder must be right as well.
            elif not any(path.match(o) and str(path.parent) == str(pathlib.PurePath(o).parent) for o in owners):
                yield f"{name}:{line}: <{header}> belongs to {', '.join(owners)}"


def circles(graph):
    """The sets of nodes that reach each other (Tarjan 1972), larger than one."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for to in graph.get(node, ()):
            if to not in index:
                visit(to)
                low[node] = min(low[node], low[to])
            elif to in stack:
                low[node] = min(low[node], index[to])
        if low[node] == index[node]:
            group = []
            while not group or group[-1] != node:
                group.append(stack.pop())
            if len(group) > 1 or node in graph.get(node, ()):
                found.append(sorted(group))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def module_of(name):
    """x.c, x.h and x_internal.h, which x shares with its parts, are one module."""
    return name[:-2].removesuffix("_internal")


def cyclic(sources):
    headers, modules = {}, {}
    for name in sources.files:
        targets = {t for _, _, t in sources.includes(name) if t is not None}
        if name.endswith(".h"):
            headers[name] = targets
        own = module_of(name)
        modules.setdefault(own, set()).update(to for to in map(module_of, targets) if to != own)
    for group in circles(headers):
        yield "headers include each other in a circle: " + ", ".join(group)
    for group in circles(modules):
        yield "modules need each other in a circle: " + ", ".join(group)


def symbols(library, kind):
    """Names that a static library defines, or leaves undefined."""
    option = {"defined": "--defined-only", "undefined": "--undefined-only"}[kind]
    done = subprocess.run(["nm", "-g", "-P", option, str(library)], check=True, capture_output=True, text=True)
    # Lines without a type are the names of the members.
    return {line.split()[0] for line in done.stdout.splitlines() if len(line.split()) > 1}


def unlinkable(build, libraries=None):
    libraries = libraries or LIBRARIES
    there = {name: build / name for name in libraries if (build / name).is_file()}
    for name in libraries:
        if name not in there:
            yield f"{build}: there is no {name}; build it first"
    defined = {name: symbols(path, "defined") for name, path in there.items()}
    for name, path in there.items():
        # A floor of several files leans on itself as well.
        missing = symbols(path, "undefined") - defined[name]
        for other in there:
            if other == name or other in libraries[name]:
                continue
            reached = {s for s in missing & defined[other]
                       if not any(s in defined[below] for below in libraries[name] if below in there)}
            for symbol in sorted(reached):
                yield f"{name} calls {symbol}() of {other}, which is not below it"


def faults(root, build=None):
    sources = Sources(root.resolve())
    if not sources.files:
        return [f"{root}: there are no sources"]
    found = [*upward(sources), *foreign(sources), *cyclic(sources)]
    return found + list(unlinkable(build)) if build else found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    parser.add_argument("--build", type=pathlib.Path, help="a build directory, for the libraries")
    arguments = parser.parse_args()
    found = faults(arguments.root, arguments.build)
    print("\n".join(found) if found else "the floors stand")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()

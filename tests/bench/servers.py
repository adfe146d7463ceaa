# SPDX-License-Identifier: MIT
"""Who takes part: echod, its peers, and the yardsticks.

The peers in peers/ are built here with what the machine has; those that
Debian packages are fetched and unpacked as for tests/compare.  As root the
libraries that are missing are installed.  What cannot be had is left out, with
the reason.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "../compare"))

import peers  # noqa: E402
from peers import LeftOut  # noqa: E402

SOURCES = os.path.join(HERE, "peers")
BUILD_LIMIT = 300  # seconds
PORT = 7

CC = ("{cc} -O2 -g -D_GNU_SOURCE -pthread -o {program} {source}/{name}.c"
      " {flags}")
CXX = "c++ -O2 -g -pthread -o {program} {source}/{name}.cc"
GO = "go build -o {program} {source}/echo.go"

# Peer: how it is built (or run), the Debian package that is needed for it, and
# who tells its flags and its version.
BUILT = {
    "libuv": (CC, "libuv1-dev", "libuv"),
    "libevent": (CC, "libevent-dev", "libevent"),
    "asio": (CXX, "libboost-dev", None),
    "uring": (CC, "liburing-dev", "liburing"),
    "go": (GO, "golang-go", None),
    "recvfrom": (CC, None, None),
    "recvmmsg": (CC, None, None),
    "blocking": (CC, None, None),
    "splice": (CC, None, None),
}
SCRIPTS = ("asyncio", "socket")

CONFIGURATION = {
    "bench-inetd.conf": peers.CONFIGURATION["inetd.conf"],
    "bench-xinetd.conf": peers.CONFIGURATION["xinetd.conf"].replace(
        "disable = no", "disable = no\n    instances = UNLIMITED\n"
        "    per_source = UNLIMITED\n    cps = 10000000 1")}

# As compare, but with nothing in the way of many connections.
PACKAGED = {
    "xinetd": "{root}/usr/sbin/xinetd -dontfork -stayalive"
              " -filelog {place}/xinetd.filelog -f {place}/bench-xinetd.conf",
    "socat": "{root}/usr/bin/socat"
             " TCP-LISTEN:{port},fork,reuseaddr,nodelay,backlog=4096 EXEC:cat",
    "ncat": "{root}/usr/bin/ncat -l {port} -k -m 10000 -e /bin/cat",
    "busybox": "{root}/bin/busybox inetd -f -R 0 -q 4096"
               " {place}/bench-inetd.conf",
}

# In a quick run they would only cost time.
FULL_ONLY = ("asyncio", "socket", "socat", "ncat", "busybox")

# It is given a store for descriptors, see store.py.
PRESERVING = "--preserve=yes"

# What can be run by a program that needs more than echod may do.
UNCONFINED = "echod unconfined"

# What differs from echod only by its options.
VARIANTS = {
    "echod": (),
    "echod --busy-poll": ("--busy-poll=1ms",),
    "echod -w 2": ("-w", "2"),
    "echod --preserve": (PRESERVING,),
    "echod -w 2 --cpu-affinity": ("--cpu-affinity=auto", "-w", "2"),
}


@dataclass
class Server:
    """A program to measure; "{port}" is still in its command."""
    name: str
    version: str
    command: list


def _run(*command, environment=None):
    try:
        return subprocess.run(command, check=True, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=BUILD_LIMIT,
                              env={**os.environ, **(environment or {})}
                              ).stdout.strip()
    except subprocess.CalledProcessError as error:
        why = error.stderr.strip().splitlines() or ["no reason given"]
        raise LeftOut(f"{command[0]}: {why[0]}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LeftOut(str(error)) from error


def _package_version(package):
    try:
        return _run("dpkg-query", "-W", "-f", "${Version}", package)
    except LeftOut:
        return ""


def provide(package):
    """Install what is missing, if that is for us to do."""
    if not package or _package_version(package):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        _run("apt-get", "install", "-y", "-q", "--no-install-recommends",
             package, environment={"DEBIAN_FRONTEND": "noninteractive"})


def _with_hint(reason, package):
    hint = f" (Debian: {package})" if package else ""
    return LeftOut(f"{reason}{hint}")


def build(name, place):
    """Build a peer from its source below peers/."""
    recipe, package, module = BUILT[name]
    program = os.path.join(place, name)
    try:
        provide(package)
        flags = (_run("pkg-config", "--cflags", "--libs", module)
                 if module else "")
        command = recipe.format(cc=os.environ.get("CC") or "cc", name=name,
                                program=shlex.quote(program), flags=flags,
                                source=shlex.quote(SOURCES))
        _run(*shlex.split(command),
             environment={"GOCACHE": os.path.join(place, "go-cache")})
        version = _run("pkg-config", "--modversion", module) if module else ""
    except LeftOut as reason:
        raise _with_hint(reason, package) from reason
    version = version or (_package_version(package) if package else "")
    return Server(name, version, [program, "{port}"])


def script(name, _place):
    """A peer in Python."""
    return Server(name, f"Python {sys.version.split()[0]}",
                  [sys.executable, os.path.join(SOURCES, f"{name}_echo.py"),
                   "{port}"])


def fetch(name, place):
    """A peer that Debian packages."""
    root = os.path.join(place, name)
    shutil.rmtree(root, ignore_errors=True)
    version = peers.unpack(name, place, root)
    if name == "busybox" and "inetd" not in _run(f"{root}/bin/busybox",
                                                 "--list").split():
        raise LeftOut(f"that of this system ({version}) has no inetd")
    words = [word.format(root=root, place=place, port="{port}")
             for word in PACKAGED[name].split(" ")]
    return Server(name, version, [*peers.with_libraries(root), *words])


def echods(program, unconfined):
    """The echod of this build, how else it is started, and one without its
    sandbox."""
    try:
        version = _run(program, "--version").split()[1]
    except (LeftOut, IndexError) as error:
        raise LeftOut(f"{program} does not run: {error}") from error
    known = _run(program, "--help")
    found = []
    for name, options in VARIANTS.items():
        if not options or options[0].partition("=")[0] in known:
            found.append(Server(name, version,
                                [program, "-l", "{port}", *options]))
    found.append(Server(UNCONFINED, version, [unconfined, "-l", "{port}"]))
    return found


def gather(program, unconfined, place, say, lean=False):
    """Both echods, and those that can be had; and the others, with the reason.
    lean: without those that only a full run needs."""
    os.makedirs(place, exist_ok=True)
    for name, text in CONFIGURATION.items():
        with open(os.path.join(place, name), "w", encoding="utf-8") as file:
            file.write(text)
    found, left_out = echods(program, unconfined), {}
    makers = {**{name: build for name in BUILT},
              **{name: script for name in SCRIPTS},
              **{name: fetch for name in PACKAGED}}
    for name in makers:
        if lean and name in FULL_ONLY:
            continue
        say(f"making {name}")
        try:
            found.append(makers[name](name, place))
        except LeftOut as reason:
            left_out[name] = str(reason)
            say(f"{name} is left out: {reason}")
    return found, left_out


def save(servers, file_name):
    with open(file_name, "w", encoding="utf-8") as file:
        json.dump([asdict(it) for it in servers], file)


def load(file_name):
    """Servers by their names."""
    with open(file_name, encoding="utf-8") as file:
        return {it["name"]: Server(**it) for it in json.load(file)}

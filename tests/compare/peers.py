# SPDX-License-Identifier: MIT
"""What echod is compared with: the packages, and how each is told to echo.

Packages are downloaded and unpacked, never installed; so are the libraries
they need and the machine has not.
"""

import glob
import os
import re
import shutil
import subprocess
from dataclasses import dataclass

DOWNLOAD_LIMIT = 120  # seconds

_XINETD = """\
service echo
{{
    type = INTERNAL
    id = echo-{socket}
    socket_type = {socket}
    protocol = {protocol}
    {family}user = root
    wait = {wait}
    cps = 100000 1
    disable = no
}}
"""


def _xinetd_datagrams(family=""):
    return _XINETD.format(socket="dgram", protocol="udp", wait="yes",
                          family=family)


# Files that the commands name.
CONFIGURATION = {
    "inetd.conf": """\
echo stream tcp nowait root internal
echo dgram udp wait root internal
""",
    "xinetd.conf": _XINETD.format(
        socket="stream", protocol="tcp", wait="no",
        family="") + _xinetd_datagrams(),
    "inetd6.conf": """\
echo dgram udp6 wait root internal
""",
    "xinetd6.conf": _xinetd_datagrams("flags = IPv6\n    ")}

# Package: the commands for TCP and UDP, or one for both.  {root} is where it
# was unpacked, {place} where the configuration is.  None is to be slowed by a
# default that is meant for other uses: openbsd-inetd ends a service after 256
# connections in a minute (-R), ncat has 100 at a time (-m), and the queues of
# newcomers are short.
COMMANDS = {
    "inetutils-inetd": (
        "{root}/usr/sbin/inetutils-inetd -d {place}/inetd.conf",),
    "openbsd-inetd": (
        "{root}/usr/sbin/inetd -i -q 4096 -R 1000000000 {place}/inetd.conf",),
    "xinetd": (
        "{root}/usr/sbin/xinetd -dontfork -stayalive"
        " -filelog {place}/xinetd.filelog -f {place}/xinetd.conf",),
    "socat": (
        "{root}/usr/bin/socat TCP-LISTEN:7,fork,backlog=4096 EXEC:cat",
        "{root}/usr/bin/socat UDP-RECVFROM:7,fork PIPE"),
    "ncat": (
        "{root}/usr/bin/ncat -l 7 -k -m 20000 -e /bin/cat",
        "{root}/usr/bin/ncat -u -l 7 -k -m 20000 -e /bin/cat"),
}

# The same for UDP over IPv6.
COMMANDS6 = {
    "inetutils-inetd": "{root}/usr/sbin/inetutils-inetd -d {place}/inetd6.conf",
    "openbsd-inetd": (
        "{root}/usr/sbin/inetd -i -q 4096 -R 1000000000 {place}/inetd6.conf"),
    "xinetd": (
        "{root}/usr/sbin/xinetd -dontfork -stayalive"
        " -filelog {place}/xinetd.filelog -f {place}/xinetd6.conf"),
    "socat": "{root}/usr/bin/socat UDP6-RECVFROM:7,fork PIPE",
    "ncat": "{root}/usr/bin/ncat -6 -u -l 7 -k -m 20000 -e /bin/cat",
}


class LeftOut(Exception):
    """Why a peer cannot be measured here."""


@dataclass
class Peer:
    """A program to measure: commands by transport, and what it needs."""
    name: str
    version: str
    commands: dict
    log: str

    def title(self):
        """Its name, and the version without what Debian adds."""
        upstream = re.sub(r"^\d+:|(\+dfsg\d*)?-[^-]*$", "", self.version)
        return f"{self.name} {upstream}"


def _run(*command, directory=None):
    """The output of a command, whose failure is a reason to leave out."""
    try:
        return subprocess.run(command, cwd=directory, check=True, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=DOWNLOAD_LIMIT).stdout.strip()
    except subprocess.CalledProcessError as error:
        why = error.stderr.strip().splitlines() or ["no reason given"]
        raise LeftOut(f"{' '.join(command[:2])}: {why[-1]}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LeftOut(str(error)) from error


def _download(package, place):
    """Fetch a package unless it is there and whole; returns its file."""
    uri = _run("apt-get", "download", "--print-uris", package)
    if not uri:
        raise LeftOut("apt knows no such package (apt-get update)")
    # apt's own user may not write here.
    _run("apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download",
         package, directory=place)
    return os.path.join(place, uri.split()[1])


def _is_installed(package):
    return subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Status}", package],
        check=False, text=True, capture_output=True).stdout == "installed"


def _libraries(file):
    """The libraries that a package depends on and the machine has not."""
    names = re.findall(r"(?:^|, )(lib[^ ,:]*)",
                       _run("dpkg-deb", "-f", file, "Depends"))
    return [name for name in names if not _is_installed(name)]


def unpack(package, place, root):
    """Fetch and unpack a package and its libraries; returns its version."""
    done, wanted, version = set(), [package], None
    while wanted:
        name = wanted.pop()
        if name in done:
            continue
        done.add(name)
        file = _download(name, place)
        _run("dpkg-deb", "-x", file, root)
        version = version or _run("dpkg-deb", "-f", file, "Version")
        wanted += _libraries(file)
    return version


def with_libraries(root):
    """What to put in front of a command that was unpacked there."""
    libraries = glob.glob(f"{root}/lib/*-linux-*") + glob.glob(
        f"{root}/usr/lib/*-linux-*")
    if not libraries:
        return []
    return ["env", f"LD_LIBRARY_PATH={':'.join(libraries)}"]


def _by_transport(commands, six=None, **places):
    """The commands of a peer, as lists of words."""
    words = [[word.format(**places) for word in command.split(" ")]
             for command in (*commands, six or commands[-1])]
    return {"tcp": words[0], "udp": words[-2], "udp6": words[-1]}


def configure(place):
    """Write the files that the commands name."""
    os.makedirs(place, exist_ok=True)
    for name, text in CONFIGURATION.items():
        with open(os.path.join(place, name), "w", encoding="utf-8") as file:
            file.write(text)


def fetch(package, place):
    """A peer, unpacked below `place`."""
    if package not in COMMANDS:
        raise LeftOut(f"it is none of {', '.join(COMMANDS)}")
    root = os.path.join(place, package)
    shutil.rmtree(root, ignore_errors=True)
    version = unpack(package, place, root)
    commands = _by_transport(COMMANDS[package], COMMANDS6[package],
                             root=root, place=place)
    commands = {transport: [*with_libraries(root), *command]
                for transport, command in commands.items()}
    return Peer(package, version, commands, f"{root}.log")


def built(program, place):
    """The echod of this build."""
    version = subprocess.run([program, "--version"], check=True, text=True,
                             capture_output=True).stdout.split()[1]
    return Peer("echod", version, _by_transport(["{it} -l 7"], it=program),
                os.path.join(place, "echod.log"))

# SPDX-License-Identifier: MIT
"""The service that is attacked: echod on sockets as its socket unit has them,
or another one as compare/peers.py starts it, each with 20,000 descriptors at
most.  What it takes is asked of the kernel.
"""

import functools
import os
import re
import resource
import socket
import subprocess
import tempfile

import stage
import probes
from daemon import COUNTERS, Echod

DESCRIPTORS_MAX = 20000
SO_RCVBUFFORCE = 33
RECEIVE_BUFFER = 4 << 20  # as ReceiveBuffer= of echod.socket
# What systemd lets a service have, of 32,768: for those that fork.
PROCESSES_MAX = 4915
PID_MAX_RESERVED = 300
PID_MAX_SINCE = (6, 14)  # of a namespace, not of the machine
BOUNDING = 2  # processes: unshare(1), and a shell


def limit_descriptors():
    most = min(DESCRIPTORS_MAX, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


def unit_sockets(port=stage.PORT):
    """TCP and UDP, IPv4 and IPv6."""
    socks = []
    for family_, host in ((socket.AF_INET, "0.0.0.0"),
                          (socket.AF_INET6, "::")):
        socks.append(socket.create_server((host, port), family=family_,
                                          backlog=1 << 16))
        sock = socket.socket(family_, socket.SOCK_DGRAM)
        if family_ == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
        sock.bind((host, port))
        socks.append(sock)
    return socks


class Ours:
    """echod."""

    def __init__(self, *options, port=stage.PORT):
        socks = unit_sockets(port)
        self.echod = Echod(*options, sockets=socks,
                           descriptors_max=limit_descriptors())
        for sock in socks:
            sock.close()
        self._before = len(self.echod.log)

    def memory(self):
        return self.echod.resident()

    def processes(self):
        return 1

    def descriptors(self):
        return self.echod.descriptors()

    def counters(self):
        return self.echod.counters()

    def lines(self):
        """What it has logged since it was ready, unless it was asked to."""
        self.echod.read_log()
        return [line for line in self.echod.log[self._before:].splitlines()
                if not COUNTERS.match(line)]

    def runs(self):
        return self.echod.running()

    def end(self):
        self.echod.kill()


class Theirs:
    """Another service: a process, and whatever that has started."""

    def __init__(self, transport, command):
        limit_descriptors()
        ask_no_names()
        self._process = probes.serve(transport.rstrip("6"), _bounded(command))

    def memory(self):
        """Of all its processes; what they share is counted once."""
        return sum(map(_proportional, self._own()))

    def processes(self):
        return len(self._own())

    def _own(self):
        """Without what bounds them."""
        return _family(self._process.pid)[BOUNDING if can_bound() else 0:]

    def descriptors(self):
        return None

    def counters(self):
        return {}

    def lines(self):
        return []

    def runs(self):
        return self._process.poll() is None

    def end(self):
        self._process.kill()
        self._process.wait()


@functools.cache
def ask_no_names():
    """Some ask for the name of each client, and there is nobody to answer."""
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
        file.write("hosts: files\npasswd: files\ngroup: files\n"
                   "services: files\nprotocols: files\n")
        file.flush()
        subprocess.run(["mount", "--bind", file.name, "/etc/nsswitch.conf"],
                       check=True)


def can_bound():
    """Whether the number of processes can be limited without a trace."""
    release = re.match(r"(\d+)\.(\d+)", os.uname().release)
    return tuple(map(int, release.groups())) >= PID_MAX_SINCE


def _bounded(command):
    """In a namespace of processes that has room for so many.  The shell stays
    there as the first process: orphans are its own, which a service that counts
    the ends of its children would take for more of them (ncat ends of it)."""
    if not can_bound():
        return command
    return ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child",
            "sh", "-c", f"echo {PROCESSES_MAX + PID_MAX_RESERVED} "
            '>/proc/sys/kernel/pid_max && "$@"; exit $?', "sh", *command]


def _family(root):
    """A process and its descendants, of which there may be thousands."""
    children = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8") as file:
                parent = int(file.read().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(name))
        except OSError:  # it has ended
            pass
    found = [root]
    for pid in found:
        found += children.get(pid, ())
    return found


def _proportional(pid):
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
            found = re.search(r"^Pss:\s+(\d+) kB", file.read(), re.M)
            return 1024 * int(found[1]) if found else 0
    except OSError:  # it has ended
        return 0


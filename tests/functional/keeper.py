# SPDX-License-Identifier: MIT
"""A service manager that keeps what is given to it, and restarts echod.

It owns the sequence of echod processes of a service: each gets the activation
sockets and then all that is in the store, as systemd passes them; what one
stores, the next ones get.  It does nothing by itself: a case turns it, by
waiting for something.  Clients see how quick it is: when a process has ended,
the next is started before anything else is done.
"""

import array
import collections
import fcntl
import os
import re
import select
import signal
import socket
import time

import client
import daemon
from daemon import Echod, LIMIT
from echodtest import note
from manager import ServiceManager

# What echod calls what it stores.
KEPT = "echod-kept-"
LOT, OWN, RECORD = KEPT + "lot-", KEPT + "own-", KEPT + "record-"

STORE_MAX = 4096
MESSAGE_MAX = 65536
DESCRIPTORS_MAX = 253  # of SCM_RIGHTS in a message
BACKLOG = 4096
LOGS_SHOWN = 4  # of the last processes, when a case fails

Entry = collections.namedtuple("Entry", "name fd polled")
End = collections.namedtuple("End", "status log")


class Keeper(ServiceManager):
    """The manager, and the one service that it has."""

    program = Echod

    def __init__(self, *arguments, sockets=(), names=None,
                 store_max=STORE_MAX, restart=True, environment=None, **how):
        """`arguments` and `how` are Echod's, and may be changed from start to
        start.  restart: as Restart=always with RestartSec=0."""
        super().__init__()
        self.arguments = list(arguments)
        self.how = how
        self.sockets = list(sockets)
        self.names = names or ["echo"] * len(self.sockets)
        self.store_max = store_max
        self.restart = restart
        self.store = []
        self.refused = 0  # descriptors
        self.removed = []  # names, as the service asked for it
        self.ends = []
        self.readies = 0
        self.echod = None
        self.on_ready = self.on_end = lambda: None
        self._more = dict(environment or {})
        self._ready = False

    def __enter__(self):
        self.start()
        self.await_ready()
        return self

    def __exit__(self, kind, error, trace):
        try:
            if kind is None and self.echod:
                end = self.stop()
                assert end.status == 0, f"SIGTERM: exit status {end.status}"
        finally:
            if self.echod:
                self.echod.kill()
            if kind is not None:
                self._tell_logs()
            self.lose_store()

    def _tell_logs(self):
        for end in self.ends[-LOGS_SHOWN:]:
            note(f"an earlier process, which ended with {end.status}, wrote:")
            note("\n".join("  " + line for line in
                           end.log.splitlines()[-20:]))
        note(f"in the store: {self.stored()}")

    # The store

    def stored(self, prefix=""):
        """The names in the store."""
        return [it.name for it in self.store if it.name.startswith(prefix)]

    def descriptors(self, prefix):
        return [it.fd for it in self.store if it.name.startswith(prefix)]

    def parked(self):
        """How many descriptors lie in the lots, the dead among them; None if
        this kernel does not tell."""
        count = None
        for fd in self.descriptors(LOT):
            with open(f"/proc/self/fdinfo/{fd}", encoding="utf-8") as file:
                found = re.search(r"^scm_fds:\s*(\d+)", file.read(), re.M)
            if found:
                count = (count or 0) + int(found[1])
        return count

    def queued(self):
        """How many bytes lie in the lots: at least one a message."""
        return sum(client.unread(fd) for fd in self.descriptors(LOT))

    def put(self, name, *files):
        """Put something into the store that the service did not."""
        for file in files:
            fd = file if isinstance(file, int) else file.fileno()
            self._keep(name, fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3), False)

    def lose_store(self):
        while self.store:
            os.close(self.store.pop().fd)

    def remove(self, name):
        for entry in [it for it in self.store if it.name == name]:
            self.store.remove(entry)
            os.close(entry.fd)

    def _keep(self, name, fd, polled):
        """Keep a descriptor, unless it is there already or there is no
        room."""
        if any(_same(it.fd, fd) for it in self.store):
            os.close(fd)
        elif len(self.store) >= self.store_max:
            self.refused += 1
            os.close(fd)
        else:
            self.store.append(Entry(name, fd, polled))

    def _drop_dead(self):
        """Like systemd, drop what says HUP or ERR, unless FDPOLL=0."""
        poll = select.poll()
        polled = {it.fd: it for it in self.store if it.polled}
        for fd in polled:
            poll.register(fd, 0)
        for fd, _ in poll.poll(0) if polled else ():
            self.store.remove(polled[fd])
            os.close(fd)

    # What the service says

    def collect(self, timeout=0.0):
        if not daemon.readable(self._socket, timeout=timeout):
            return False
        # Not recv_fds(), of which Python 3.11 ignores the flags.
        text, ancillary, _, _ = self._socket.recvmsg(
            MESSAGE_MAX, socket.CMSG_SPACE(DESCRIPTORS_MAX * 4),
            socket.MSG_CMSG_CLOEXEC)
        descriptors = array.array("i")
        for level, kind, data in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                descriptors.frombytes(data)
        self._take(text.decode(), descriptors)
        return True

    def _take(self, text, descriptors):
        message = dict(line.partition("=")[::2]
                       for line in text.splitlines())
        name = message.get("FDNAME", "stored")
        if "FDSTORE" in message:
            for fd in descriptors:
                self._keep(name, fd, message.get("FDPOLL") != "0")
            descriptors = []
        if "FDSTOREREMOVE" in message:
            self.removed.append(name)
            self.remove(name)
        if "READY" in message:
            self._ready = True
            self.readies += 1
            self.on_ready()
        for fd in descriptors:  # of BARRIER=1, closed is what was asked for
            os.close(fd)
        self.messages.append(message)

    # Its processes

    def start(self):
        self._drop_dead()
        self._ready = False
        sockets = self.sockets + [it.fd for it in self.store]
        names = self.names + [it.name for it in self.store]
        environment = {**self.environment, **self._more}
        self.echod = self.program(
            *self.arguments, sockets=sockets, names=names,
            environment=environment, ready=False, **self.how)

    def turn(self, timeout=0.0):
        """Do what there is to be done, or await something for so long."""
        ready = self.echod.await_change(self._socket, timeout=timeout)
        if self._socket in ready:
            self.collect()
        if not self.echod.running():
            self._succeed()

    def _succeed(self):
        """The process has ended: it said its last, and another follows."""
        ended = self.echod
        while self.collect():
            pass
        status = ended.wait()
        self.echod = None
        self.on_end()
        if self.restart:
            self.start()
        self.ends.append(End(status, ended.log))
        ended.release()

    def turn_for(self, seconds):
        deadline = time.monotonic() + seconds
        while self.echod and (left := deadline - time.monotonic()) > 0:
            self.turn(left)

    def until(self, condition, what):
        """Turn until it holds; returns its value."""
        deadline = time.monotonic() + LIMIT
        while not (value := condition()):
            if time.monotonic() > deadline:
                raise AssertionError(f"waited in vain: {what}")
            assert self.echod, f"nothing runs any more, waiting for {what}"
            self.turn(0.01)
        return value

    def await_ready(self):
        """Await that the present process, or one after it, is ready."""
        def ready():
            assert self.restart or self.echod, "it ended before it was ready"
            return self._ready

        self.until(ready, "READY=1")

    def await_end(self, count=1):
        """Await that so many processes have ended; returns the last End."""
        wanted = len(self.ends) + count
        deadline = time.monotonic() + LIMIT
        while len(self.ends) < wanted:
            assert time.monotonic() < deadline, "echod does not end"
            self.turn(0.1)
        return self.ends[-1]

    def end(self, number):
        """Have a signal end the process; returns its End."""
        self.echod.signal(number)
        return self.await_end()

    def _end_as(self, number, status, ready):
        end = self.end(number)
        assert end.status == status, \
            f"signal {number}: exit status {end.status}"
        if ready and self.echod:
            self.await_ready()
        return end

    def kill(self, ready=True):
        """Returns the End; ready: the next is waited for, which may ask the
        manager before it serves anybody."""
        return self._end_as(signal.SIGKILL, -signal.SIGKILL, ready)

    def hand_over(self, ready=True):
        """As RestartKillSignal=SIGUSR2 does; returns the End."""
        self.await_ready()
        return self._end_as(signal.SIGUSR2, 0, ready)

    def stop(self):
        """As `systemctl stop`: afterwards nothing runs and nothing is
        kept."""
        self.await_ready()
        self.restart = False
        end = self.end(signal.SIGTERM)
        self.lose_store()
        return end


def listen_everywhere():
    """Sockets of a .socket unit: TCP, IPv4 and IPv6."""
    return [socket.create_server(("127.0.0.1", 0), backlog=BACKLOG),
            socket.create_server(("::1", 0), family=socket.AF_INET6,
                                 backlog=BACKLOG)]


def streams(sockets, count):
    """Connections that have echoed, to both sockets in turn."""
    socks = [client.connect(sockets[i % 2].getsockname()[:2])
             for i in range(count)]
    for sock in socks:
        client.assert_echo(sock)
    return socks


def go_on(socks):
    """Assert that they still echo."""
    for sock in socks:
        client.assert_echo(sock, client.pattern(5000))


def descriptors(keeper):
    """How many its process has; not counted is the one by which it tells its
    manager something at the moment."""
    counts = []
    for _ in range(5):
        keeper.turn_for(0.02)
        counts.append(keeper.echod.descriptors())
    return min(counts)


def _same(one, other):
    """Whether two descriptors are of one file, and the same end of a pipe."""
    a, b = os.fstat(one), os.fstat(other)
    return ((a.st_dev, a.st_ino) == (b.st_dev, b.st_ino) and
            fcntl.fcntl(one, fcntl.F_GETFL) & os.O_ACCMODE ==
            fcntl.fcntl(other, fcntl.F_GETFL) & os.O_ACCMODE)

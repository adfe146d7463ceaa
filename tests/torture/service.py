# SPDX-License-Identifier: MIT
"""The services that are tortured: echods under a manager that starts another
when one has ended, and what can be asked of them."""

import contextlib
import os
import re
import signal
import socket
import time

import daemon
from clients import Datagrams, Finding, Records, settle, Stream
from daemon import LIMIT
from journal import Journal, Journaled
from keeper import BACKLOG, Keeper

WATCHDOG_USEC = 1000000  # of which a quarter is how often workers are asked
FIRST_WORKER = 2  # among its threads: the main one, the log's writer, workers

# What a service is started with, and the sockets that it gets, or opens.
KINDS = {
    "plain": (("--preserve=no", "--log-connections"),
              "tcp tcp6 udp udp6 unix unix-seqpacket unix-dgram"),
    "shared": (("--preserve=no", "-w", "2"), "tcp tcp6 udp"),
    "kept": (("--preserve-after=0",), "tcp tcp6 unix"),
    "tight": (("--preserve=no", "--buffer-limit=64K"), "tcp"),
    "narrow": (("--preserve=no", "--max-connections=6"), "tcp udp"),
    "own": (("--preserve=no",), "own-tcp own-udp"),
    "idle": (("--preserve=no", "--idle-timeout=200ms"), "tcp unix"),
    "journal": (("--preserve=no", "--log-connections"), "tcp udp"),
}

CLIENTS = {"unix-seqpacket": Records, "unix-dgram": Datagrams,
           "udp": Datagrams, "udp6": Datagrams, "own-udp": Datagrams}
OWN_PORT = 7007


def _own_host():
    """An address of loopback that no other process has."""
    pid = os.getpid()
    return f"127.{16 + (pid >> 16)}.{pid >> 8 & 255}.{pid & 255}"


def _open(scheme):
    if scheme.startswith("unix"):
        kind = {"unix": socket.SOCK_STREAM, "unix-dgram": socket.SOCK_DGRAM,
                "unix-seqpacket": socket.SOCK_SEQPACKET}[scheme]
        sock = socket.socket(socket.AF_UNIX, kind)
        sock.bind("")  # a free name in the abstract namespace
        if kind != socket.SOCK_DGRAM:
            sock.listen(BACKLOG)
        return sock
    family, host = ((socket.AF_INET6, "::1") if scheme.endswith("6") else
                    (socket.AF_INET, "127.0.0.1"))
    if scheme.startswith("tcp"):
        return socket.create_server((host, 0), family=family, backlog=BACKLOG)
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.bind((host, 0))
    return sock


class _JournalKeeper(Keeper):
    """Of a service that logs to a journal."""

    program = Journaled

    def __init__(self, *arguments, **how):
        super().__init__(*arguments, journal=Journal(), **how)


class Service:
    """One of a kind."""

    def __init__(self, kind):
        arguments, schemes = KINDS[kind]
        self.kind = kind
        self.addresses = {}
        self.nudges = False  # whether it was told that nothing is there
        self.stuck = False  # for ever, by that
        arguments, sockets = list(arguments), []
        for scheme in schemes.split():
            if scheme.startswith("own-"):
                self.addresses[scheme] = (_own_host(), OWN_PORT)
                arguments += ["-l", f"{scheme.removeprefix('own-')}:"
                              f"{_own_host()}:{OWN_PORT}"]
                continue
            sockets.append(_open(scheme))
            name = sockets[-1].getsockname()
            self.addresses[scheme] = (name.decode() if isinstance(name, bytes)
                                      else name[:2])
        self._ports = {it[1] for it in self.addresses.values()
                       if isinstance(it, tuple)}
        keeper = _JournalKeeper if kind == "journal" else Keeper
        self.keeper = keeper(
            *arguments, sockets=sockets,
            environment={"WATCHDOG_USEC": str(WATCHDOG_USEC)})
        self.keeper.start()
        self.keeper.await_ready()

    def close(self):
        """Whatever has become of it."""
        self.keeper.restart = False
        if self.keeper.echod:
            self.keeper.echod.kill()
        self.keeper.lose_store()
        for sock in self.keeper.sockets:
            sock.close()

    def client(self, scheme, **how):
        client = CLIENTS.get(scheme, Stream)(self.addresses[scheme], **how)
        if isinstance(client, Datagrams) and client.port() in self._ports:
            # It would not be answered; others are taken while it has this one.
            with contextlib.closing(client):
                return self.client(scheme, **how)
        return client

    # What it is

    @property
    def pid(self):
        return self.keeper.echod.pid

    def turn(self):
        self.keeper.turn()

    def threads(self, role):
        threads = self.keeper.echod.threads()
        return {"main": threads[:1], "log": threads[1:FIRST_WORKER],
                "worker": threads[FIRST_WORKER:]}[role]

    def descriptors(self):
        return self.keeper.echod.descriptors()

    def cpu_seconds(self):
        """To the nanosecond: the first field is how long a thread has run."""
        total = 0
        for thread in self.keeper.echod.threads():
            total += int(self.keeper.echod.proc(
                f"task/{thread}/schedstat").split()[0])
        return total / 1e9

    def stops(self):
        """How often its threads have waited, or been stopped by strace, which
        they are twice in every call."""
        return sum(int(re.search(
            r"^voluntary_ctxt_switches:\s*(\d+)", self.keeper.echod.proc(
                f"task/{thread}/status"), re.M)[1])
                   for thread in self.keeper.echod.threads())

    def counters(self):
        """As it tells them; a Finding if it does not."""
        echod = self.keeper.echod
        after = len(echod.log)
        echod.signal(signal.SIGUSR1)
        if self.nudges:  # another gets an edge if that one waits already
            echod.signal(signal.SIGHUP)
        deadline = time.monotonic() + LIMIT
        while not (match := re.compile(
                daemon.COUNTERS.pattern + r".*\n", re.M).search(
                    echod.log, after)):
            if time.monotonic() > deadline:
                raise Finding("it does not answer SIGUSR1")
            self.keeper.turn(0.02)
            if self.keeper.echod is not echod:
                raise Finding("it ended when asked for its counters")
        echod.log = echod.log[match.end():]
        return {name: int(value) for name, value in
                re.findall(r"\b([a-z_]+) (\d+)", match[0])}

    # Whether it serves

    def answers(self, patience):
        """Whether it serves newcomers on all its sockets; how many seconds
        that took, and how many datagrams."""
        begin = time.monotonic()
        clients = [self.client(scheme) for scheme in self.addresses]
        try:
            for it in clients:
                self._send(it)
            if not settle(clients, patience, self.turn):
                silent = [scheme for scheme, it in zip(self.addresses, clients)
                          if not it.is_answered()]
                raise Finding(f"{', '.join(silent)} does not answer")
            ended = [scheme for scheme, it in zip(self.addresses, clients)
                     if getattr(it, "end", None)]
            if ended:
                raise Finding(f"{', '.join(ended)} is ended at once")
            return (time.monotonic() - begin,
                    sum(it.sent for it in clients
                        if isinstance(it, Datagrams)))
        finally:
            for it in clients:
                it.close()

    def _send(self, client):
        """Once there is room in the queue of a Unix socket; a full one of which
        it was told that it is empty stays so."""
        deadline = time.monotonic() + (1 if self.nudges else LIMIT)
        while not client.send(100) and not getattr(client, "end", None):
            if time.monotonic() > deadline:
                if not self.nudges:
                    raise Finding("it takes nothing")
                self.stuck = True
                return
            self.keeper.turn(0.01)

    def last_words(self):
        """What it said last, and those before it."""
        logs = [end.log for end in self.keeper.ends[-2:]]
        if self.keeper.echod:
            logs.append(self.keeper.echod.log)
        return "".join("\n  " + line for log in logs
                       for line in log.splitlines()[-4:])

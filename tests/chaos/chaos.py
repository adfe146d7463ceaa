#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""Chaos: thousands of clients that do as they like, and compare each byte,
while the network, the system, the log and the operator do their worst.

$ECHOD_CHAOS_SECONDS: how long, in all (`make check-chaos`: ten minutes);
$ECHOD_CHAOS_SEED: what happens, as far as that is not up to the scheduler.
"""

import collections
import contextlib
import itertools
import os
import random
import signal
import socket
import sys
import time

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)),
                             "../functional"))

import bursts  # noqa: E402
import client  # noqa: E402
from clients import Clients, HOSTS, PORT  # noqa: E402
from daemon import sanitized  # noqa: E402
from echodtest import case, main, note, scratch_directory  # noqa: E402
from journal import Journal, Journaled  # noqa: E402
from keeper import BACKLOG, Keeper, descriptors  # noqa: E402
from netspace import Neighbour, isolate  # noqa: E402
from pinger import Echoping  # noqa: E402
from troubles import Fate  # noqa: E402
from verdict import Verdict  # noqa: E402

SECONDS = float(os.environ.get("ECHOD_CHAOS_SECONDS", "20"))
SEED = (int(os.environ.get("ECHOD_CHAOS_SEED", "0")) or
        random.randrange(1, 1 << 30))
WARM = 0.35  # of the time: memory and descriptors are compared from then on
WATCHDOG = 60.0  # seconds: the units say 10, where less goes on
GROWTH_MAX = 1 << 20
MINUTE, LINES_MAX = 60, 10
SETTLED = 2.0  # seconds after which memory that is not used may be given back
CREST, STALLED, SIGNALS = 3500, 64, 500  # a backlog has room for all
CRESTS_MAX = 6
SOURCES, FLOODS, PILED = 8, 40, 200
# What becomes of a connection whose client's last packet, a reset, got lost:
# few are, as only a device drops them, when it is busy.
FORGOTTEN, FORGOTTEN_MAX = ("--idle-timeout=20s",), 0.002
CASES = 2  # share the time
MARGIN = 240  # seconds for beginnings and ends
TURN = 0.005  # seconds


class Manager(Keeper):
    """Notes when the service told its watchdog that all is well."""

    def __init__(self, *arguments, **how):
        super().__init__(*arguments, restart=False,
                         journal=Journal(), environment={
            "WATCHDOG_USEC": str(round(WATCHDOG * 1e6))}, **how)
        self.beats = [time.monotonic()]

    program = Journaled

    def _take(self, text, descriptors):
        if "WATCHDOG=1" in text:
            self.beats.append(time.monotonic())
        super()._take(text, descriptors)

    def longest_silence(self):
        return max(after - before for before, after in
                   zip(self.beats, [*self.beats[1:], time.monotonic()]))


def kernel():
    """What the kernel of this namespace counts of TCP."""
    with open("/proc/self/net/netstat", encoding="utf-8") as file:
        names, values = [line.split()[1:] for line in file
                         if line.startswith("TcpExt:")]
    return collections.Counter(dict(zip(names, map(int, values))))


Use = collections.namedtuple("Use", "descriptors resident anonymous")


class Scene:
    """A service under all this, and how it was before."""

    def __init__(self, manager, directory, neighbour, chance):
        self.manager = manager
        self._directory = directory
        self._neighbour = neighbour
        self._chance = chance

    @property
    def echod(self):
        return self.manager.echod

    def round(self, seconds):
        """Chaos for so long, or until each trouble has come and gone; returns
        the clients, and what befell them."""
        fate = Fate(self.manager, self._neighbour, self._chance)
        with Clients(self._neighbour, self._directory,
                     self._chance.randrange(1 << 30)) as clients:
            self.manager.until(clients.opened, "all are connected")
            end = time.monotonic() + seconds
            while (now := time.monotonic()) < end or not fate.is_complete():
                assert self.echod, "echod ended"
                fate.turn(now)
                self.manager.turn(TURN)
            fate.end()
            clients.finish(self.manager)
        self.counters = self.manager.until(self._all_closed, "all are closed")
        return clients, fate

    def crest(self):
        """More connections than there will be at any time later on, readers
        that leave something to be held by each worker, full queues of datagrams
        and more log entries than there is room for: what memory it takes for
        that it has from now on.  Again, until that is so."""
        self._fill_log()
        before = 0
        for _, host in zip(range(CRESTS_MAX), itertools.cycle(HOSTS)):
            self._hold(host)
            self._flood()
            after = self.use().resident
            if after - before < GROWTH_MAX // 8:
                break
            before = after

    def _hold(self, host):
        with self._neighbour:
            socks = [client.connect((host, PORT)) for _ in range(STALLED)]
            client.fill_all(socks)
            target = f"[{host}]" if ":" in host else host
            with Echoping("--load", "--json", "-q", "--hold", "--warmup=0",
                          f"--connections={CREST}", "--duration=100ms",
                          "--timeout=1min", f"tcp:{target}:{PORT}") as it:
                self.manager.until(it.turn, "echoping ends")
        stood = it.wait().summary()["connections"]
        assert stood > CREST // 2, f"only {stood} connections at a time"
        for sock in socks:
            sock.close()
        self.manager.until(self._all_closed, "all are closed")

    def _flood(self):
        """Queues that are full of trains, of any length."""
        with self._neighbour:
            socks = [client.datagrams((host, PORT))
                     for host in HOSTS * SOURCES]
        for sock in socks:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_UDP, bursts.UDP_SEGMENT,
                            bursts.DATAGRAM_MAX)
        for _ in range(FLOODS):
            self.echod.pause()
            for sock in self._chance.choices(socks, k=PILED):
                with contextlib.suppress(BlockingIOError):
                    sock.send(bytes(self._chance.randrange(bursts.TRAIN_MAX)))
            self.echod.resume()
            self.manager.turn_for(0.02)

    def _fill_log(self):
        while not self.echod.counters()["log_entries_lost"]:
            self.echod.journal.stopped = True
            for _ in range(SIGNALS):
                self.echod.signal(signal.SIGUSR1)
                self.manager.turn(0.001)
            self.echod.journal.stopped = False

    def _all_closed(self):
        counters = self.echod.counters()
        return counters["connections"] == 0 and counters

    def use(self):
        """What it has when nobody is there."""
        self.manager.turn_for(SETTLED)
        return Use(descriptors(self.manager), self.echod.resident(),
                   self.echod.resident("Anonymous"))

    @staticmethod
    def judge_use(verdict, start, before, after):
        verdict.equal(after.descriptors, start, "descriptors")
        more = Use(*(b - a for a, b in zip(before, after)))
        note(f"anonymous memory {more.anonymous:+,} bytes")
        if not sanitized():
            verdict.that(more.resident <= GROWTH_MAX,
                         f"memory {more.resident:+,} bytes, from "
                         f"{before.resident:,}")

    def judge_counters(self, verdict, before, clients, fate):
        more = {name: value - before[name]
                for name, value in self.counters.items()}
        note(", ".join(f"{name} {value:,}" for name, value in more.items()
                       if value))
        refused = sum(value for name, value in more.items()
                      if name.startswith("datagrams_refused"))
        verdict.equal(more["connections_closed"],
                      more["connections_accepted"], "closed of accepted")
        verdict.equal(more["datagrams_sent"] + more["datagrams_unsent"] +
                      refused, more["datagrams_received"],
                      "datagrams sent, unsent or refused of received")
        verdict.that(clients.sum("answered") <= more["datagrams_sent"] and
                     more["datagrams_received"] <= clients.sum("asked") +
                     sum(it["sent"] for it in clients.loads),
                     "no more datagrams than were sent")
        verdict.equal(more["connections_reset"], 0,
                      "connections that the service reset")
        verdict.that(more["connections_idled"] <=
                     FORGOTTEN_MAX * more["connections_accepted"],
                     f"{more['connections_idled']} whose end got lost")
        verdict.that(more["accept_starved"] > 0, "descriptors were exhausted")
        verdict.that(fate.dropped != 0, f"{fate.dropped} packets dropped")
        note(f"troubles: {fate}")

    def judge_life(self, verdict):
        """Its watchdog and its log."""
        silence = self.manager.longest_silence()
        verdict.that(silence < WATCHDOG, f"the watchdog of {WATCHDOG:.0f} s "
                     f"was told, at most {silence:.2f} s apart")
        journal = self.echod.journal
        most = journal.most_in(MINUTE)
        verdict.that(most <= LINES_MAX, f"at most {most} lines in a minute "
                     "that nobody asked for, "
                     f"{len(journal.entries):,} in all")


def _chaos(manager, directory, neighbour):
    note(f"ECHOD_CHAOS_SEED={SEED}")
    with manager, Verdict() as verdict:
        scene = Scene(manager, directory, neighbour, random.Random(SEED))
        manager.echod.await_line(r"^echod: ready\b")
        start = descriptors(manager)
        if not sanitized():
            scene.crest()
        scene.round(WARM * SECONDS / CASES)
        before, use = scene.counters, scene.use()
        manager.echod.journal.entries.clear()
        seen = kernel()
        clients, fate = scene.round((1 - WARM) * SECONDS / CASES)
        seen = kernel() - seen
        note(f"kernel: {dict(seen)}")
        clients.judge(verdict, seen["ListenOverflows"])
        scene.judge_counters(verdict, before, clients, fate)
        scene.judge_use(verdict, start, use, scene.use())
        scene.judge_life(verdict)


def _set():
    """A network, and where Unix sockets may be."""
    isolate()
    return Neighbour(), scratch_directory()


def _unix(directory):
    return ("-l", f"unix:{directory}/stream",
            "-l", f"unix-dgram:{directory}/datagram")


def _passed():
    """The sockets that a .socket unit would have."""
    return [socket.create_server(("0.0.0.0", PORT), backlog=BACKLOG),
            socket.create_server(("::", PORT), family=socket.AF_INET6,
                                 backlog=BACKLOG),
            _datagrams(socket.AF_INET, "0.0.0.0"),
            _datagrams(socket.AF_INET6, "::")]


def _datagrams(family, host):
    sock = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind((host, PORT))
    return sock


@case(f"chaos for {SECONDS / CASES:.0f} s: sockets of its own, two workers",
      keep_root=True, limit=round(SECONDS) + MARGIN)
def standalone():
    neighbour, directory = _set()
    _chaos(Manager("-w", "2", "-l", str(PORT), *_unix(directory),
                   *FORGOTTEN, "--preserve=no"), directory, neighbour)


@case(f"chaos for {SECONDS / CASES:.0f} s: sockets passed in, connections "
      "preserved", keep_root=True, limit=round(SECONDS) + MARGIN)
def activated():
    neighbour, directory = _set()
    _chaos(Manager(*_unix(directory), *FORGOTTEN, sockets=_passed()),
           directory, neighbour)


if __name__ == "__main__":
    main()

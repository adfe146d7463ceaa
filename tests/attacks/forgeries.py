# SPDX-License-Identifier: MIT
"""What few forged datagrams can do: sources that nobody may answer, addresses
of groups, and loops.  The generators here are repeated as long as an honest
client is being asked how it is served."""

import socket
import time

import client
import netspace
import prefixes
from stage import (ATTACKER, ATTACKER6, LOOPBACK, PORT, SERVICE, SERVICE6,
                   TARGET, TARGET6, Watch, datagrams, traffic)

VICTIM = 4999  # port of a service of the same host, and of forged sources
OWN = ("10.7.0.1", "10.7.0.11", "10.8.0.1", "fd07::1", "fd07::11", "fd08::1")
GROUPS = ((ATTACKER, "10.7.0.255"), (ATTACKER, "255.255.255.255"),
          (ATTACKER, "224.0.0.1"), (ATTACKER6, "ff02::1%there"))
NAMELESS = "0.0.0.0"
MARK = 1.0  # seconds: what is not answered by then is not
STILL = 0.3  # seconds without a packet: a loop is dead


class Host:
    """The service's host as a victim: a service of its own hears on all of its
    addresses, and nothing at all goes over its loopback."""

    def __init__(self, stage):
        self._stage = stage
        self._service = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self._service.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self._service.bind(("::", VICTIM))
        self._service.setblocking(False)
        with stage.attacker:
            self._watch = Watch()
        self._loopback = traffic(LOOPBACK).sent
        self.answered = {}
        self.forged = {}
        self.reached = 0

    def forge(self, origin, target, port=VICTIM):
        self.forged[origin] = self.forged.get(origin, 0) + 1
        with self._stage.attacker:
            netspace.forge((origin, port), (target, PORT),
                           device="there" if origin == NAMELESS else None)
        self._take()

    def _take(self):
        for target, count in self._watch.take().items():
            self.answered[target] = self.answered.get(target, 0) + count
        while client.readable(self._service):
            self._service.recv(65536)
            self.reached += 1

    def pass_through(self):
        """What was sent before has been answered, or never is."""
        for host in (SERVICE, SERVICE6):
            with self._stage.honest:
                sock = client.datagrams((host, PORT))
            sock.settimeout(MARK)
            try:
                sock.send(b"mark")
                sock.recv(100)
            except OSError:  # it does not serve this family
                pass
            sock.close()
        self._take()

    def loopback(self):
        """Packets on it."""
        return traffic(LOOPBACK).sent - self._loopback

    def answers(self, may):
        """To sources of which this is true: how many sources, and datagrams."""
        found = [origin for origin in self.answered if may(origin)]
        return {"sources": len(found),
                "datagrams": sum(self.answered[it] for it in found),
                "who": sorted(found)}


def forbidden():
    """Sources that nobody may answer."""
    return {source for source, may, _ in prefixes.samples() if not may} | set(
        OWN)


def from_all_prefixes(host, six):
    """A datagram from each special source, again and again."""
    sources = [it for it in [source for source, *_ in prefixes.samples()] +
               list(OWN) if (":" in it) == six]
    while True:
        for origin in sources:
            host.forge(origin, TARGET6 if six else TARGET)
            yield


def to_groups(host, six):
    while True:
        for origin, target in GROUPS:
            if (":" in target) == six:
                host.forge(origin, target)
                yield


def loop(stage, port, partner, seconds):
    """One datagram is forged, as from another service: that is all.  Does it
    end in time, and how many answers have there been of both?"""
    begin = last = time.monotonic()
    with stage.attacker:
        before = sum(datagrams())
        netspace.forge((ATTACKER, partner), (TARGET, port))
        count = 0
        while (now := time.monotonic()) < begin + seconds and (
                now < last + STILL):
            current = sum(datagrams()) - before
            if current > count:
                count, last = current, now
            time.sleep(0.01)
    return {"answers": count, "alive": now < last + STILL}

#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""18: one forged datagram makes two services answer each other; with
--loop-ttl they end, by construction, within 255 datagrams."""

import contextlib
import socket

import netspace
from daemon import Echod, LIMIT
from echodtest import case, main, note, until

HERE, THERE = 4007, 5007
ADDRESSES = {4: ("10.7.0.1", "10.7.0.2"), 6: ("fd07::1", "fd07::2")}
BOUND = 255
ENOUGH = 4 * BOUND  # within what a source may have at once


@contextlib.contextmanager
def both(*options, there=None):
    """A service on each end of a cable, on ports that no rule knows."""
    netspace.isolate()
    neighbour = netspace.Neighbour()
    with Echod("-l", f"udp:*:{HERE}", *options) as here:
        with neighbour:
            other = Echod("-l", f"udp:*:{THERE}",
                          *(options if there is None else there))
        with other:
            yield neighbour, here, other


def begin(neighbour, family, ttl=255):
    """As a third host would: from the one service to the other."""
    here, there = ADDRESSES[family]
    with neighbour:
        netspace.forge((there, THERE), (here, HERE), ttl=ttl)


def sent(*services):
    return sum(it.counters()["datagrams_sent"] for it in services)


def refused(name, *services):
    return sum(it.counters()[f"datagrams_refused_{name}"] for it in services)


def _dies(family):
    with both("--loop-ttl") as (neighbour, here, there):
        for number, ttl in enumerate((255, 64, 1), 1):
            before = sent(here, there)
            begin(neighbour, family, ttl)
            until(lambda: refused("ttl", here, there) == number, "its end")
            count = sent(here, there) - before
            note(f"it began with {ttl} and died after {count} answers")
            assert count == ttl - 1 < BOUND


@case("--loop-ttl, IPv4: a loop of two services dies within 255 datagrams",
      keep_root=True)
def dies4():
    _dies(4)


@case("--loop-ttl, IPv6: a loop of two services dies within 255 datagrams",
      keep_root=True)
def dies6():
    _dies(6)


@case("without it such a loop does not die of itself", keep_root=True)
def lives():
    with both("--loop-ttl", "--udp-rate=0",
              there=("--udp-rate=0",)) as (neighbour, here, there):
        begin(neighbour, 4)
        until(lambda: sent(here, there) > ENOUGH, "a loop")
        note(f"{sent(here, there)} answers and no end")
        assert refused("ttl", here, there) == 0


@case("but it dies at the limit of a source: --udp-rate", keep_root=True)
def dies_by_rate():
    with both("--udp-rate=100/1000") as (neighbour, here, there):
        for family in ADDRESSES:
            before = refused("rate", here, there)
            begin(neighbour, family)
            until(lambda: refused("rate", here, there) > before, "its end")
            note(f"{sent(here, there)} answers until then")


@case("nor with a foreign service, whose answers have a TTL of their own",
      keep_root=True)
def reflector():
    netspace.isolate()
    neighbour = netspace.Neighbour()
    with Echod("-l", f"udp:*:{HERE}", "--loop-ttl") as here:
        for family, (_, there) in ADDRESSES.items():
            with neighbour:
                sock = socket.socket(
                    socket.AF_INET if family == 4 else socket.AF_INET6,
                    socket.SOCK_DGRAM)
                sock.bind((there, THERE))
            sock.settimeout(LIMIT)
            begin(neighbour, family)
            for _ in range(ENOUGH):
                sock.sendto(*sock.recvfrom(2048))
            sock.close()
        note(f"{sent(here)} answers, until the other ended it")
        assert refused("ttl", here) == 0


if __name__ == "__main__":
    main()

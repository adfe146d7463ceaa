#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""A peer that misbehaves harms itself, and no other."""

import os
import random
import resource
import statistics
import time

import client
from daemon import Echod, readable, sanitized
from echodtest import case, main, note, until

TCP = ("-l", "tcp:127.0.0.1:0")
TRIES = 5  # to end one while it holds something
# A stalled peer is reset at the end of a case: soon, please.
QUICK = ("--drain-timeout=100ms",)


@case("7: a client that never reads: others unaffected, memory bounded")
def never_reads():
    with Echod(*TCP, *QUICK) as echod:
        other = client.connect(echod.address("tcp"))
        client.assert_echo(other, bytes(1 << 20))
        before = echod.resident()
        stalled = client.connect(echod.address("tcp"))
        sent = len(client.fill(stalled))
        for _ in range(100):
            client.assert_echo(other, bytes(10000))
        growth = echod.resident() - before
        note(f"{sent} bytes sent and not read, {growth} bytes more resident")
        if not sanitized():
            assert growth < 4 << 20


def _flood(address):
    """Echo at full speed until killed, in a process of its own."""
    pid = os.fork()
    if pid == 0:
        try:
            sock = client.connect(address)
            while True:
                client.exchange(sock, bytes(1 << 24))
        finally:
            os._exit(1)
    return pid


def _ping_times(*socks, count=1000):
    """What each ping took, by socket."""
    times = [[] for _ in socks]
    for _ in range(count):
        for sock, its in zip(socks, times):
            begin = time.monotonic()
            client.assert_echo(sock)
            its.append(time.monotonic() - begin)
    return times


@case("8: 1,000 pings beside a sender at full speed keep their latency")
def fairness():
    with Echod(*TCP, *QUICK) as echod, Echod(*TCP) as other:
        busy = echod.cpu_seconds()
        _flood(echod.address("tcp"))
        until(lambda: echod.cpu_seconds() > busy + 0.1, "load")
        # By turns, so that the machine is as busy for one as for the other.
        loaded, unloaded = map(statistics.median, _ping_times(
            client.connect(echod.address("tcp")),
            client.connect(other.address("tcp"))))
        note(f"median {unloaded * 1e6:.0f} us unloaded, "
             f"{loaded * 1e6:.0f} us loaded: ratio {loaded / unloaded:.1f}")
        # One turn of the sender between ours, and its share of the machine.
        assert loaded < 50 * unloaded


@case("10: no descriptor left: no exit, no spinning, served once there is one")
def descriptors_exhausted():
    with Echod(*TCP) as echod:
        _exhaust(echod)
        served, waiting = _serve_some(echod, "accept_starved")
        _expect_patience(echod, waiting[0])
        _serve_by_turns(served, waiting)


@case("10: no descriptor left, and then there are more: nobody tells")
def descriptors_raised():
    with Echod(*TCP) as echod:
        before = _exhaust(echod)
        served, waiting = _serve_some(echod, "accept_starved")
        resource.prlimit(echod.pid, resource.RLIMIT_NOFILE, before)
        for sock in served + waiting:
            assert sock.recv(1) == b"x"


@case("10: more clients than the limit on descriptors allows")
def descriptors_limited():
    with Echod(*TCP, descriptors_max=64) as echod:
        served, waiting = _serve_some(echod, "accept_limited")
        _expect_patience(echod, waiting[0])
        _serve_by_turns(served, waiting)


def _exhaust(echod):
    """As if others had taken all descriptors but a few; returns the limit."""
    limit, hard = resource.prlimit(echod.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(echod.pid, resource.RLIMIT_NOFILE,
                     (echod.descriptors() + 20, hard))
    return limit, hard


def _serve_some(echod, counter):
    """Clients that were accepted and those that could not be."""
    socks = [client.connect(echod.address("tcp")) for _ in range(80)]
    for sock in socks:
        sock.send(b"x")
    until(lambda: echod.counters()[counter] > 0, "exhaustion")
    count = echod.counters()["connections_accepted"]
    served = until(lambda: len(found := readable(*socks)) == count and
                   found, "an echo for each that was accepted")
    waiting = [sock for sock in socks if sock not in served]
    note(f"{len(served)} served, {len(waiting)} waiting")
    assert served and waiting
    return served, waiting


def _expect_patience(echod, sock):
    begin, busy = time.monotonic(), echod.cpu_seconds()
    assert not readable(sock, timeout=0.5), "more room than expected"
    busy = echod.cpu_seconds() - busy
    assert busy < (time.monotonic() - begin) / 2, "spins while it waits"


def _serve_by_turns(served, waiting):
    for old, new in zip(served, waiting):
        assert old.recv(1) == b"x"
        old.close()
        assert new.recv(1) == b"x"


@case("13: a RST in the middle: the descriptor is closed, the service goes on")
def reset_in_the_middle():
    dice = random.Random(13)
    with Echod(*TCP) as echod:
        before = echod.descriptors()
        for _ in range(200):
            sock = client.connect(echod.address("tcp"))
            data = bytes(dice.randrange(1, 300000))
            sock.send(data)
            sock.recv(dice.randrange(1, len(data) + 1))
            client.reset(sock)
        until(lambda: echod.descriptors() == before, "closed descriptors")
        client.assert_echo(client.connect(echod.address("tcp")))


@case("13: a RST while its bytes are held back")
def reset_while_held():
    with Echod(*TCP) as echod:
        before = echod.descriptors()
        for _ in range(3):
            sock = client.connect(echod.address("tcp"))
            client.fill(sock)
            client.reset(sock)
        until(lambda: echod.descriptors() == before, "closed descriptors")
        client.assert_echo(client.connect(echod.address("tcp")))


@case("22: ended by the service with bytes outstanding: RST, never FIN")
def ended_with_bytes_outstanding():
    with Echod(*TCP, "--idle-timeout=300ms") as echod:
        sock = client.stalled(echod)
        until(lambda: echod.counters()["connections_closed"] == 1, "the end")
        assert client.ending(sock) == "RST"
        client.assert_echo(client.connect(echod.address("tcp")))


@case("22: ended with bytes held and none unread: a RST, never a FIN")
def ended_while_holding():
    for _ in range(TRIES):
        with Echod(*TCP, "--drain-timeout=100ms") as echod:
            sock = client.connect(echod.address("tcp"), receive_buffer=4096)
            size = client.overfill(sock, echod)
            assert echod.stop() == 0
            try:
                # The kernel has found room after all: a FIN only if it is true.
                assert len(client.receive_all(sock)) == size
            except ConnectionResetError:
                return
    raise AssertionError("it held nothing at any end")


if __name__ == "__main__":
    main()

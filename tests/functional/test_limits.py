#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""Limits: reached by one peer, they make that peer wait, and no other."""

import time

import client
from daemon import Echod, readable, sanitized
from echodtest import case, main, note, until

TCP = ("-l", "tcp:127.0.0.1:0")
QUICK = ("--drain-timeout=100ms",)
MEGABYTE = 1 << 20


@case("--max-connections: the next one waits, and is served when one ends")
def max_connections():
    with Echod(*TCP, "--max-connections=3") as echod:
        socks = [client.connect(echod.address("tcp")) for _ in range(3)]
        for sock in socks:
            client.assert_echo(sock)
        waiting = [client.connect(echod.address("tcp")) for _ in range(2)]
        for sock in waiting:
            sock.send(b"x")
        until(lambda: echod.counters()["accept_limited"] > 0, "the limit")
        client.assert_echo(socks[0])
        assert echod.counters()["connections_accepted"] == 3
        for old, new in zip(socks, waiting):
            assert not readable(new), "served above the limit"
            old.close()
            assert new.recv(1) == b"x"


@case("--max-connections holds for all workers together")
def max_connections_workers():
    with Echod(*TCP, "--max-connections=4", "--workers=2") as echod:
        socks = [client.connect(echod.address("tcp")) for _ in range(30)]
        for sock in socks:
            sock.send(b"x")
        served = 0
        while socks:
            ready = until(lambda: readable(*socks), "a service")
            assert len(ready) <= 4, "served above the limit"
            for sock in ready:
                assert sock.recv(1) == b"x"
                sock.close()
                socks.remove(sock)
                served += 1
        assert served == 30


@case("--max-connections: whoever is idle longest, for a second, makes room")
def evicted():
    with Echod(*TCP, "--max-connections=3") as echod:
        socks = [client.connect(echod.address("tcp")) for _ in range(3)]
        for sock in reversed(socks):
            client.assert_echo(sock)
        until(lambda: _busy_until_evicted(echod, socks[:2]), "an eviction")
        assert client.ending(socks[2]) == "FIN"
        for sock in socks[:2]:
            client.assert_echo(sock)
        echod.await_counters(connections_evicted=1, connections_reset=0)


def _busy_until_evicted(echod, busy):
    """A newcomer comes and goes; the busy ones are busy."""
    for sock in busy:
        client.assert_echo(sock)
    with client.connect(echod.address("tcp")) as newcomer:
        newcomer.send(b"x")
        return readable(newcomer, timeout=0.05)


@case("22: --max-connections: who makes room with bytes held is reset")
def evicted_while_holding():
    with Echod(*TCP, "--max-connections=1") as echod:
        sock = client.stalled(echod)
        client.assert_echo(client.connect(echod.address("tcp")))
        assert client.ending(sock) == "RST"
        echod.await_counters(connections_evicted=1, connections_reset=1)


@case("--max-connections: a flood evicts one for each that it brings")
def flood():
    with Echod(*TCP, "--max-connections=10", "--workers=2") as echod:
        hoard = [client.connect(echod.address("tcp")) for _ in range(10)]
        for sock in hoard:
            client.assert_echo(sock)
        flood = [client.connect(echod.address("tcp")) for _ in range(30)]
        for sock in flood:
            sock.send(b"x")
        for sock in flood:
            assert sock.recv(1) == b"x", "a newcomer was not served"
        counters = echod.counters()
        assert counters["connections_evicted"] == 30, counters
        assert all(client.ending(sock) == "FIN" for sock in hoard)


@case("7: --buffer-limit: 20 never-readers, others unaffected, memory bounded")
def buffer_limit():
    with Echod(*TCP, *QUICK, "--buffer-limit=1M") as echod:
        other = client.connect(echod.address("tcp"))
        client.assert_echo(other, bytes(4 * MEGABYTE))
        before = echod.resident()
        stalled = [client.connect(echod.address("tcp")) for _ in range(20)]
        sent = client.fill_all(stalled)
        for _ in range(50):
            client.assert_echo(other, bytes(10000))
        client.assert_echo(client.connect(echod.address("tcp")), b"new")
        growth = echod.resident() - before
        note(f"{sum(map(len, sent))} bytes not read, {growth} more resident; "
             f"{echod.counters()['buffer_limited']} waits at the limit")
        if not sanitized():
            assert growth < 2 * MEGABYTE
        for sock, data in zip(stalled, sent):
            client.same(client.receive(sock, len(data)), data)
            client.assert_echo(sock)


@case("--buffer-limit of almost nothing: slow, but whole")
def tiny_buffer_limit():
    with Echod(*TCP, "--buffer-limit=64K") as echod:
        socks = [client.connect(echod.address("tcp"), receive_buffer=4096)
                 for _ in range(5)]
        sent = client.fill_all(socks)
        for sock, data in zip(socks, sent):
            client.same(client.receive(sock, len(data)), data)
            client.assert_echo(sock, client.pattern(MEGABYTE))


@case("--idle-timeout: an idle connection gets a FIN")
def idle():
    with Echod(*TCP, "--idle-timeout=200ms") as echod:
        used = client.connect(echod.address("tcp"))
        client.assert_echo(used, bytes(MEGABYTE))
        unused = client.connect(echod.address("tcp"))
        assert client.ending(used) == "FIN"
        assert client.ending(unused) == "FIN"
        assert echod.counters()["connections_idled"] == 2


@case("--idle-timeout: an active connection lives on")
def not_idle():
    with Echod(*TCP, "--idle-timeout=1s") as echod:
        while not _stays_active(echod.address("tcp"), 1.0):
            note("this machine was too busy to be active: once more")
            client.assert_echo(client.connect(echod.address("tcp")))


def _stays_active(address, timeout):
    """Be active for three timeouts.  False when that did not succeed, because
    we were not run in time; the connection may have been ended then."""
    sock = client.connect(address)
    begin = last = time.monotonic()
    try:
        while (now := time.monotonic()) < begin + 3 * timeout:
            if now - last > timeout / 2:
                return False
            last = now
            client.assert_echo(sock)
            readable(sock, timeout=timeout / 10)
    except (ConnectionError, AssertionError):
        if time.monotonic() - last < timeout / 2:
            raise
        return False
    return True


@case("--idle-timeout: what came in time counts, though it is seen too late")
def not_idle_but_late():
    with Echod(*TCP, "--idle-timeout=300ms") as echod:
        sock = client.connect(echod.address("tcp"))
        client.assert_echo(sock)
        echod.pause()
        sock.send(b"in time")
        assert not readable(sock, timeout=0.5)  # nor run in time
        echod.resume()
        client.same(client.receive(sock, 7), b"in time")


@case("22: --idle-timeout while bytes are held: a RST")
def idle_while_holding():
    with Echod(*TCP, "--idle-timeout=300ms") as echod:
        sock = client.stalled(echod)
        until(lambda: echod.counters()["connections_closed"] == 1, "the end")
        assert client.ending(sock) == "RST"
        assert echod.counters()["connections_reset"] == 1


@case("--min-progress: who takes nothing of what is held is reset")
def no_progress():
    with Echod(*TCP, "--min-progress=1K/300ms") as echod:
        other = client.connect(echod.address("tcp"))
        sock = client.stalled(echod)
        until(lambda: echod.counters()["connections_closed"] == 1, "the end")
        assert client.ending(sock) == "RST"
        echod.await_counters(connections_stalled=1, connections_reset=1)
        client.assert_echo(other)


@case("--min-progress: who takes a little now and then stays")
def slow_progress():
    with Echod(*TCP, "--min-progress=1K/3s") as echod:
        echod.pause()
        sock = client.connect(echod.address("tcp"), receive_buffer=4096)
        client.fill_stopped(sock)
        echod.resume()
        # Never so much that echod could send on, and its time begin anew.
        begin = time.monotonic()
        while time.monotonic() < begin + 7:
            assert sock.recv(256)
            time.sleep(0.05)
        assert echod.counters()["connections_stalled"] == 0
        until(lambda: echod.counters()["connections_stalled"] == 1, "the end")
        assert client.ending(sock) == "RST"


@case("--min-progress=0: nobody is reset for being slow")
def no_minimum():
    with Echod(*TCP, *QUICK, "--min-progress=0/1ms") as echod:
        sock = client.stalled(echod)
        until(lambda: client.unread(sock) > 0, "an echo")
        assert echod.counters()["connections_closed"] == 0


@case("--exit-idle-time: exit status 0 when idle, never while a peer is there")
def exit_idle():
    options = (*TCP, "-l", "udp:127.0.0.1:0", "--exit-idle-time=5s")
    with Echod(*options) as lonely, Echod(*options) as visited:
        sock = client.connect(visited.address("tcp"))
        begin = time.monotonic()
        client.assert_echo(client.datagrams(lonely.address("udp")))
        assert lonely.wait() == 0
        assert time.monotonic() - begin >= 5, "it was not idle for so long"
        assert visited.running()
        client.assert_echo(sock)
        sock.close()
        begin = time.monotonic()
        assert visited.wait() == 0
        assert time.monotonic() - begin >= 4.9


if __name__ == "__main__":
    main(side_by_side=4)

#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""The manager's store refuses, is lost, or has in it what echod did not put
there."""

import array
import fcntl
import os
import signal
import socket

import client
from echodtest import case, main, note
from keeper import (go_on, KEPT, Keeper, listen_everywhere, LOT, OWN, RECORD,
                    streams)

AT_ONCE = ("--preserve-after=0",)
SEALS = (fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)


@case("a store that refuses everything: SIGUSR2 ends all, as SIGTERM does")
def refused():
    sockets = listen_everywhere()
    with Keeper(*AT_ONCE, sockets=sockets, store_max=0) as keeper:
        assert keeper.refused > 0
        for end, ending in ((keeper.hand_over, "FIN"), (keeper.kill, "RST")):
            socks = streams(sockets, 20)
            log = end().log
            assert (end == keeper.kill or "20 connections to end" in log), log
            endings = {client.ending(sock) for sock in socks}
            assert endings == {ending}, endings
            keeper.await_ready()
        go_on(streams(sockets, 2))


@case("--preserve=yes and a store that refuses: one warning, the service runs")
def refused_yes():
    sockets = listen_everywhere()
    with Keeper("--preserve=yes", sockets=sockets, store_max=0) as keeper:
        go_on(streams(sockets, 2))
        log = keeper.hand_over().log
        assert log.count("outlive") == 1, log


@case("a store that is too small: what it takes is kept, nothing goes wrong")
def too_small():
    for room in range(1, 9):
        sockets = listen_everywhere()
        with Keeper("-w", "2", *AT_ONCE, sockets=sockets,
                    store_max=room) as keeper:
            socks = streams(sockets, 20)
            for end in (keeper.hand_over, keeper.kill):
                end()
                kept = [it for it in socks if not client.ended(it)]
                go_on(kept)
                note(f"{room} entries, {keeper.stored()}: {len(kept)} of "
                     f"{len(socks)} kept")
                socks = streams(sockets, 20)
    assert len(kept) == 20, "with room for all, all are kept"


@case("a store that is lost: connections end, the service goes on")
def lost():
    sockets = listen_everywhere()
    with Keeper(*AT_ONCE, sockets=sockets) as keeper:
        for signum in (signal.SIGUSR2, signal.SIGKILL):
            socks = streams(sockets, 20)
            keeper.restart = False
            keeper.end(signum)
            keeper.lose_store()
            keeper.restart = True
            keeper.start()
            keeper.await_ready()
            assert {client.ending(sock) for sock in socks} <= {"FIN", "RST"}
            socks = streams(sockets, 2)
            keeper.kill()
            go_on(socks)


def _restart_with(keeper, change):
    """Kill it, change what is in the store, and start it again."""
    keeper.restart = False
    keeper.kill()
    change()
    keeper.restart = True
    keeper.start()
    keeper.await_ready()


def _foreign():
    """Descriptors of many kinds, none of which is a connection."""
    return [*os.pipe(), socket.create_server(("127.0.0.1", 0)).detach(),
            socket.socket(socket.AF_INET, socket.SOCK_STREAM).detach(),
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM).detach(),
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM).detach(),
            socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].detach(),
            os.open("/dev/null", os.O_RDWR), os.memfd_create("foreign"),
            os.open("/", os.O_RDONLY), os.eventfd(0)]


NAMES = (LOT + "0", LOT + "1", LOT + "7", RECORD + "0",
         OWN + "0", OWN + "5", KEPT + "probe", LOT,
         KEPT, KEPT + "later-0",
         LOT + "x", LOT + "99999999999")


@case("foreign descriptors under names of ours: connections go on")
def foreign():
    for name in NAMES:
        sockets = listen_everywhere()
        with Keeper(*AT_ONCE, sockets=sockets) as keeper:
            socks = streams(sockets, 10)
            _restart_with(keeper, lambda: keeper.put(name, *_foreign()))
            go_on(socks)
            # And again, with what is left of it.
            keeper.hand_over()
            go_on(socks + streams(sockets, 2))
            keeper.await_ready()
            left = {it: keeper.stored().count(it) for it in keeper.stored()}
            note(f"{name}: {left} in the store")


@case("foreign descriptors before ours, and a lone end of a pair")
def foreign_first():
    sockets = listen_everywhere()
    with Keeper(*AT_ONCE, sockets=sockets) as keeper:
        socks = streams(sockets, 10)
        pairs = [socket.socketpair() for _ in range(3)]

        def change():
            keeper.put(LOT + "0", *_foreign())
            keeper.put(LOT + "1", pairs[0][0])
            keeper.put(LOT + "2", pairs[1][0], pairs[2][0])
            keeper.store.reverse()

        _restart_with(keeper, change)
        go_on(socks)
        keeper.kill()
        go_on(socks)


@case("half of a lot is missing: the service goes on")
def half_a_lot():
    for end in range(2):
        sockets = listen_everywhere()
        with Keeper(*AT_ONCE, sockets=sockets) as keeper:
            streams(sockets, 10)

            def change():
                entry = [it for it in keeper.store
                         if it.name == LOT + "0"][end]
                keeper.store.remove(entry)
                os.close(entry.fd)

            _restart_with(keeper, change)
            socks = streams(sockets, 10)
            keeper.kill()
            go_on(socks)


def _send(fd, data, descriptors):
    """Put a message into a lot, at one of its ends."""
    sock = socket.socket(fileno=os.dup(fd))
    sock.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                           array.array("i", descriptors))]
                 if descriptors else [], socket.MSG_DONTWAIT)


def _litter(fd):
    """Fill a lot with garbage, at one of its ends."""
    foreign = _foreign()
    _send(fd, b"\xff", [])
    _send(fd, b"\0" * 5000, foreign)
    _send(fd, b"\1", foreign)
    _send(fd, b"\1" * 70, [])
    _send(fd, b"\1", 253 * foreign[:1])
    _send(fd, b"\1", [fd])
    _send(fd, b"\1", [])


@case("garbage in a lot, at either end or both: connections go on")
def garbage():
    for which in ([0], [1], [0, 1]):
        sockets = listen_everywhere()
        with Keeper(*AT_ONCE, sockets=sockets) as keeper:
            socks = streams(sockets, 10)
            ends = keeper.descriptors(LOT + "0")
            _restart_with(keeper, lambda: [_litter(ends[it]) for it in which])
            go_on(socks)
            for _ in range(2):
                keeper.kill()
                go_on(socks)
            adopted = keeper.echod.counters()["connections_adopted"]
            assert adopted == 30, (which, adopted)


@case("everything in a lot twice, as a crash leaves it: adopted once")
def doubled():
    sockets = listen_everywhere()
    with Keeper(*AT_ONCE, sockets=sockets) as keeper:
        socks = streams(sockets, 20)

        def change():
            ends = keeper.descriptors(LOT + "0")
            for end, other in (ends, ends[::-1]):
                for fds in _look(end):
                    _send(other, b"\1", fds)
                    _send(other, b"\1", fds[::-1])

        _restart_with(keeper, change)
        go_on(socks)
        assert keeper.echod.counters()["connections_adopted"] == 20


def _look(fd):
    """The descriptors of the first message at an end of a lot, if any."""
    sock = socket.socket(fileno=os.dup(fd))
    fds = array.array("i")
    try:
        for _, _, data in sock.recvmsg(
                1, socket.CMSG_SPACE(253 * 4),
                socket.MSG_PEEK | socket.MSG_DONTWAIT)[1]:
            fds.frombytes(data)
    except BlockingIOError:
        return []
    return [fds]


def _memfd(content, seals):
    fd = os.memfd_create("echod-record",
                         os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, content)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    return fd


def _strange_records(content):
    """Records of other versions, and what is none."""
    for at in (0, 8, 12, 16, 20, 24):
        other = bytearray(content)
        other[at] ^= 0x40
        yield f"byte {at} changed", _memfd(other, SEALS)
    yield "shorter", _memfd(content[:-64], SEALS)
    yield "longer", _memfd(content + bytes(64), SEALS)
    yield "empty", _memfd(b"", SEALS)
    yield "a few bytes", _memfd(content[:20], SEALS)
    yield "not sealed", _memfd(content, 0)
    yield "read-only", _memfd(content, SEALS | fcntl.F_SEAL_WRITE)


@case("a record of another version: connections go on, counters begin anew")
def strange_record():
    sockets = listen_everywhere()
    with Keeper(*AT_ONCE, sockets=sockets) as keeper:
        socks = streams(sockets, 10)
        content = os.pread(keeper.descriptors(RECORD)[0], 1 << 20, 0)
        for what, strange in _strange_records(content):
            def change():
                name, = keeper.stored(RECORD)
                keeper.remove(name)
                keeper.put(name, strange)

            _restart_with(keeper, change)
            counters = keeper.echod.counters()
            assert counters["connections_adopted"] == 10, (what, counters)
            go_on(socks)
            if what == "read-only":  # that is enough for being continued
                continue
            assert counters["connections_accepted"] == 0, (what, counters)
            keeper.echod.await_counters(bytes_sent=10 * 5000)
            # What it made instead is continued.
            keeper.kill()
            counters = keeper.echod.counters()
            assert counters["connections_adopted"] == 20, (what, counters)
            assert counters["bytes_sent"] == 10 * 5000, (what, counters)
            note(f"{what}: begun anew")


if __name__ == "__main__":
    main()

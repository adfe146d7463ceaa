#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""An idle connection costs at most 128 bytes of the daemon's memory."""

import resource

import client
from daemon import Echod, sanitized
from echodtest import case, main, note, Skip, until

FEW, MANY = 1000, 15000
BYTES_PER_CONNECTION = 128
ROUNDS, KEPT = 16, 256 * 1024 * 4 // 5  # of what is held of a connection


def _open(address, count, socks):
    """Open connections that have echoed and are idle now."""
    while len(socks) < count:
        # Many sources: one has too few ports if others use them, too.
        source = f"127.0.1.{1 + len(socks) % 200}"
        sock = client.connect(address, source=(source, 0))
        client.assert_echo(sock, b"x" * 100)
        socks.append(sock)


@case("resident memory from 1,000 to 15,000 idle connections")
def slope():
    if sanitized():
        raise Skip("the daemon is built with a sanitizer")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    many = min(MANY, hard - 100) if hard != resource.RLIM_INFINITY else MANY
    if many < 4 * FEW:
        raise Skip(f"only {hard} descriptors permitted")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    socks = []
    with Echod("-l", "tcp:127.0.0.1:0") as echod:
        _open(echod.address("tcp"), FEW, socks)
        before = echod.resident()
        _open(echod.address("tcp"), many, socks)
        growth = (echod.resident() - before) / (many - FEW)
        note(f"{growth:.1f} bytes a connection up to {many}, "
             f"{echod.resident() >> 10} KiB in all")
        assert growth <= BYTES_PER_CONNECTION
        client.assert_echo(socks[0])


@case("memory held for slow readers is given back")
def held_memory():
    if sanitized():
        raise Skip("the daemon is built with a sanitizer")
    with Echod("-l", "tcp:127.0.0.1:0") as echod:
        rounds = []
        for _ in range(ROUNDS):
            socks = [client.connect(echod.address("tcp")) for _ in range(10)]
            for sock, data in zip(socks, client.fill_all(socks)):
                client.same(client.receive(sock, len(data)), data)
                client.assert_echo(sock)
                sock.close()
            rounds.append(echod.resident())
        note(f"resident after each round: {rounds}")
        # One kept in each round would come to more.  What is given back stays
        # resident, too, as long as something small is above it on the heap.
        assert rounds[-1] - rounds[0] < (ROUNDS - 1) * KEPT


@case("memory held for slow readers goes back when they have read")
def given_back():
    if sanitized():
        raise Skip("the daemon is built with a sanitizer")
    with Echod("-l", "tcp:127.0.0.1:0") as echod:
        address = echod.address("tcp")
        client.assert_echo(client.connect(address), bytes(1 << 20))
        before = echod.resident()
        echod.pause()
        socks = [client.connect(address) for _ in range(100)]
        sent = [client.fill_stopped(sock) for sock in socks]
        echod.resume()
        until(lambda: echod.resident() - before > 2 << 20, "bytes to hold")
        note(f"{(echod.resident() - before) >> 10} KiB more while "
             f"{len(socks)} do not read")
        for sock, data in zip(socks, sent):
            client.same(client.receive(sock, len(data)), data)
        until(lambda: echod.resident() - before < 3 << 19, "its return")


if __name__ == "__main__":
    main(side_by_side=2)

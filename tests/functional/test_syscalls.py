#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""The fast path: one receive, one send, and a share of epoll_wait.

Under strace the service is many times slower than the client, so that whenever
it looks, all 50 connections have a request for it: that is saturation.
"""

import contextlib
import os
import re
import select
import shutil
import socket

import client
from daemon import Echod, LIMIT, readable, sanitized
from echodtest import case, main, note, scratch_directory, Skip, until
from keeper import Keeper

LISTEN = ("-l", "tcp:127.0.0.1:0")


def _saturate(address, connections, echoes):
    """Keep one request outstanding on every connection."""
    poll = select.epoll()
    socks = {}
    for _ in range(connections):
        sock = client.connect(address)
        socks[sock.fileno()] = sock
        poll.register(sock, select.EPOLLIN)
        sock.send(b"request")
    done = 0
    while done < echoes:
        ready = poll.poll(LIMIT)
        assert ready, "stalled"
        for fd, _ in ready:
            assert os.read(fd, 100) == b"request"
            os.write(fd, b"request")
            done += 1


def _calls(path):
    """The summary of strace -c: calls by name, and "total"."""
    with open(path, encoding="utf-8") as file:
        rows = [line.split() for line in file]
    return {row[-1]: int(row[3]) for row in rows
            if len(row) >= 5 and re.fullmatch(r"\d+\.\d+", row[0])}


def _ping(address, echoes):
    """Let it become idle after each echo: it would make useless calls then."""
    sock = client.connect(address)
    for _ in range(echoes):
        client.assert_echo(sock)
        readable(sock, timeout=0.002)


def _visit(address, visits):
    """Connect, have something echoed, and leave."""
    for _ in range(visits):
        with client.connect(address) as sock:
            client.assert_echo(sock)
            sock.shutdown(socket.SHUT_WR)
            assert sock.recv(1) == b""


def _measure(load, *arguments, preserved=False):
    """All system calls of an echod under a load."""
    strace = shutil.which("strace")
    if not strace:
        raise Skip("strace is not installed")
    if sanitized():
        raise Skip("the daemon is built with a sanitizer")
    path = os.path.join(scratch_directory(), "calls")
    # -D: echod, not strace, is our child.
    wrapper = (strace, "-D", "-f", "-c", "-o", path)
    how = {"wrapper": wrapper}
    with contextlib.ExitStack() as stack:
        if preserved:
            echod = stack.enter_context(Keeper(*LISTEN, **how)).echod
        else:
            echod = stack.enter_context(Echod(*LISTEN, **how))
        load(echod.address("tcp"), *arguments)
    calls = until(lambda: os.path.exists(path) and
                  "total" in (found := _calls(path)) and found,
                  "the summary of strace")
    note(calls)
    return calls["total"]


@case("at most 2.1 system calls an echo at saturation, 50 connections")
def saturated():
    assert _measure(_saturate, 50, 20000) / 20000 <= 2.1


@case("3 system calls an echo, and a few to start, with one connection")
def alone():
    # What it takes to start and to end, of which a build for coverage has the
    # most, is in both.
    few, many = _measure(_ping, 100), _measure(_ping, 1100)
    note(f"{(many - few) / 1000:.3f} calls an echo")
    assert (many - few) / 1000 <= 3.2


@case("a third call for four short echoes together, while preserved")
def preserved():
    # As above, and one connection that is parked.
    few, many = (_measure(_ping, count, preserved=True)
                 for count in (100, 1100))
    note(f"{(many - few) / 1000:.3f} calls an echo")
    assert 3.2 <= (many - few) / 1000 <= 3.5


@case("12 system calls a connection that comes, is echoed, and goes")
def visit():
    # Accept it, and see that nobody else waits; register it; have a crash
    # reset it; receive and send; receive the end, which is none now, close;
    # and three times wait for the next event.
    few, many = _measure(_visit, 100), _measure(_visit, 1100)
    note(f"{(many - few) / 1000:.3f} calls a connection")
    assert (many - few) / 1000 <= 12.5


if __name__ == "__main__":
    main()

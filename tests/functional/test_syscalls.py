#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""The fast path: one receive, one send, and a share of epoll_wait.

Under strace the service is many times slower than the client, so that whenever
it looks, all 50 connections have a request for it: that is saturation.
"""

import os
import re
import select
import shutil

import client
from daemon import Echod, LIMIT, sanitized
from echodtest import case, main, note, scratch_directory, Skip, until


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
    return done


def _calls(path):
    """The summary of strace -c: calls by name, and "total"."""
    with open(path, encoding="utf-8") as file:
        rows = [line.split() for line in file]
    return {row[-1]: int(row[3]) for row in rows
            if len(row) >= 5 and re.fullmatch(r"\d+\.\d+", row[0])}


def _measure(connections, echoes):
    """All system calls of an echod that does `echoes`, for each of them."""
    strace = shutil.which("strace")
    if not strace:
        raise Skip("strace is not installed")
    if sanitized():
        raise Skip("the daemon is built with a sanitizer")
    path = os.path.join(scratch_directory(), "calls")
    # -D: echod, not strace, is our child.
    wrapper = (strace, "-D", "-f", "-c", "-o", path)
    with Echod("-l", "tcp:127.0.0.1:0", wrapper=wrapper) as echod:
        echoes = _saturate(echod.address("tcp"), connections, echoes)
    calls = until(lambda: os.path.exists(path) and
                  "total" in (found := _calls(path)) and found,
                  "the summary of strace")
    note(f"{echoes} echoes, {calls}")
    per_echo = calls["total"] / echoes
    note(f"{per_echo:.3f} calls an echo")
    return per_echo


@case("at most 2.1 system calls an echo at saturation, 50 connections")
def saturated():
    assert _measure(connections=50, echoes=20000) <= 2.1


@case("3 system calls an echo, and one now and then, with one connection")
def alone():
    assert _measure(connections=1, echoes=5000) <= 3.3


if __name__ == "__main__":
    main()

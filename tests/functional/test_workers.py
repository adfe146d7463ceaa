#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""Several workers share the work, whoever opened the sockets."""

import os
import re
import socket

import client
from daemon import Echod
from echodtest import case, main, note, until

WORKERS = 4
CONNECTIONS = 1000


def _spread(echod):
    """How many descriptors each worker waits for, the fewest first."""
    counts = []
    for name in os.listdir(f"/proc/{echod.pid}/fdinfo"):
        count = len(re.findall(r"^tfd:", echod.proc(f"fdinfo/{name}"), re.M))
        if count > 0:
            counts.append(count)
    return sorted(counts)[-WORKERS:]  # one more is the main thread's


def _expect_even(echod, before):
    """No worker has less than half of its share."""
    after = until(lambda: (now := _spread(echod)) and
                  sum(now) == sum(before) + CONNECTIONS and now,
                  "all connections are accepted")
    note(f"connections of the workers: {after}")
    assert after[0] - before[0] >= CONNECTIONS / WORKERS / 2, after


def _connect_all(address, ping):
    socks = []
    for _ in range(CONNECTIONS):
        socks.append(client.connect(address))
        if ping:
            client.assert_echo(socks[-1])
    return socks


@case("own sockets: 1,000 connections are spread over 4 workers")
def own_sockets():
    with Echod("-l", "tcp:127.0.0.1:0", f"--workers={WORKERS}") as echod:
        before = _spread(echod)
        socks = _connect_all(echod.address("tcp"), ping=False)
        _expect_even(echod, before)
        del socks


@case("passed listener: 1,000 connections, one after the other, are spread")
def passed_listener():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(4096)
        with Echod(f"--workers={WORKERS}", sockets=[listener]) as echod:
            before = _spread(echod)
            socks = _connect_all(listener.getsockname(), ping=True)
            _expect_even(echod, before)
            del socks


if __name__ == "__main__":
    main()

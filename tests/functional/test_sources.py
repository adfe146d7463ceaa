#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""A source that takes more than its share leaves the others theirs."""

import socket

import client
import netspace
from daemon import Echod
from echodtest import case, main

MAX, SHARE = 10, 5
LIMITED = ("-l", "tcp:*:0", f"--max-connections={MAX}")
IPV4, IPV6 = "10.7.0.1", "fd07::1"


def _is_served_from(address, source=None):
    """A new connection; None if it was reset, perhaps before it is there."""
    try:
        sock = client.connect(address, source=source)
        client.assert_echo(sock)
        return sock
    except ConnectionError:
        return None


def _connect(address, count):
    """So many, each served or not: who is, and how many are not."""
    socks = [_is_served_from(address) for _ in range(count)]
    served = [sock for sock in socks if sock]
    return served, count - len(served)


def _setting():
    netspace.isolate()
    return netspace.Neighbour()


@case("a source has half of --max-connections, the next one is reset",
      keep_root=True)
def half():
    neighbour = _setting()
    with Echod(*LIMITED) as echod:
        port = echod.address("tcp")[1]
        with neighbour:
            socks, refused = _connect((IPV4, port), SHARE + 3)
            assert (len(socks), refused) == (SHARE, 3)
            other = _is_served_from((IPV6, port))
        near = _is_served_from(("127.0.0.1", port))
        assert other and near
        echod.await_counters(connections_refused_source=3,
                             connections_accepted=SHARE + 2,
                             connections_reset=0, connections_evicted=0,
                             accept_limited=0, accept_failed=0)
        socks[0].close()
        echod.await_counters(connections_closed=1)
        with neighbour:
            assert _is_served_from((IPV4, port))


@case("--max-connections-per-source: an IPv6 /64 is one source",
      keep_root=True)
def prefix():
    neighbour = _setting()
    with Echod(*LIMITED, "--max-connections-per-source=2") as echod:
        port = echod.address("tcp")[1]
        with neighbour:
            socks = [_is_served_from((IPV6, port), source)
                     for source in (("fd07::2", 0), ("fd07::22", 0)) * 2]
            assert _is_served_from((IPV4, port))
        assert [*map(bool, socks)] == [True, True, False, False]


@case("an IPv4 source is the same on a socket for both", keep_root=True)
def mapped():
    neighbour = _setting()
    both = socket.create_server(("::", 0), family=socket.AF_INET6,
                                dualstack_ipv6=True)
    with Echod("-l", "tcp:10.7.0.1:0", "--max-connections-per-source=2",
               sockets=[both]) as echod:
        own = echod.addresses("tcp")[-1]
        with neighbour:
            socks = [_is_served_from((IPV4, port)) for port in
                     (both.getsockname()[1], own[1]) * 2]
        assert [*map(bool, socks)] == [True, True, False, False]


@case("loopback has no such limit")
def loopback():
    with Echod(*LIMITED, "--max-connections-per-source=1") as echod:
        address = "127.0.0.1", echod.address("tcp")[1]
        socks, refused = _connect(address, MAX)
        assert (len(socks), refused) == (MAX, 0)


@case("a source that floods does not evict anybody", keep_root=True)
def flood():
    neighbour = _setting()
    with Echod(*LIMITED) as echod:
        port = echod.address("tcp")[1]
        idle, _ = _connect(("127.0.0.1", port), MAX - SHARE)
        with neighbour:
            hoard, refused = _connect((IPV4, port), SHARE)
            assert refused == 0
            # By now all could be idle for long enough to make room.
            echod.pause()
            assert not client.readable(*idle, timeout=1.5)
            echod.resume()
            assert _connect((IPV4, port), 50) == ([], 50)
            assert hoard
        echod.await_counters(connections_refused_source=50,
                             connections_evicted=0)
        for sock in idle:
            client.assert_echo(sock)


if __name__ == "__main__":
    main(side_by_side=4)

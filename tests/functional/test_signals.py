#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""How it ends: what was received is echoed, nobody is cut off with a FIN."""

import signal
import socket

import client
from daemon import Echod, readable
from echodtest import case, main, until

LISTEN = ("-l", "127.0.0.1:0")


@case("SIGTERM: what was received is echoed, then FIN, and exit status 0")
def drain_received():
    data = client.pattern(60000)
    with Echod(*LISTEN) as echod:
        socks = [client.connect(echod.address("tcp")) for _ in range(20)]
        datagram = client.datagrams(echod.address("udp"))
        for sock in socks:
            client.assert_echo(sock)
        echod.pause()  # so that all of it waits at the signal
        for sock in socks:
            sock.sendall(data)
        datagram.send(b"waiting, too")
        echod.signal(signal.SIGTERM)
        echod.resume()
        for sock in socks:
            client.same(client.receive_all(sock), data)
        client.same(datagram.recv(100), b"waiting, too")
        assert echod.wait() == 0


@case("SIGTERM and SIGINT: idle clients get a FIN at once")
def drain_idle():
    for number in (signal.SIGTERM, signal.SIGINT):
        with Echod(*LISTEN, "--drain-timeout=1h") as echod:
            used = client.connect(echod.address("tcp"))
            client.assert_echo(used)
            unused = client.connect(echod.address("tcp"))
            client.assert_echo(client.connect(echod.address("tcp")))
            echod.signal(number)
            assert client.ending(used) == "FIN"
            assert client.ending(unused) == "FIN"
            assert echod.wait() == 0


@case("SIGTERM: a slow reader gets all that was received within the time")
def drain_slow_reader():
    with Echod(*LISTEN, "--drain-timeout=1h") as echod:
        sock = client.connect(echod.address("tcp"))
        data = client.fill(sock)
        sock.shutdown(socket.SHUT_WR)
        echod.signal(signal.SIGTERM)
        client.same(client.receive_all(sock), data)
        assert echod.wait() == 0


@case("22: SIGTERM: a reader stalled until the deadline is reset, exit is 0")
def drain_stalled():
    with Echod(*LISTEN, "--drain-timeout=300ms") as echod:
        sock = client.connect(echod.address("tcp"))
        client.fill(sock)
        idle = client.connect(echod.address("tcp"))
        client.assert_echo(idle)
        assert echod.stop() == 0
        assert client.ending(sock) == "RST"
        assert client.ending(idle) == "FIN"


@case("22: a second SIGTERM ends at once; what is outstanding is reset")
def second_signal():
    with Echod(*LISTEN, "--drain-timeout=1h") as echod:
        sock = client.connect(echod.address("tcp"))
        client.fill(sock)
        idle = client.connect(echod.address("tcp"))
        client.assert_echo(idle)
        echod.signal(signal.SIGTERM)
        assert client.ending(idle) == "FIN"  # it drains
        assert echod.running()
        echod.signal(signal.SIGTERM)
        echod.wait()
        assert client.ending(sock) == "RST"


@case("SIGTERM: no new connections while it drains")
def drain_refuses():
    with Echod(*LISTEN, "--drain-timeout=1h") as echod:
        sock = client.connect(echod.address("tcp"))
        client.fill(sock)
        echod.signal(signal.SIGTERM)
        until(lambda: _refuses(echod.address("tcp")), "a closed door")
        echod.signal(signal.SIGTERM)
        echod.wait()


def _refuses(address):
    """Whether a new client is turned away, or let wait without an answer."""
    try:
        sock = client.connect(address)
        sock.send(b"x")
        return not readable(sock, timeout=1) or sock.recv(1) == b""
    except ConnectionError:
        return True


@case("SIGUSR1 logs the counters")
def counters():
    with Echod(*LISTEN) as echod:
        first = client.connect(echod.address("tcp"))
        client.assert_echo(first, bytes(1000))
        first.close()
        second = client.connect(echod.address("tcp"))
        client.assert_echo(second, bytes(234))
        client.assert_echo(client.datagrams(echod.address("udp")))
        echod.await_counters(
            connections_accepted=2, connections_closed=1,
            bytes_received=1234, bytes_sent=1234,
            datagrams_received=1, datagrams_sent=1)


@case("SIGPIPE, SIGHUP, SIGUSR1: alone they end nothing")
def harmless():
    with Echod(*LISTEN) as echod:
        sock = client.connect(echod.address("tcp"))
        for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGPIPE):
            echod.signal(number)
            client.assert_echo(sock)


if __name__ == "__main__":
    main(side_by_side=4)

#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""A TCP stream comes back whole, in order and at once, however it is sent."""

import random
import socket
import statistics
import time

import client
import netspace
from daemon import Echod, readable
from echodtest import case, main, note

TCP = ("-l", "tcp:127.0.0.1:0")
MEGABYTE = 1000 * 1000


@case("6: 10 MB, then FIN, read only afterwards: all of it, then FIN",
      keep_root=True)
def finish_before_reading():
    netspace.isolate()
    # Room for all of it on the way, so that the client need not read.
    netspace.set_sysctl("ipv4/tcp_wmem", "4096 33554432 33554432")
    data = client.pattern(10 * MEGABYTE)
    with Echod(*TCP) as echod:
        sock = client.connect(echod.address("tcp"))
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        client.same(client.receive_all(sock), data)


@case("6: a peer that reads when nothing more can be sent gets all, then FIN")
def finish_after_filling():
    with Echod(*TCP) as echod:
        sock = client.connect(echod.address("tcp"))
        first = client.fill(sock)
        second = client.pattern(10 * MEGABYTE, seed=1)
        both = first + second
        note(f"{len(first)} bytes fit on the way")
        got = client.receive(sock, len(first))
        got += client.exchange(sock, second)
        sock.shutdown(socket.SHUT_WR)
        got += client.receive_all(sock)
        client.same(got, both)


@case("9: messages about and above the size of any buffer, nothing after")
def long_messages():
    with Echod(*TCP) as echod:
        sock = client.connect(echod.address("tcp"))
        for power in range(10, 23):
            for size in (2 ** power - 1, 2 ** power, 2 ** power + 1):
                client.assert_echo(sock, client.pattern(size, size))


@case("11: slow readers with small windows: nothing lost, doubled, reordered")
def partial_sends():
    dice = random.Random(11)
    with Echod(*TCP) as echod:
        streams = [Trickle(echod.address("tcp"), seed) for seed in range(8)]
        while any(not it.complete() for it in streams):
            unfinished = [it for it in streams if not it.complete()]
            dice.choice(unfinished).step(dice)
        for it in streams:
            it.finish()


class Trickle:
    """A stream sent and read in pieces of random size, each in its own time:
    the service must hold back, and go on, again and again."""

    def __init__(self, address, seed):
        self.data = client.pattern(2 * MEGABYTE, seed)
        self.sent, self.got = 0, bytearray()
        self.sock = client.connect(address, receive_buffer=4096)

    def complete(self):
        return len(self.got) == len(self.data)

    def step(self, dice):
        for _ in range(dice.randrange(1, 20)):
            self._send(dice.randrange(1, 100000))
        for _ in range(dice.randrange(1, 20)):
            self._receive(dice.randrange(1, 60000))

    def _send(self, size):
        if client.writable(self.sock):
            piece = self.data[self.sent:self.sent + size]
            self.sent += self.sock.send(piece, socket.MSG_DONTWAIT)

    def _receive(self, size):
        if readable(self.sock):
            piece = self.sock.recv(size)
            assert piece, f"ended after {len(self.got)} bytes"
            self.got += piece

    def finish(self):
        self.sock.shutdown(socket.SHUT_WR)
        assert self.sock.recv(1) == b"", "more came back than was sent"
        client.same(self.got, self.data)


@case("16: every byte value, NUL included")
def all_bytes():
    with Echod(*TCP) as echod:
        sock = client.connect(echod.address("tcp"))
        client.assert_echo(sock, bytes(range(256)))
        client.assert_echo(sock, bytes(1000))


@case("17: urgent bytes stay at their place in the stream")
def urgent_data():
    with Echod(*TCP) as echod:
        sock = client.connect(echod.address("tcp"))
        for round_ in range(100):
            sock.send(b"abc")
            sock.send(b"d", socket.MSG_OOB)
            if round_ % 2:  # with and without something after it
                client.same(client.receive(sock, 4), b"abcd")
            sock.send(b"ef")
            client.same(client.receive(sock, 2 if round_ % 2 else 6),
                        b"ef" if round_ % 2 else b"abcdef")


def _median_times(*actions, rounds=100):
    """By turns, so that the machine is as busy for one as for the others."""
    times = [[] for _ in actions]
    for _ in range(rounds):
        for action, its in zip(actions, times):
            begin = time.monotonic()
            action()
            its.append(time.monotonic() - begin)
    return map(statistics.median, times)


@case("20: 1-byte writes of a client without TCP_NODELAY are not delayed")
def small_writes():
    with Echod(*TCP) as echod:
        usual, prompt = [client.connect(echod.address("tcp"))
                         for _ in range(2)]
        prompt.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def trickle(sock):
            for _ in range(5):
                sock.send(b"x")
            client.receive(sock, 5)

        delayed, undelayed = _median_times(lambda: trickle(usual),
                                           lambda: trickle(prompt))
        note(f"{delayed * 1e6:.0f} us, with NODELAY {undelayed * 1e6:.0f} us")
        # A delayed acknowledgement takes 40 ms: hundreds of times as long.
        assert delayed < 50 * undelayed


@case("20: bytes that the service has to send one by one are not delayed")
def small_replies():
    with Echod(*TCP) as echod:
        socks = [client.connect(echod.address("tcp")) for _ in range(2)]
        for sock in socks:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def exchange(sock, *pieces):
            echod.pause()  # all pieces are there before any is answered
            # As in a dialogue: an acknowledgement can wait for a message.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
            for piece, flags in pieces:
                sock.send(piece, flags)
            echod.resume()
            client.receive(sock, 3)

        def together():
            exchange(socks[0], (b"abc", 0))

        def apart():
            # No receive goes beyond an urgent byte: two, hence two replies.
            exchange(socks[1], (b"a", 0), (b"b", socket.MSG_OOB), (b"c", 0))

        once, twice = _median_times(together, apart)
        note(f"{twice * 1e6:.0f} us, in one piece {once * 1e6:.0f} us")
        assert twice < 50 * once


@case("IPv6, and a FIN without any data")
def empty_stream():
    with Echod("-l", "tcp:[::1]:0") as echod:
        sock = client.connect(echod.address("tcp"))
        sock.shutdown(socket.SHUT_WR)
        assert client.receive_all(sock) == b""
        client.assert_echo(client.connect(echod.address("tcp")))


@case("200 connections at once, over two workers")
def many_connections():
    with Echod(*TCP, "--workers=2") as echod:
        socks = [client.connect(echod.address("tcp"),
                                source=(f"127.0.0.{2 + n % 100}", 0))
                 for n in range(200)]
        for seed, sock in enumerate(socks):
            sock.sendall(client.pattern(1000, seed))
        for seed, sock in enumerate(socks):
            client.same(client.receive(sock, 1000), client.pattern(1000, seed))
        for sock in socks:
            sock.shutdown(socket.SHUT_WR)
        for sock in socks:
            assert client.ending(sock) == "FIN"


if __name__ == "__main__":
    main()

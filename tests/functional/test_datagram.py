#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""A datagram comes back as it was, once, or it is counted."""

import re
import socket

import client
from daemon import Echod, readable
from echodtest import case, main, note, until

UDP = ("-l", "udp:127.0.0.1:0")
UDP6 = ("-l", "udp:[::1]:0")
SOL_UDP, UDP_SEGMENT = 17, 103


@case("1: the longest datagram of IPv4, 65,507 bytes")
def longest():
    with Echod(*UDP) as echod:
        sock = client.datagrams(echod.address("udp"))
        client.assert_echo(sock, client.pattern(65507))


@case("1: the longest datagram of IPv6, 65,527 bytes")
def longest6():
    with Echod(*UDP6) as echod:
        sock = client.datagrams(echod.address("udp"))
        client.assert_echo(sock, client.pattern(65527))


@case("1: all lengths around those of packets and pages")
def lengths():
    with Echod(*UDP) as echod:
        sock = client.datagrams(echod.address("udp"))
        for size in (1, 2, 511, 512, 1472, 1473, 2048, 4096, 8192, 8193,
                     12288, 32768, 65000, 65506):
            client.assert_echo(sock, client.pattern(size, size))


@case("2: an empty datagram")
def empty():
    with Echod(*UDP, *UDP6) as echod:
        for address in echod.addresses("udp"):
            sock = client.datagrams(address)
            client.assert_echo(sock, b"")
            client.assert_echo(sock, b"not empty")
            client.assert_echo(sock, b"")


@case("12: a burst of several senders: none doubled, lost or reordered")
def burst():
    with Echod(*UDP) as echod:
        socks = [client.datagrams(echod.address("udp")) for _ in range(10)]
        # Stopped, so that it finds all of them in one batch.
        echod.pause()
        for number in range(10):
            for seed, sock in enumerate(socks):
                sock.send(client.pattern(100 * (number % 3 + 1),
                                         seed * 10 + number))
        echod.resume()
        for seed, sock in enumerate(socks):
            for number in range(10):
                wanted = client.pattern(100 * (number % 3 + 1),
                                        seed * 10 + number)
                client.same(sock.recv(65536), wanted)
            client.assert_echo(sock, b"and nothing more before this")


@case("12: trains of segments come back as single datagrams, in order")
def trains():
    with Echod(*UDP) as echod:
        sock = client.datagrams(echod.address("udp"))
        plain = client.datagrams(echod.address("udp"))
        sock.setsockopt(SOL_UDP, UDP_SEGMENT, 100)
        train = client.pattern(2030)
        for _ in range(50):
            sock.send(train)
            client.assert_echo(plain, b"beside it")
            for at in range(0, len(train), 100):
                client.same(sock.recv(65536), train[at:at + 100])


@case("12: what a full queue loses is counted")
def overflow():
    count = 20000
    with Echod(*UDP) as echod:
        sock = client.datagrams(echod.address("udp"))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        echod.pause()
        for number in range(count):
            sock.send(b"%06d" % number)
        echod.resume()
        until(lambda: _accounted(echod.counters()) == count,
              "every datagram received or counted as lost")
        assert echod.counters()["datagrams_overflowed"] > 0
        got = []
        while readable(sock):
            got.append(int(sock.recv(100)))
        note(f"{len(got)} of {count} came back")
        assert got and got == sorted(set(got)), "doubled or reordered"


def _accounted(counters):
    return counters["datagrams_received"] + counters["datagrams_overflowed"]


@case("14: an ICMP error for an earlier reply does not stop the others")
def port_unreachable():
    with Echod(*UDP) as echod:
        steady = client.datagrams(echod.address("udp"))
        for _ in range(50):
            echod.pause()
            for _ in range(3):
                gone = client.datagrams(echod.address("udp"))
                gone.send(b"nobody waits for the answer")
                gone.close()
            steady.send(b"I do")
            echod.resume()
            client.same(steady.recv(100), b"I do")
        client.assert_echo(steady)


@case("15: 1,000,000 refused datagrams: few lines of log, exact counters")
def million_refused():
    per_train, total = 64, 1000000
    # What a full queue loses is a train, as far as the kernel says, if the
    # service takes trains.
    with Echod("-l", "udp:0.0.0.0:0", "--udp-offload=no") as echod:
        port = echod.address("udp")[1]
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.setsockopt(SOL_UDP, UDP_SEGMENT, 1)
        for _ in range(total // per_train):
            sock.sendto(bytes(per_train), ("127.255.255.255", port))

        def counted():
            counters = echod.counters()
            return (counters["datagrams_refused_group"] +
                    counters["datagrams_overflowed"])

        until(lambda: counted() >= total, "all counted")
        assert counted() == total, counted()
        client.assert_echo(client.datagrams(("127.0.0.1", port)))
        echod.read_log()
        lines = [line for line in echod.log.splitlines()
                 if not re.search("connections_accepted", line)]
        note("\n".join(lines))
        assert len(lines) < 10


@case("16: every byte value, NUL included")
def all_bytes():
    with Echod(*UDP) as echod:
        sock = client.datagrams(echod.address("udp"))
        client.assert_echo(sock, bytes(range(256)))
        client.assert_echo(sock, bytes(1000))


if __name__ == "__main__":
    main()

#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""Trains of datagrams (UDP_SEGMENT, UDP_GRO) change the costs only: each
datagram comes back as it was, once, in order, and is counted by itself."""

import ctypes
import fcntl
import os
import re
import shutil
import socket
import struct

import client
import netspace
from daemon import Echod, readable, sanitized
from echodtest import case, main, note, scratch_directory, Skip, until

SOL_UDP, UDP_SEGMENT, UDP_GRO = 17, 103, 104
SIOCETHTOOL, ETHTOOL_STXCSUM = 0x8946, 0x17
ATTEMPTS = 5
SEGMENTS_MAX = 64
UDP = ("-l", "udp:127.0.0.1:0")
UDP6 = ("-l", "udp:[::1]:0")
ANY4, ANY6 = ("-l", "udp:0.0.0.0:0"), ("-l", "udp:[::]:0")
CALLS = "recvmmsg,sendmmsg,sendmsg,epoll_wait,epoll_pwait"


def _send_train(sock, data, segment):
    sock.setsockopt(SOL_UDP, UDP_SEGMENT, segment)
    sock.send(data)
    sock.setsockopt(SOL_UDP, UDP_SEGMENT, 0)


def _pieces(data, segment):
    return [data[at:at + segment] for at in range(0, len(data), segment)]


def _expect_train(sock, data, segment):
    for piece in _pieces(data, segment):
        client.same(sock.recv(65536), piece)


def _assert_train(sock, data, segment):
    """The datagrams of a train come back; the socket takes no trains."""
    _send_train(sock, data, segment)
    _expect_train(sock, data, segment)


def _assert_train_back(sock, data, segment):
    """The same for a socket that takes trains: it may get them as such."""
    sock.setsockopt(SOL_UDP, UDP_GRO, 1)
    _send_train(sock, data, segment)
    got = []
    while sum(map(len, got)) < len(data):
        piece, control, _, _ = sock.recvmsg(65536, 256)
        size = next((int.from_bytes(value, "little") for level, kind, value
                     in control if (level, kind) == (SOL_UDP, UDP_GRO)),
                    len(piece))
        got += _pieces(piece, size)
    sock.setsockopt(SOL_UDP, UDP_GRO, 0)
    assert len(got) == len(_pieces(data, segment)), [len(it) for it in got]
    for piece, wanted in zip(got, _pieces(data, segment)):
        client.same(piece, wanted)


def _expect_counts(echod, count):
    """Each datagram was counted, at last: what is sent is, a little later."""
    until(lambda: echod.counters()["datagrams_sent"] >= count,
          f"{count} datagrams counted as sent")
    counters = echod.counters()
    for name in ("datagrams_received", "datagrams_sent"):
        assert counters[name] == count, counters
    assert counters["datagrams_unsent"] == 0, counters


def _trains(longest):
    """Lengths of trains and of their segments, up to the longest segment."""
    for segment in (1, 2, 3, 63, 64, 511, 512, 1000, 1200, longest - 1,
                    longest):
        most = min(SEGMENTS_MAX, 65000 // segment)
        for length in (1, segment, segment + 1, 2 * segment - 1,
                       2 * segment, most * segment - 1, most * segment):
            yield length, segment


def _check_trains(echod, sock, longest):
    count = 0
    for length, segment in _trains(longest):
        data = client.pattern(length, length + segment)
        _assert_train(sock, data, segment)
        _assert_train_back(sock, data, segment)
        count += 2 * len(_pieces(data, segment))
    _expect_counts(echod, count)


@case("1, 12: trains of all lengths over loopback, IPv4 and IPv6")
def loopback():
    for listen in (UDP, UDP6):
        with Echod(*listen) as echod:
            sock = client.datagrams(echod.address("udp"))
            _check_trains(echod, sock, 9000)


@case("1, 12: trains of all lengths over a link of MTU 1500", keep_root=True)
def link():
    netspace.isolate()
    neighbour = netspace.Neighbour()
    for listen, host, longest in ((ANY4, "10.7.0.1", 1472),
                                  (ANY6, "fd07::1", 1452)):
        with Echod(*listen) as echod:
            with neighbour:
                sock = client.datagrams((host, echod.address("udp")[1]))
            _check_trains(echod, sock, longest)


@case("12: trains that fit the way there but not the way back: fragments",
      keep_root=True)
def narrow_back():
    netspace.isolate()
    neighbour = netspace.Neighbour()
    # A train may still be longer there than what may be sent.
    netspace.ip("link", "set", "here", "mtu", "1280")
    for listen, host in ((ANY4, "10.7.0.1"), (ANY6, "fd07::1")):
        with Echod(*listen) as echod:
            with neighbour:
                sock = client.datagrams((host, echod.address("udp")[1]))
            data = client.pattern(20 * 1400 + 7)
            _assert_train(sock, data, 1400)
            _assert_train(sock, data, 1200)
            _expect_counts(echod, 21 + 24)


def _leave_checksums_to_the_kernel(device):
    """ethtool -K DEVICE tx off: trains then were refused before Linux 6.11."""
    value = ctypes.create_string_buffer(struct.pack("II", ETHTOOL_STXCSUM, 0))
    request = struct.pack("16sQ16x", device.encode(), ctypes.addressof(value))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, SIOCETHTOOL, request)


@case("12: a device without checksum offload", keep_root=True)
def without_offload():
    netspace.isolate()
    neighbour = netspace.Neighbour()
    _leave_checksums_to_the_kernel("here")
    with Echod(*ANY4) as echod:
        with neighbour:
            sock = client.datagrams(("10.7.0.1", echod.address("udp")[1]))
        _assert_train(sock, client.pattern(20 * 1400 + 7), 1400)
        _expect_counts(echod, 21)


@case("12: a batch of mixed peers, lengths and trains")
def mixed():
    with Echod(*UDP) as echod:
        socks = [client.datagrams(echod.address("udp")) for _ in range(5)]
        wanted = [[] for _ in socks]
        # Stopped, so that it finds all of them in few batches.
        echod.pause()
        for turn in range(12):
            for number, sock in enumerate(socks):
                size = (100, 100, 60, 100, 0, 300)[(turn + number // 2) % 6]
                data = client.pattern(size, 16 * turn + number)
                if size == 300:
                    _send_train(sock, data, 110)
                    wanted[number] += _pieces(data, 110)
                else:
                    sock.send(data)
                    wanted[number].append(data)
        echod.resume()
        for sock, pieces in zip(socks, wanted):
            for piece in pieces:
                client.same(sock.recv(65536), piece)
            client.assert_echo(sock, b"and nothing more before this")
        _expect_counts(echod, sum(map(len, wanted)) + len(socks))


@case("2: empty datagrams among others")
def empty():
    with Echod(*UDP) as echod:
        sock = client.datagrams(echod.address("udp"))
        sequence = (b"", b"", b"one", b"one", b"", b"one", b"")
        echod.pause()
        for data in sequence:
            sock.send(data)
        echod.resume()
        for data in sequence:
            client.same(sock.recv(100), data)
        _expect_counts(echod, len(sequence))


@case("3: a train is answered from each of 20 addresses, mapped ones, too")
def addresses():
    dual = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    dual.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    dual.bind(("::", 0))
    with Echod(*ANY4, sockets=[dual]) as echod:
        for port in (echod.addresses("udp")[-1][1], dual.getsockname()[1]):
            socks = [client.datagrams((f"127.0.{number}.9", port))
                     for number in range(20)]
            echod.pause()
            for number, sock in enumerate(socks):
                _send_train(sock, client.pattern(1000, number), 100)
            echod.resume()
            for number, sock in enumerate(socks):
                _expect_train(sock, client.pattern(1000, number), 100)


@case("5: a train from a port that echod listens on is dropped and counted")
def own_port():
    with Echod(*UDP) as echod:
        address = echod.address("udp")
        echo = client.datagrams(address, source=("127.0.0.2", address[1]))
        _send_train(echo, client.pattern(1000), 100)
        client.assert_echo(client.datagrams(address))
        assert not readable(echo), "two services would echo for ever"
        counters = echod.counters()
        assert counters["datagrams_refused_port"] == 10, counters
        assert counters["datagrams_received"] == 11, counters


@case("4: a train to a broadcast address is dropped and counted")
def broadcast():
    with Echod(*ANY4) as echod:
        port = echod.address("udp")[1]
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.setsockopt(SOL_UDP, UDP_SEGMENT, 100)
        sock.sendto(bytes(1000), ("127.255.255.255", port))
        client.assert_echo(client.datagrams(("127.0.0.1", port)))
        assert echod.counters()["datagrams_refused_group"] == 10
        assert not readable(sock)


@case("16: every byte value in trains")
def all_bytes():
    with Echod(*UDP) as echod:
        sock = client.datagrams(echod.address("udp"))
        _assert_train(sock, bytes(range(256)) * 16, 256)
        _assert_train(sock, bytes(range(256)), 4)
        _assert_train(sock, bytes(6400), 100)


@case("UDP_GRO of a passed socket: as --udp-offload says, nothing is lost")
def passed():
    for before in (0, 1):
        for word, after in (("yes", 1), ("no", 0)):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.bind(("127.0.0.1", 0))
            sock.setsockopt(SOL_UDP, UDP_GRO, before)
            one = client.datagrams(sock.getsockname())
            data = client.pattern(1010)
            _send_train(one, data, 100)
            with Echod(f"--udp-offload={word}", sockets=[sock]) as echod:
                _expect_train(one, data, 100)
                until(lambda: sock.getsockopt(SOL_UDP, UDP_GRO) == after,
                      f"UDP_GRO is {after}")
                _assert_train(one, data, 100)
                _expect_counts(echod, 22)


def _count_calls(load, *arguments):
    """The calls that an echod makes on the way of datagrams under a load."""
    strace = shutil.which("strace")
    if not strace:
        raise Skip("strace is not installed")
    if sanitized():
        raise Skip("the daemon is built with a sanitizer")
    path = os.path.join(scratch_directory(), "calls")
    # -D: echod, not strace, is our child.
    wrapper = (strace, "-D", "-f", "-e", "trace=" + CALLS, "-o", path)
    with Echod(*arguments, *UDP, wrapper=wrapper) as echod:
        count = load(echod)
    calls = {}
    with open(path, encoding="utf-8") as file:
        for name in re.findall(r"^\d+ +(\w+)\(", file.read(), re.M):
            calls[name] = calls.get(name, 0) + 1
    note(f"{sum(calls.values()) / count:.3f} calls a datagram: {calls}")
    return sum(calls.values()) / count


def _bursts(echod):
    """50 bursts of 32 that it finds all at once."""
    socks = [client.datagrams(echod.address("udp")) for _ in range(2)]
    for turn in range(50):
        data = client.pattern(32 * 64, turn)
        echod.pause()
        for piece in _pieces(data, 128):
            socks[0].send(piece[:64])
            socks[1].send(piece[64:])
        echod.resume()
        for piece in _pieces(data, 128):
            client.same(socks[0].recv(100), piece[:64])
            client.same(socks[1].recv(100), piece[64:])
    return 50 * 32


def _many_trains(echod):
    sock = client.datagrams(echod.address("udp"))
    for turn in range(50):
        _assert_train(sock, client.pattern(64 * 100, turn), 100)
    return 50 * 64


@case("at most 0.2 system calls a datagram in bursts, 0.1 in trains")
def calls_each():
    # A busy machine only adds calls: it wakes for parts of a burst.
    for traffic, limit in ((_bursts, 0.2), (_many_trains, 0.1)):
        assert any(_count_calls(traffic) <= limit for _ in range(ATTEMPTS))


if __name__ == "__main__":
    main()

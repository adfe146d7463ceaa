#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""Whatever clients do, the log stays short, and safe to look at."""

import os
import resource
import socket
import time

import client
from daemon import Echod, LIMIT
from echodtest import case, main, note, scratch_directory, until

DURATION = 21  # seconds: two summaries and a bit
SUMMARY = "echod: not all could be served: "
# What a terminal, a log or a format could take for more than text.
HOSTILE = (b"\n", b"a\necho: ready: forged\n", b"\r", b"\x1b]0;title\x07",
           b"\x1b[2J", b"\x9b31m", b"%s%n%n", b"\x00\x00", b"\x7f\x08\x08",
           b"\xe2\x80\xae", b"\xff\xfe", b'"\\x41\\', b" ", b"\t")


def _refused_datagrams(echod):
    """To a broadcast address."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    address = "127.255.255.255", echod.address("udp")[1]
    while True:
        sock.sendto(b"to all", address)
        yield


def _unnamed_datagrams(path):
    """Which have no address to answer to."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    while True:
        try:
            sock.sendto(b"nobody", socket.MSG_DONTWAIT, path)
        except BlockingIOError:
            pass
        yield


def _more_than_there_may_be(echod):
    """Connections, of which some say something and others nothing."""
    socks = []
    while True:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.connect_ex(echod.address("tcp"))
        socks.append(sock)
        if len(socks) > 30:
            socks.pop(0).close()
        yield


def _never_readers(echod):
    """They send, do not read, and go with a reset."""
    while True:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.connect_ex(echod.address("tcp"))
        for _ in range(20):
            try:
                sock.send(bytes(65536))
            except OSError:
                pass
            yield
        client.reset(sock)


@case("all kinds of trouble at once: a line in ten seconds")
def attack():
    path = f"{scratch_directory()}/dgram"
    with Echod("-l", "tcp:127.0.0.1:0", "-l", "udp:0.0.0.0:0", "-l",
               f"unix-dgram:{path}", "--max-connections=8",
               "--min-progress=1K/500ms", "--buffer-limit=512K",
               "--idle-timeout=2s") as echod:
        before = len(echod.log.splitlines())
        attacks = [_refused_datagrams(echod), _unnamed_datagrams(path),
                   _more_than_there_may_be(echod), _never_readers(echod)]
        hoard = [client.connect(echod.address("tcp")) for _ in range(8)]
        begin = time.monotonic()
        while (elapsed := time.monotonic() - begin) < DURATION:
            for it in attacks:
                next(it)
            echod.read_log(timeout=0.002)
        lines = echod.log.splitlines()[before:]
        note("\n".join(lines))
        assert all(line.startswith(SUMMARY) for line in lines)
        assert 2 <= len(lines) <= 1 + elapsed / 10
        assert hoard
        told = " ".join(lines)
        for name in ("connections_evicted", "datagrams_refused_group",
                     "datagrams_refused_unnamed"):
            assert name in told, name


@case("an episode without descriptors is one line, however long it lasts")
def starved():
    with Echod("-l", "tcp:127.0.0.1:0") as echod:
        few = (echod.descriptors() + 2,) * 2
        resource.prlimit(echod.pid, resource.RLIMIT_NOFILE, few)
        socks = [client.connect(echod.address("tcp")) for _ in range(5)]
        echod.await_line("^" + SUMMARY + "accept_starved 1$")
        before = len(echod.log)
        _listen(echod, 12)
        assert len(echod.log) == before, echod.log
        socks[0].close()
        client.assert_echo(socks[2])


def _listen(echod, seconds):
    """Take in what it says meanwhile."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        echod.read_log(timeout=0.1)


def _names():
    for i, name in enumerate(HOSTILE):
        yield b"\0" + name + b"%d.%d" % (i, os.getpid())
    directory = os.fsencode(scratch_directory())
    for name in HOSTILE:
        if b"\0" not in name:
            yield directory + b"/" + name


@case("--log-connections: names of Unix peers are told as printable ASCII")
def hostile_names():
    path = f"{scratch_directory()}/stream"
    with Echod("-l", f"unix:{path}", "--log-connections") as echod:
        before = len(echod.log)
        count = 0
        for name in _names():
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(LIMIT)
                sock.bind(name)
                sock.connect(path)
                client.assert_echo(sock)
            count += 1
        until(lambda: echod.read_log() and
              echod.log[before:].count("closed by peer") == count, "lines")
        text = echod.log[before:]
        assert text.count("\n") == count, text
        for line in text.splitlines():
            assert line.startswith("echod: connection from "), line
            assert line.isascii() and line.isprintable(), line


if __name__ == "__main__":
    main(side_by_side=4)

#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""The log says what an operator needs, and never holds up an echo."""

import fcntl
import os
import re
import socket
import time

import client
from daemon import Echod
from echodtest import case, main

TCP = ("-l", "tcp:127.0.0.1:0")


def _entry(echod, sock):
    """Await the line about a stream that has ended."""
    return _entry_about(echod, *sock.getsockname())


def _entry_about(echod, host, port):
    pattern = rf"^echod: .*\b{re.escape(host)}:{port}\b"
    return echod.await_line(pattern).group(0)


@case("--log-connections: peer, duration, bytes both ways and reason")
def closed_stream():
    with Echod(*TCP, "--log-connections") as echod:
        sock = client.connect(echod.address("tcp"), source=("127.0.0.77", 0))
        client.assert_echo(sock, bytes(4321))
        sock.shutdown(socket.SHUT_WR)
        line = _entry(echod, sock)
        assert re.search(r"\b4321 bytes received, 4321 sent\b", line), line
        assert re.search(r"\b\d+(\.\d+)?\s?(us|ms|s|min)\b", line), line


@case("--log-connections: each way to end has its own reason")
def reasons():
    with Echod(*TCP, "--log-connections", "--idle-timeout=300ms") as echod:
        finished, gone, idle = [
            client.connect(echod.address("tcp")) for _ in range(3)]
        for sock in (finished, gone, idle):
            client.assert_echo(sock)
        names = [sock.getsockname() for sock in (finished, gone, idle)]
        finished.close()
        client.reset(gone)
        lines = [_entry_about(echod, *name) for name in names]
        assert len({re.search(r": (\D+) after", line)[1]
                    for line in lines}) == 3, lines
        stalled = client.stalled(echod)
        line = _entry(echod, stalled)
        received, sent = re.findall(r"(\d+) (?:bytes received|sent)", line)
        assert int(sent) < int(received), line


@case("without --log-connections no line per connection or datagram")
def quiet():
    with Echod(*TCP, "-l", "udp:127.0.0.1:0") as echod:
        before = echod.log.count("\n")
        for _ in range(100):
            client.assert_echo(client.connect(echod.address("tcp")))
            client.assert_echo(client.datagrams(echod.address("udp")))
        echod.stop()
        extra = echod.log.count("\n") - before
        assert extra <= 4, echod.log


@case("trouble that goes on is summed up, not told again and again")
def lasting_trouble():
    with Echod("-l", "udp:0.0.0.0:0") as echod:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        address = "127.255.255.255", echod.address("udp")[1]
        begin = time.monotonic()
        while (elapsed := time.monotonic() - begin) < 3.5:
            sock.sendto(b"to all", address)
            echod.read_log(timeout=0.01)
        told = echod.log.count("datagrams_refused_group")
        assert 1 <= told <= 1 + elapsed / 10, echod.log


@case("--log-level: only what matters as much is written")
def levels():
    with Echod(*TCP, "--log-level=err", "--log-connections",
               ready=False) as echod:
        echod.stop()
        assert echod.log == "", echod.log


@case("a log that nobody reads holds up no echo; what was lost is counted")
def full_pipe():
    rounds = 2000
    with Echod(*TCP, "--log-connections") as echod:
        fcntl.fcntl(echod.stderr, fcntl.F_SETPIPE_SZ, 4096)
        for _ in range(rounds):
            client.assert_echo(client.connect(echod.address("tcp")))
        match = echod.await_line(r"^echod: .*?(\d+) log entries were lost")
        lost = int(match[1])
        assert 0 < lost < rounds
        echod.stop()  # what was lost since is said then, or in a minute
        assert _reported(echod) == rounds


def _reported(echod):
    """Connections written about, and those whose entries were lost."""
    echod.read_log()
    written = len(re.findall(r"^echod: .*127\.0\.0\.1:\d+.* bytes\b.*\n",
                             echod.log, re.M))
    lost = re.findall(r"(\d+) log entries were lost.*\n", echod.log)
    return written + sum(map(int, lost))


@case("standard error may be closed")
def closed_stderr():
    with Echod(*TCP, "--log-connections") as echod:
        fd = echod.stderr
        address = echod.address("tcp")
        echod.read_log()
        null = open("/dev/null", "rb")
        os.dup2(null.fileno(), fd)  # no reader is left: EPIPE
        for _ in range(100):
            client.assert_echo(client.connect(address))


if __name__ == "__main__":
    main(side_by_side=4)

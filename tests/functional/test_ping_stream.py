#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""What can happen to probes over TCP: replies in pieces, wrong or too long,
connections that end, reset, hang, and come back."""

import signal
import socket

import client
from daemon import LIMIT
from echodtest import case, main
from pinger import Echoping, assert_tally

LONG = "20s"  # nothing is late
SIZE = 64


class Service:
    """A TCP echo service that does as it is told."""

    def __init__(self, port=0, backlog=10):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", port))
        self.listener.listen(backlog)
        self.listener.settimeout(LIMIT)
        self.port = self.listener.getsockname()[1]
        self.target = f"tcp:127.0.0.1:{self.port}"

    def accept(self):
        sock = self.listener.accept()[0]
        sock.settimeout(LIMIT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock


def take(sock, count=1):
    """The next probes."""
    data = client.receive(sock, SIZE * count)
    assert len(data) == SIZE * count, f"only {len(data)} bytes"
    return data


def echo(sock, count):
    for _ in range(count):
        sock.sendall(take(sock))


def echo_all(sock):
    """Until it ends: how many there were."""
    count = 0
    while data := client.receive(sock, SIZE):
        sock.sendall(data)
        count += 1
    return count


def ping(service, *arguments, count, interval="10ms", timeout=LONG):
    return Echoping("--json", "-c", count, "-i", interval, "-W", timeout,
                    *arguments, service.target)


def answered(it):
    """The probes that were, in time or not."""
    return [reply["sequence"] for reply in it.objects("reply")]


def reasons(it):
    """Why each lost probe is lost."""
    return {lost["sequence"]: lost["reason"] for lost in it.objects("lost")}


@case("replies byte by byte, and several in one piece")
def pieces():
    service = Service()
    with ping(service, count=6) as it:
        sock = service.accept()
        for byte in take(sock, 2):
            sock.sendall(bytes([byte]))
        data = take(sock, 4)
        sock.sendall(data[:100])
        sock.sendall(data[100:])
        it.wait()
    assert it.status == 0
    assert_tally(it.summary(), received=6)
    assert [reply["bytes"] for reply in it.objects("reply")] == 6 * [SIZE]


@case("a corrupt byte: told where; the rest of the connection is lost")
def corrupt():
    service = Service()
    with ping(service, count=5, interval="100ms") as it:
        sock = service.accept()
        data = bytearray(take(sock, 3))
        data[SIZE + 23] ^= 1
        # On a busy machine the fourth has followed.
        sock.sendall(data)
        after = echo_all(service.accept())
        it.wait()
    assert 1 <= after <= 2, after
    assert_tally(it.summary(), received=1 + after, lost=4 - after, corrupt=1,
                 errors=3 - after)
    (reply,) = [it for it in it.objects("reply") if it["faults"]]
    assert reply["faults"] == ["corrupt"] and reply["sequence"] == 2
    assert reply["first_wrong_byte"] == 23
    assert reasons(it) == {n: "the stream is corrupt"
                           for n in range(3, 6 - after)}


@case("more than was sent: told, and connected again")
def too_much():
    service = Service()
    with ping(service, count=2, interval="200ms") as it:
        sock = service.accept()
        sock.sendall(take(sock) + b"!")
        line = it.read_error()
        echo(service.accept(), 1)
        it.wait()
    assert line == f"echoping: {service.target}: more came back than was " \
        "sent\n", line
    assert_tally(it.summary(), received=2)


@case("closed after half a reply, and a whole one: the rest is lost")
def half():
    service = Service()
    with ping(service, count=4, interval="100ms") as it:
        sock = service.accept()
        data = take(sock, 2)
        sock.sendall(data[:SIZE + SIZE // 2])
        sock.close()
        echo(service.accept(), 2)
        it.wait()
    assert_tally(it.summary(), received=3, lost=1, errors=1)
    assert reasons(it) == {2: "closed by the peer"}


@case("reset: what was under way is lost with the reason")
def reset():
    service = Service()
    with ping(service, count=5, interval="100ms") as it:
        sock = service.accept()
        take(sock, 3)
        # On a busy machine the fourth may be there by now.
        client.reset(sock)
        after = echo_all(service.accept())
        it.wait()
    assert 1 <= after <= 2, after
    lost = 5 - after
    assert_tally(it.summary(), received=after, lost=lost, errors=lost)
    assert reasons(it) == {n: "Connection reset by peer"
                           for n in range(1, lost + 1)}


@case("closes each connection at once: every probe is lost, none hangs")
def closes_at_once():
    service = Service()
    with ping(service, count=5, interval="50ms") as it:
        service.listener.settimeout(0.05)
        while not it.ended():
            try:
                service.accept().close()
            except TimeoutError:
                pass
        it.wait()
    summary = it.summary()
    assert it.status == 1
    assert summary["sent"] == summary["lost"] == 5
    assert set(reasons(it).values()) <= {
        "closed by the peer", "Connection reset by peer", "Broken pipe"}


@case("goes away and comes back: lost with the reason, then connected again")
def comes_back():
    service = Service()
    with ping(service, count=60, interval="20ms") as it:
        sock = service.accept()
        echo(sock, 3)
        service.listener.close()
        gone = client.nobody(port=service.port)
        sock.close()
        while '"Connection refused"' not in it.read_line():
            pass
        service = Service(service.port)
        gone.close()
        sock = service.accept()
        it_back = take(sock)
        sock.sendall(it_back)
        back = int.from_bytes(it_back[:8], "little")
        echo(sock, 60 - back)
        it.wait()
    lost = back - 1 - 3
    assert lost >= 1
    assert_tally(it.summary(), received=60 - lost, lost=lost, errors=lost)
    assert set(reasons(it).values()) <= {
        "Connection refused", "closed by the peer", "Connection reset by peer"}
    assert [reply["sequence"] for reply in it.objects("reply")
            if reply["connected"]] == [back]
    (first,) = [reply for reply in it.objects("reply")
                if reply["sequence"] == back]
    assert first["clock"] == "user"


@case("refused: told for each probe, exit status 1")
def refused():
    with client.nobody() as unused:
        port = unused.getsockname()[1]
        with Echoping("--json", "-c", 3, "-i", "10ms", "-W", LONG,
                      f"tcp:127.0.0.1:{port}") as it:
            it.wait()
    assert it.status == 1
    assert_tally(it.summary(), lost=3, errors=3)
    assert reasons(it) == {n: "Connection refused" for n in (1, 2, 3)}
    assert it.errors == ""


@case("accepts, but never answers: lost by the timeout, and no more")
def silent():
    service = Service()
    with ping(service, count=4, timeout="100ms") as it:
        sock = service.accept()
        take(sock, 4)
        it.wait()
    assert_tally(it.summary(), lost=4)
    assert set(reasons(it).values()) == {None}


@case("answers all at once after a long silence: late, none corrupt")
def long_silence():
    service = Service()
    with ping(service, count=1000000, timeout="50ms", interval="5ms") as it:
        sock = service.accept()
        data = take(sock, 150)  # more than are remembered
        for _ in range(100):
            it.read_line()  # so that it never waits for us
        sock.sendall(data)
        while answered(it)[-1:] != [150]:
            assert it.read_line(), "ended"
        it.signal(signal.SIGINT)
        it.wait()
    summary = it.summary()
    assert summary["corrupt"] == summary["errors"] == 0, summary
    assert 64 < summary["late"] <= summary["lost"], summary
    assert summary["late"] + summary["received"] == 150, summary
    assert answered(it) == list(range(1, 151))


@case("a peer that does not read: all is lost by the timeout")
def does_not_read():
    service = Service()
    service.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    with ping(service, "-s", "1M", count=20, timeout="200ms",
              interval="20ms") as it:
        sock = service.accept()
        it.wait()
        sock.close()
    assert_tally(it.summary(), lost=20)
    # None waits much longer than the others, whoever was sent.
    waited = [lost["waited_ns"] for lost in it.objects("lost")]
    assert min(waited) >= 200e6
    assert [lost["sequence"] for lost in it.objects("lost")] == \
        list(range(1, 21))


@case("a full backlog: lost by the timeout; what was given up is not sent")
def full_backlog():
    service = Service(backlog=0)
    filler = client.connect(("127.0.0.1", service.port))
    with ping(service, count=0 + 200, timeout="50ms",
              interval="20ms") as it:
        while it.read_line().find('"lost"') < 0:
            pass
        service.accept().close()
        filler.close()
        sock = service.accept()
        first = int.from_bytes(take(sock)[:8], "little")
        it.interrupt()
    lost = [one["sequence"] for one in it.objects("lost")]
    assert first > 1 and set(range(1, first)) <= set(lost), (first, lost)
    assert set(reasons(it).values()) == {None}


@case("--connect: a connection for each probe, none left open")
def connect():
    service = Service()
    with ping(service, "--connect", count=20, interval="5ms") as it:
        ports, descriptors = set(), set()
        for _ in range(20):
            sock = service.accept()
            ports.add(sock.getpeername()[1])
            data = take(sock)
            descriptors.add(it.descriptors())
            sock.sendall(data)
            assert sock.recv(1) == b""
            sock.close()
        it.wait()
    assert it.status == 0
    assert_tally(it.summary(), received=20)
    assert len(ports) == 20 and len(descriptors) == 1
    assert all(reply["connected"] for reply in it.objects("reply"))
    assert {reply["port"] for reply in it.objects("reply")} == ports


@case("--connect: one probe after the other, whatever the interval")
def one_after_the_other():
    service = Service()
    with ping(service, "--connect", count=3, interval="1ms") as it:
        for number in range(1, 4):
            sock = service.accept()
            data = take(sock)
            assert int.from_bytes(data[:8], "little") == number
            service.listener.settimeout(0.1)
            try:
                service.accept()
                raise AssertionError("the next did not wait for this one")
            except TimeoutError:
                service.listener.settimeout(LIMIT)
            sock.sendall(data)
        it.wait()
    assert_tally(it.summary(), received=3)
    assert all(reply["rtt_ns"] >= 100e6 for reply in it.objects("reply"))


if __name__ == "__main__":
    main(side_by_side=4)

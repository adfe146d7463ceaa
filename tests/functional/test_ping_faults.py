#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""What can happen to datagrams, made to happen: each is told and counted."""

import os
import socket
import time

import client
from daemon import LIMIT, readable
from echodtest import case, main
from pinger import Echoping, assert_tally

LONG = "20s"  # nothing is late


class Service:
    """A UDP echo service that does as it is told."""

    def __init__(self, host="127.0.0.1"):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_DGRAM)
        self.sock.bind((host, 0))
        self.sock.settimeout(LIMIT)
        self.target = "udp:%s:%d" % (
            f"[{host}]" if ":" in host else host, self.sock.getsockname()[1])
        self.other = socket.socket(family, socket.SOCK_DGRAM)
        self.other.bind((host, 0))
        self.peer = self.echoping = None

    def take(self):
        """The next probe."""
        data, self.peer = self.sock.recvfrom(65536)
        return data

    def give(self, *messages):
        """Send these to where the last probe came from."""
        for data in messages:
            self.sock.sendto(data, self.peer)

    def take_all(self, count):
        return [self.take() for _ in range(count)]


def ping(service, script, *arguments, count, size=64, timeout=LONG,
         interval="10ms"):
    """Run echoping while the script does the service's part; its output."""
    with Echoping("--json", "-c", count, "-i", interval, "-W", timeout,
                  "-s", size, *arguments, service.target) as it:
        service.echoping = it
        script(service)
        it.wait()
    if count > 0:
        assert it.status in (0, 1), it.errors
    return it


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1:]


def replies(it, *faults):
    """The sequences of the replies with exactly these faults."""
    return [reply.get("sequence") for reply in it.objects("reply")
            if sorted(reply["faults"]) == sorted(faults)]


@case("a duplicate is told and counted")
def duplicate():
    def script(service):
        first, second = service.take_all(2)
        service.give(first, first, first, second)

    it = ping(Service(), script, count=2)
    assert it.status == 0
    assert_tally(it.summary(), received=2, duplicate=2)
    assert replies(it) == [1, 2]
    assert replies(it, "duplicate") == [1, 1]
    assert all(reply["rtt_ns"] is None for reply in it.objects("reply")
               if "duplicate" in reply["faults"])


@case("replies that were overtaken are told and counted")
def reordered():
    def script(service):
        probes = service.take_all(5)
        service.give(*(probes[i] for i in (1, 0, 4, 3, 2)))

    it = ping(Service(), script, count=5)
    assert_tally(it.summary(), received=5, reordered=3)
    assert replies(it) == [2, 5]
    assert replies(it, "reordered") == [1, 4, 3]


@case("a reply after the timeout is late, and lost before")
def late():
    def script(service):
        first = service.take()
        service.take()  # by then the first is lost
        service.give(first)
        service.give(service.take())

    it = ping(Service(), script, count=3, timeout="800ms", interval="2s")
    assert_tally(it.summary(), received=1, lost=2, late=1)
    (reply,) = [it for it in it.objects("reply") if it["faults"]]
    assert reply["sequence"] == 1 and reply["faults"] == ["late"]
    assert reply["rtt_ns"] > 800e6
    assert [lost["sequence"] for lost in it.objects("lost")] == [1, 2]
    assert all(lost["reason"] is None and lost["waited_ns"] >= 800e6
               for lost in it.objects("lost"))


@case("a reply so late that it is forgotten is known as ours")
def forgotten():
    def script(service):
        probes = service.take_all(200)
        service.give(probes[0], flipped(probes[0], 63), probes[0][:40])
        service.give(service.take())

    it = ping(Service(), script, count=201, timeout="10ms")
    told = it.objects("reply")[:3]
    assert [reply["sequence"] for reply in told] == [1, 1, 1]
    assert [sorted(reply["faults"]) for reply in told] == [
        ["late"], ["corrupt", "late"], ["late", "truncated"]], told
    assert all(reply["rtt_ns"] is None for reply in told)
    assert it.summary()["late"] >= 3


@case("each byte that is wrong is found: header, nonce and body")
def corrupt():
    places = (0, 1, 7, 8, 12, 15, 16, 17, 40, 63)

    def script(service):
        for place in places:
            service.give(flipped(service.take(), place))

    it = ping(Service(), script, count=len(places))
    assert it.status == 1
    assert_tally(it.summary(), lost=len(places), corrupt=len(places))
    assert replies(it, "corrupt") == list(range(1, len(places) + 1))
    assert [reply["first_wrong_byte"] for reply in it.objects("reply")] == \
        list(places)


@case("more than was sent is told and counted")
def longer():
    def script(service):
        for extra in (1, 7, 100):
            service.give(service.take() + bytes(extra))

    for size in (0, 1, 8, 15, 16, 64):
        it = ping(Service(), script, count=3, size=size)
        assert_tally(it.summary(), lost=3, corrupt=3)
        assert [(reply["bytes"], reply["first_wrong_byte"])
                for reply in it.objects("reply")] == \
            [(size + extra, size) for extra in (1, 7, 100)]


@case("less than was sent is told and counted, down to nothing")
def truncated():
    lengths = (63, 40, 17, 16, 15, 12, 9, 8, 7, 3, 1, 0)

    def script(service):
        for length in lengths:
            service.give(service.take()[:length])

    it = ping(Service(), script, count=len(lengths))
    assert_tally(it.summary(), lost=len(lengths), truncated=len(lengths))
    assert replies(it, "truncated") == list(range(1, len(lengths) + 1))
    assert [(reply["bytes"], reply["expected_bytes"])
            for reply in it.objects("reply")] == [(it, 64) for it in lengths]


@case("a reply from another port or address is told and counted")
def misaddressed():
    def script(service):
        data = service.take()
        service.other.sendto(data, service.peer)
        data = service.take()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.77", service.sock.getsockname()[1]))
            other.sendto(data, service.peer)
        service.give(service.take())

    service = Service()
    it = ping(service, script, count=3)
    assert_tally(it.summary(), received=3, misaddressed=2)
    assert replies(it, "misaddressed") == [1, 2]
    port = service.sock.getsockname()[1]
    assert [reply["from"] for reply in it.objects("reply")] == [
        "127.0.0.1:%d" % service.other.getsockname()[1],
        f"127.0.0.77:{port}", f"127.0.0.1:{port}"]


@case("datagrams of strangers are told apart, and do no harm")
def foreign():
    strangers = [os.urandom(size) for size in (9, 15, 16, 17, 64, 100, 1400)]

    def script(service):
        probe = service.take()
        service.give(*strangers)
        # Short ones are anyone's, unless the one who was asked sent them.
        for size in (0, 1, 7, 8, 15):
            service.other.sendto(probe[:size], service.peer)
        service.give(probe)

    it = ping(Service(), script, count=1)
    assert it.status == 0
    assert_tally(it.summary(), received=1, foreign=len(strangers) + 5)
    assert all(reply["sequence"] is None for reply in it.objects("reply")
               if reply["faults"] == ["foreign"])


@case("datagrams of another run are not ours")
def another_run():
    service, other = Service(), Service()
    with Echoping("--json", "-c", 2, "-i", "10ms", other.target) as second:
        strange = other.take_all(2)
        it = ping(service, lambda service: [
            service.give(strange[0], strange[1], probe)
            for probe in service.take_all(2)], count=2)
        other.give(*strange)
        second.wait()
    # Number and body are the same, only the nonce is another.
    assert_tally(it.summary(), received=2, foreign=4)
    assert_tally(second.summary(), received=2)


@case("small replies are told apart by the little that fits")
def small():
    def script(service):
        probes = service.take_all(6)
        service.give(*(probes[i] for i in (1, 0, 2, 3, 3, 5, 4)))

    for size in (1, 2, 3, 7, 8, 9, 15):
        it = ping(Service(), script, count=6, size=size)
        assert_tally(it.summary(), received=6, duplicate=1, reordered=2)
        assert replies(it, "duplicate") == [4]
        assert replies(it, "reordered") == [1, 5]


@case("empty replies are taken for the oldest")
def empty():
    def script(service):
        service.take_all(3)
        service.give(b"", b"")
        service.give(b"not empty")

    it = ping(Service(), script, count=3, size=0)
    assert_tally(it.summary(), received=2, lost=1, corrupt=1)
    assert replies(it) == [1, 2]


@case("all at once: each is counted for itself")
def mixed():
    def script(service):
        probes = service.take_all(10)
        service.give(probes[9], flipped(probes[0], 20), probes[1][:20],
                     probes[2], probes[2], b"somebody else's", probes[3])
        service.other.sendto(probes[4], service.peer)
        service.other.sendto(flipped(probes[5], 60), service.peer)
        service.other.sendto(probes[6][:33], service.peer)
        service.give(probes[7], probes[8] + b"!")

    it = ping(Service(), script, count=10)
    assert_tally(it.summary(), received=5, lost=5, duplicate=1, reordered=4,
                 corrupt=3, truncated=2, misaddressed=3, foreign=1)


@case("a broken reply and then a whole one: lost, and a duplicate")
def broken_then_whole():
    def script(service):
        first, second = service.take_all(2)
        service.give(flipped(first, 30), first, second)

    it = ping(Service(), script, count=2)
    assert_tally(it.summary(), received=1, lost=1, corrupt=1, duplicate=1)


@case("a closed port: lost at once, with the reason, and others are not")
def closed_port():
    service = Service()
    port = service.sock.getsockname()[1]
    service.sock.close()
    gone = client.nobody(socket.SOCK_DGRAM, port)
    with Echoping("--json", "-i", "50ms", "-c", 40, "-W", LONG,
                  service.target) as it:
        it.read_line()
        for _ in range(3):
            it.read_line()
        service.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        service.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        service.sock.bind(("127.0.0.1", port))
        service.sock.settimeout(LIMIT)
        gone.close()
        data = service.take()
        first = int.from_bytes(data[:8], "little")
        service.give(data)
        for _ in range(40 - first):
            service.give(service.take())
        it.wait()
    lost = it.objects("lost")
    assert [one["sequence"] for one in lost] == list(range(1, first))
    assert {one["reason"] for one in lost} == {"Connection refused"}
    assert {one["from"] for one in lost} == {"127.0.0.1"}
    assert_tally(it.summary(), received=41 - first, lost=first - 1,
                 errors=first - 1)


@case("what is under way at the end is neither lost nor received")
def under_way():
    def script(service):
        service.give(service.take())
        service.take_all(3)

    service = Service()
    with Echoping("--json", "-i", "20ms", "-W", LONG, service.target) as it:
        script(service)
        it.interrupt()
    summary = it.summary()
    assert it.status == 0
    assert summary["under_way"] >= 3 and summary["lost"] == 0
    assert_tally(summary, received=1, under_way=summary["under_way"])


@case("replies that came in time while it was stopped count")
def stopped():
    def script(service):
        probes = service.take_all(100)
        service.echoping.pause()
        service.give(*probes)
        time.sleep(2.5)  # more than the timeout
        service.echoping.resume()
        while not service.echoping.ended():
            if readable(service.sock, timeout=0.05):
                service.give(service.take())

    it = ping(Service(), script, count=150, interval="5ms", timeout="2s")
    assert_tally(it.summary(), received=150)


@case("replies that came too late while it was stopped do not")
def stopped_late():
    def script(service):
        first = service.take()
        service.echoping.pause()
        time.sleep(0.5)
        service.give(first)
        service.echoping.resume()

    it = ping(Service(), script, count=1, timeout="200ms")
    assert_tally(it.summary(), lost=1, late=1)


if __name__ == "__main__":
    main(side_by_side=4)

#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""echoping --conformance finds nothing in echod."""

import os

import netspace
import pinger
import schema
from conformer import LIMIT, PATIENCE, Result, expect_ok
from daemon import KEEP_USER, Echod
from echodtest import Skip, case, main, note
from wrong import Wrong

PRIVILEGED = ("datagram from source port 0", "datagram from a port below 1024")
LOOP = "datagram from the service's own address and port"
IPV6 = ("datagram from ::", "datagram from a v4-mapped source",
        "datagram from a v4-compatible source", LOOP)
OTHER = {"datagram from the service's own port"}
BROADCAST6 = ("datagram to a broadcast address",
              "datagram to a multicast address")


def ways(echod):
    """The port of a daemon that serves TCP and UDP on one."""
    tcp, udp = echod.address("tcp"), echod.address("udp")
    assert tcp == udp, (tcp, udp)
    return tcp[1]


def without_privileges():
    """What needs them is expected to be not applicable."""
    if KEEP_USER and os.geteuid() == 0:
        raise Skip("root stays root in this build")


@case("echod, TCP and UDP over IPv4, as an ordinary user: all ok")
def echod_ipv4():
    without_privileges()
    with Echod("-l", "127.0.0.1:0") as echod:
        expect_ok(Result(f"127.0.0.1:{ways(echod)}"), *PRIVILEGED, *IPV6)


@case("echod over IPv6, as an ordinary user: all ok")
def echod_ipv6():
    without_privileges()
    with Echod("-l", "[::1]:0") as echod:
        result = Result(f"[::1]:{ways(echod)}")
        expect_ok(result, *PRIVILEGED, *BROADCAST6, *IPV6, *(
            OTHER & result.titles("not applicable")))


@case("echod on Unix sockets of all three kinds: all ok")
def echod_unix():
    for scheme in ("unix", "unix-dgram", "unix-seqpacket"):
        name = f"{scheme}:@echod-test-{os.getpid()}"
        with Echod("-l", name):
            expect_ok(Result(name))


def loopback():
    """A namespace of its own, where ::10.7.0.9 is an address, too."""
    netspace.isolate()
    netspace.ip("addr", "add", "::10.7.0.9/128", "dev", "lo")


@case("echod, as root, IPv4: what needs privileges is ok, too", keep_root=True)
def root_ipv4():
    loopback()
    with Echod("-l", "127.0.0.1:4007"):
        expect_ok(Result("127.0.0.1:4007"), *IPV6)


@case("echod, as root, IPv6: what needs privileges is ok, too", keep_root=True)
def root_ipv6():
    loopback()
    with Echod("-l", "[::1]:4007"):
        expect_ok(Result("[::1]:4007"), *BROADCAST6, LOOP)


# Its wildcard sockets leave no other address of its port.
@case("echod, as root, all addresses, asked over IPv4", keep_root=True)
def wildcard_ipv4():
    loopback()
    with Echod("-l", "4007"):
        expect_ok(Result("127.0.0.1:4007"), *OTHER, *IPV6)


@case("echod, as root, all addresses, asked over IPv6", keep_root=True)
def wildcard_ipv6():
    loopback()
    with Echod("-l", "4007"):
        expect_ok(Result("[::1]:4007"), *OTHER, *BROADCAST6, LOOP)


def behind_a_cable(target, *not_applicable):
    netspace.isolate()
    neighbour = netspace.Neighbour()
    with Echod("-l", "4007"), neighbour:
        expect_ok(Result(target), *not_applicable)


@case("echod behind a cable, IPv4: its own broadcast and multicast",
      keep_root=True)
def cable_ipv4():
    behind_a_cable("10.7.0.1:4007", *IPV6)


@case("echod behind a cable, IPv6", keep_root=True)
def cable_ipv6():
    behind_a_cable("[fd07::1]:4007", "datagram from ::", LOOP,
                   "datagram to a broadcast address",
                   "datagram from a v4-compatible source")


@case("the same from its own machine: all addresses", keep_root=True)
def at_the_cable():
    netspace.isolate()
    netspace.Neighbour()
    with Echod("-l", "4007"):
        result = Result("10.7.0.1:4007")
        expect_ok(result, *OTHER, *IPV6)
        assert result.detail("address that answers").startswith(
            "of 6 addresses 6 answer")


# Nobody can tell whether it is that machine that asks one IPv6 address of it
# from another.
@case("the same over IPv6: the address that was asked, and those of lo",
      keep_root=True)
def at_the_cable6():
    netspace.isolate()
    netspace.Neighbour()
    with Echod("-l", "4007") as echod:
        result = Result("[fd07::1]:4007")
        expect_ok(result, *OTHER, LOOP, "datagram to a broadcast address",
                  "datagram from a v4-compatible source")
        note(result.detail("address that answers"))
        note(echod.counters()["datagrams_refused_own"])


@case("a right service made for these tests: all ok")
def right_service():
    without_privileges()
    with Wrong() as right:
        expect_ok(Result(f"127.0.0.1:{right.port}"), *PRIVILEGED, *IPV6)


@case("one transport of two, each alone, and none: exit status and words")
def transports_alone():
    with Wrong("silent-tcp") as wrong:
        result = Result(*PATIENCE, f"127.0.0.1:{wrong.port}")
        assert result.failed() == {(0, "tcp")} and result.status == 1
        result = Result(*PATIENCE, "-u", f"127.0.0.1:{wrong.port}")
        assert result.status == 0
        assert {line[1] for line in result.lines} == {"udp"}
        result = Result(*PATIENCE, f"tcp:127.0.0.1:{wrong.port}")
        assert result.status == 2 and not result.lines
        assert result.errors.startswith(
            f"echoping: tcp:127.0.0.1:{wrong.port}: ")
    with Wrong("silent-udp") as wrong:
        result = Result(*PATIENCE, f"127.0.0.1:{wrong.port}")
        assert result.failed() == {(0, "udp")} and result.status == 1


@case("nobody is there: a line for each transport", keep_root=True)
def nobody():
    netspace.isolate()
    result = Result(*PATIENCE, "127.0.0.1:4007")
    assert result.status == 2 and not result.lines
    assert len(result.errors.splitlines()) == 2
    result = Result(*PATIENCE, f"unix:@nobody-{os.getpid()}")
    assert result.status == 2 and len(result.errors.splitlines()) == 1


@case("--json: an object for each line, as the schema says; colors")
def json_and_colors():
    with Wrong("empty") as wrong:
        target = f"udp:127.0.0.1:{wrong.port}"
        text = Result(*PATIENCE, target)
        run = pinger.echoping("--conformance", "--json", *PATIENCE, target,
                              target, limit=LIMIT)
        assert run.status == 1
        objects = run.objects()
        for one in objects:
            schema.check(one)
        half = len(objects) // 2
        assert [one["type"] for one in objects[:half]] == (
            ["conformance"] * len(text.lines) + ["conformance_summary"])
        for one, line in zip(objects, text.lines):
            assert (f"{one['row']:2}", one["transport"],
                    one["result"].replace("_", " "), one["title"]) == (
                *line[:2], line[2].lower(), line[3]), (one, line)
        assert [objects[half - 1][name] for name in (
            "ok", "failed", "not_applicable")] == text.counts
        run = pinger.echoping("--conformance", "--color=always", *PATIENCE,
                              target, limit=LIMIT)
        assert run.output.count("\033[31mFAILED") == 1, run.output


if __name__ == "__main__":
    # Rows that time messages are slow enough when instrumented.
    main(side_by_side=1 if pinger.sanitized() else 2)

#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""echoping over networks of the test's own: port 7, routers that refuse,
interfaces, the kernel's clock at a device."""

from daemon import Echod
from echodtest import case, main
from netspace import Neighbour, ip, isolate, set_sysctl
from pinger import assert_tally, echoping

FAST = ("--json", "-i", "5ms", "-W", "20s")
HERE, THERE = "10.7.0.1", "10.7.0.2"


def neighbour():
    """Another host, which may listen on port 7."""
    isolate()
    other = Neighbour()
    with other:
        ip("link", "set", "lo", "up")
        set_sysctl("ipv4/ip_unprivileged_port_start", "0")
    return other


def router():
    """The same; it forwards, and says so each time when it cannot."""
    other = neighbour()
    with other:
        # An icmp_ratelimit of 0 would take from a source what the kernel lets
        # it have of routes' errors, which is limited apart.
        for name, value in (("ipv4/ip_forward", "1"),
                            ("ipv6/conf/all/forwarding", "1"),
                            ("ipv4/icmp_ratemask", "0"),
                            ("ipv6/icmp/ratelimit", "0")):
            set_sysctl(name, value)
        for address in ("10.8.0.1", "fd08::1"):
            ip("route", "add", "unreachable", address)
        ip("route", "add", "prohibit", "10.8.0.2")
    ip("route", "add", "10.8.0.0/24", "via", THERE)
    ip("-6", "route", "add", "fd08::/64", "via", "fd07::2")
    return other


def lost(it):
    """Reasons and senders of errors of all that is lost."""
    return {(one["target"], one["reason"], one.get("from"))
            for one in it.objects("lost")}


@case("port 7, if none is given", keep_root=True)
def echo_port():
    isolate()
    set_sysctl("ipv4/ip_unprivileged_port_start", "0")
    with Echod("-l", "udp:127.0.0.1:7", "-l", "tcp:127.0.0.1:7",
               "-l", "tcp:[::1]:7"):
        for target in (("-u", "127.0.0.1"), ("127.0.0.1",), ("-4", "localhost"),
                       ("udp:127.0.0.1",), ("::1",), ("tcp:[::1]",)):
            it = echoping(*FAST, "-c", 2, *target)
            assert it.status == 0, (target, it.errors, it.output)
            assert_tally(it.summary(), received=2)
            assert it.summary()["target"].endswith(":7")


@case("by the kernel's clock over a network device", keep_root=True)
def device():
    with neighbour():
        echod = Echod("-l", f"udp:{THERE}:7", "-l", f"tcp:{THERE}:7",
                      "-l", "udp:[fd07::2]:7")
    with echod:
        for target in (f"udp:{THERE}", f"tcp:{THERE}", "udp:[fd07::2]"):
            it = echoping(*FAST, "-c", 200, target)
            assert_tally(it.summary(), received=200)
            assert it.summary()["clock"]["kernel"] > 150, it.summary()
        for source in ("here", HERE, "10.7.0.11"):
            it = echoping(*FAST, "-c", 3, "-I", source, f"udp:{THERE}",
                          f"tcp:{THERE}")
            assert it.status == 0, (source, it.errors)


@case("a route that says no: each probe is lost at once", keep_root=True)
def no_route():
    isolate()
    ip("route", "add", "unreachable", "10.9.0.1")
    ip("route", "add", "prohibit", "10.9.0.2")
    with Echod("-l", "udp:127.0.0.1:0") as echod:
        good = "udp:127.0.0.1:%d" % echod.address("udp")[1]
        it = echoping(*FAST, "-c", 10, "udp:10.9.0.1:7", good,
                      "udp:10.9.0.2:7", "tcp:10.9.0.1:7", "udp:192.0.2.1:7")
    assert it.status == 1
    dead, well, prohibited, stream, nowhere = it.objects("summary")
    assert_tally(well, received=10)
    for summary in (dead, prohibited, stream, nowhere):
        assert_tally(summary, lost=10, errors=10)
    assert {target: reason for target, reason, _ in lost(it)} == {
        "udp:10.9.0.1:7": "No route to host",
        "udp:10.9.0.2:7": "Permission denied",
        "tcp:10.9.0.1:7": "No route to host",
        "udp:192.0.2.1:7": "Network is unreachable"}


@case("a router that says no: lost at once, and who said so", keep_root=True)
def refusing_router():
    with router():
        echod = Echod("-l", f"udp:{THERE}:7")
    with echod:
        # A router sends few errors to one host: few probes from each source.
        for target, source, expected, well in (
                ("udp:10.8.0.1:7", HERE, "No route to host",
                 [f"udp:{THERE}:7"]),
                ("udp:10.8.0.2:7", "10.7.0.11", "No route to host",
                 [f"udp:{THERE}:7"]),
                ("udp:[fd08::1]:7", "fd07::1", "Network is unreachable", [])):
            it = echoping(*FAST, "-c", 3, "-s", 20, "-I", source, target,
                          *well)
            dead, *others = it.objects("summary")
            assert_tally(dead, lost=3, errors=3)
            for summary in others:
                assert_tally(summary, received=3)
            for told, reason, sender in lost(it):
                assert (told, reason) == (target, expected)
                assert sender in (THERE, "[fd07::2]", "[fd07::22]"), sender


@case("a router that says no to a connection", keep_root=True)
def refused_connection():
    router()
    it = echoping(*FAST, "-c", 3, "tcp:10.8.0.1:7")
    assert_tally(it.summary(), lost=3, errors=3)
    assert {reason for _, reason, _ in lost(it)} == {"No route to host"}


if __name__ == "__main__":
    main()

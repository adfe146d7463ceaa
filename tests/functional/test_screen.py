#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""Whoever forges a source gets nothing out of the service: no answer goes to a
service of its host, and what is refused is counted under its reason.  Clients
on the host itself are answered."""

import socket
import struct

import client
import netspace
from daemon import Echod, LIMIT, readable
from echodtest import case, main, note, until

PORT, SERVICE = 4007, 4999
BOTH = ("-l", f"udp:0.0.0.0:{PORT}", "-l", f"udp:[::]:{PORT}")
IPV6_FREEBIND = 78
IP_MULTICAST_ALL, IPV6_MULTICAST_ALL = 49, 29


class Host:
    """A host on a cable, with a service of its own that no answer may reach:
    it hears on all addresses, IPv4 and IPv6."""

    def __init__(self):
        netspace.isolate()
        self.neighbour = netspace.Neighbour()
        self.service = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self.service.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.service.bind(("::", SERVICE))
        with self.neighbour:
            self.honest = [client.datagrams((host, PORT))
                           for host in ("10.7.0.1", "fd07::1")]

    def forge(self, source, target, port=SERVICE, **keywords):
        with self.neighbour:
            netspace.forge((source, port), (target, PORT), **keywords)

    def assert_serves(self):
        """Honest clients are answered, after all that was sent before."""
        for sock in self.honest:
            client.assert_echo(sock)


def dual():
    """A socket for both families, as a service manager may pass one."""
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.bind(("::", PORT))
    return sock


def refused(echod):
    return {name.removeprefix("datagrams_refused_"): count
            for name, count in echod.counters().items()
            if name.startswith("datagrams_refused") and count}


FORGERIES = (
    # source, target, the reason; None: neither the kernel nor the fence lets
    # it through
    ("::", "fd07::1", "source"),
    ("::127.0.0.1", "fd07::1", "source"),
    ("::10.7.0.1", "fd07::1", "source"),
    ("::ffff:127.0.0.1", "fd07::1", "source"),
    ("::ffff:10.7.0.1", "fd07::1", "source"),
    ("::1", "fd07::1", None),
    ("ff02::1", "fd07::1", None),
    ("fd07::1", "fd07::1", None),
    ("fd07::11", "fd07::1", "own"),
    ("fd07::1", "fd07::11", "own"),
    ("0.0.0.5", "10.7.0.1", "source"),
    ("240.0.0.1", "10.7.0.1", "source"),
    ("224.0.0.1", "10.7.0.1", None),
    ("127.0.0.1", "10.7.0.1", None),
    ("10.7.0.1", "10.7.0.1", None),
    ("10.7.0.11", "10.7.0.1", None),
)


def _forge_all(host, echod):
    expected = {}
    for source, target, reason in FORGERIES:
        host.forge(source, target)
        host.assert_serves()
        if reason:
            expected[reason] = expected.get(reason, 0) + 1
        assert refused(echod) == expected, (source, target, refused(echod))
        assert not readable(host.service), f"{source} is answered"
    return expected


@case("21: forged sources: refused and counted, no local service is reached",
      keep_root=True)
def forged():
    host = Host()
    with Echod(*BOTH) as echod:
        note(_forge_all(host, echod))


@case("21: the same on a passed socket for both families", keep_root=True)
def forged_dual():
    host = Host()
    with Echod(sockets=[dual()]) as echod:
        note(_forge_all(host, echod))


@case("the service would be reached, and the forger heard: these tests see",
      keep_root=True)
def control():
    host = Host()
    for address in ("127.0.0.1", "10.7.0.1", "10.7.0.11", "::1", "fd07::1",
                    "fd07::11"):
        client.datagrams((address, SERVICE)).send(b"reached")
        assert host.service.recv(100) == b"reached"
    sock = dual()
    sock.settimeout(LIMIT)
    for source, target, reason in FORGERIES:
        if reason:
            host.forge(source, target, data=source.encode())
            assert sock.recv(100) == source.encode()
    # The kernel alone lets the service's own address through.
    host.forge("fd07::1", "fd07::1")
    assert sock.recv(100) == b"forged"


@case("forged IPv4 sources that the kernel is told to believe",
      keep_root=True)
def believed():
    host = Host()
    for device in ("all", "here"):
        for name, value in (("accept_local", "1"), ("route_localnet", "1"),
                            ("rp_filter", "0")):
            netspace.set_sysctl(f"ipv4/conf/{device}/{name}", value)
    plain = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    plain.settimeout(LIMIT)
    plain.bind(("0.0.0.0", PORT + 1))
    with Echod(*BOTH) as echod:
        for source in ("127.0.0.1", "10.7.0.1"):
            with host.neighbour:
                netspace.forge((source, SERVICE), ("10.7.0.1", PORT + 1))
            assert plain.recv(100) == b"forged"
            host.forge(source, "10.7.0.1")
            host.assert_serves()
        assert not readable(host.service)
        echod.await_counters(datagrams_sent=4)


# From an address of the host to another one (None: as the kernel chooses).
LOCAL = (("127.0.0.1", "127.0.0.1"), ("127.0.0.1", "10.7.0.1"),
         ("127.3.2.1", "127.9.9.9"), ("10.7.0.1", "10.7.0.1"),
         ("10.7.0.1", "10.7.0.11"), ("10.7.0.1", "127.0.0.1"),
         (None, "10.7.0.1"), (None, "10.7.0.11"),
         ("::1", "::1"), ("::1", "fd07::1"), ("fd07::1", "::1"),
         ("fd07::1", "fd07::1"), (None, "fd07::1"), (None, "fd07::11"))


def _ask_locally(echod):
    for source, target in LOCAL:
        note(f"{source} to {target}")
        client.assert_echo(client.datagrams(
            (target, PORT), source and (source, 0)))
    link_local = ("fe80::1", PORT, 0, socket.if_nametoindex("here"))
    client.assert_echo(client.datagrams(link_local))
    assert refused(echod) == {}, refused(echod)


@case("5: clients on high ports of the host's own addresses are answered",
      keep_root=True)
def local():
    netspace.isolate()
    netspace.Neighbour()
    with Echod(*BOTH) as echod:
        _ask_locally(echod)


@case("5: the same on a passed socket for both families, twice",
      keep_root=True)
def local_dual():
    netspace.isolate()
    netspace.Neighbour()
    sock = dual()
    for _ in range(2):  # the next instance finds the fence
        with Echod(sockets=[sock]) as echod:
            _ask_locally(echod)


@case("another address of the host as a client's: refused, nobody can tell",
      keep_root=True)
def local_other():
    netspace.isolate()
    netspace.Neighbour()
    with Echod(*BOTH) as echod:
        sock = client.datagrams(("fd07::1", PORT), ("fd07::11", 0))
        sock.send(b"honest")
        client.assert_echo(client.datagrams(("fd07::1", PORT)))
        assert not readable(sock)
        assert refused(echod) == {"own": 1}, refused(echod)


@case("an address that is added is ours after a second at most",
      keep_root=True)
def added():
    host = Host()
    with Echod(*BOTH) as echod:
        with host.neighbour:
            netspace.ip("addr", "add", "fd07::33/64", "nodad", "dev", "there")
            sock = client.datagrams(("fd07::1", PORT), ("fd07::33", 0))
        client.assert_echo(sock)
        netspace.ip("addr", "add", "fd07::33/64", "nodad", "dev", "here")

        def is_refused():
            host.forge("fd07::33", "fd07::1", port=SERVICE + 1)
            host.assert_serves()
            return refused(echod).get("own")

        until(is_refused, "the new address is known")
        host.forge("fd07::33", "fd07::1")
        host.assert_serves()
        assert not readable(host.service)


@case("a passed socket that may send from any address loses that",
      keep_root=True)
def freebind():
    host = Host()
    sock = dual()
    sock.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
    with Echod(sockets=[sock]) as echod:
        assert not sock.getsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND)
        assert _forge_all(host, echod)["own"] == 2


@case("a prefix that is ours by a route alone: its sources are not known",
      keep_root=True)
def any_ip():
    host = Host()
    netspace.ip("-6", "route", "add", "local", "2001:db8::/64", "dev", "lo")
    with host.neighbour:
        netspace.ip("-6", "route", "add", "2001:db8::/64", "via", "fd07::1")
        asked = client.datagrams(("2001:db8::7", PORT), ("fd07::2", 0))
    with Echod(*BOTH) as echod:
        asked.send(b"1")  # an answer cannot leave from there
        until(lambda: echod.counters()["datagrams_unsent"] == 1, "no answer")
        host.forge("2001:db8::8", "fd07::1")
        host.assert_serves()
        assert readable(host.service)  # as SECURITY of the manual says
        host.service.recv(100)
        netspace.set_sysctl("ipv6/ip_nonlocal_bind", "1")
        client.assert_echo(asked)
        host.assert_serves()
        assert refused(echod) == {}, refused(echod)


@case("4: groups that an earlier owner of a passed socket joined",
      keep_root=True)
def joined():
    host = Host()
    sock = dual()
    here = socket.if_nametoindex("here")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    sock.setsockopt(socket.IPPROTO_IP, IP_MULTICAST_ALL, 1)
    sock.setsockopt(socket.IPPROTO_IPV6, IPV6_MULTICAST_ALL, 1)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                    struct.pack("=4s4si", socket.inet_aton("224.0.0.77"),
                                bytes(4), here))
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                    socket.inet_pton(socket.AF_INET6, "ff02::77") +
                    struct.pack("=i", here))
    with host.neighbour:
        netspace.ip("route", "add", "default", "dev", "there")
        netspace.ip("-6", "route", "add", "ff02::/16", "dev", "there",
                    "table", "local")
    with Echod(sockets=[sock]) as echod:
        for source, target in (("10.7.0.2", "10.7.0.255"),
                               ("10.7.0.2", "255.255.255.255"),
                               ("10.7.0.2", "224.0.0.77"),
                               ("fd07::2", "ff02::77%there")):
            host.forge(source, target)
        # Of these everybody is a member, and nobody has joined.
        host.forge("10.7.0.2", "224.0.0.1")
        host.forge("fd07::2", "ff02::1%there")
        # A broadcast address as source, to which nothing can be sent.
        host.forge("10.7.0.255", "10.7.0.1")
        host.assert_serves()
        counters = echod.counters()
        assert refused(echod) == {"group": 4}, refused(echod)
        assert counters["datagrams_unsent"] == 1, counters
        assert counters["datagrams_received"] == 7, counters


SERVICES = (7, 19, 53, 123, 1023, 1900, 2049, 3702, 5353, 5355, 11211)


def _ports_answered(host, echod, *ports):
    """Those of the ports that are answered, asked from forged sources."""
    with host.neighbour:
        watch = socket.socket(socket.AF_INET, socket.SOCK_RAW,
                              socket.IPPROTO_UDP)
        watch.bind(("10.7.0.2", 0))
    for port in ports:
        host.forge("10.7.0.2", "10.7.0.1", port=port)
    host.assert_serves()
    answered = set()
    while readable(watch):
        answered.add(struct.unpack("!H", watch.recv(100)[22:24])[0])
    watch.close()
    return answered & set(ports)


@case("5: ports of services, but for those that are allowed", keep_root=True)
def services():
    host = Host()
    asked = (0, PORT, *SERVICES, 1024, 65535)
    for option, allowed in ((None, set()),
                            ("53,123,1000-1023", {53, 123, 1023}),
                            ("1900-11211", set(SERVICES[5:])),
                            ("all", set(SERVICES))):
        with Echod(*BOTH, *([f"--allow-source-ports={option}"] if option
                            else [])) as echod:
            assert _ports_answered(host, echod, *asked) == (
                allowed | {1024, 65535})
            assert refused(echod) == {"port": len(asked) - 2 - len(allowed)}


if __name__ == "__main__":
    main()

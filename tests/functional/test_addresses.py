#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""Replies leave from the address that was asked; what nobody should have sent
is not answered."""

import socket

import client
import netspace
from daemon import Echod, LIMIT, readable
from echodtest import case, main, note

ANY = ("-l", "udp:*:0")
ANY4 = ("-l", "udp:0.0.0.0:0")
ANY6 = ("-l", "udp:[::]:0")


def _refused(echod):
    return {name: count for name, count in echod.counters().items()
            if name.startswith("datagrams_refused") and count}


@case("3: a wildcard socket replies from each of 100 addresses")
def loopback_addresses():
    with Echod(*ANY4) as echod:
        port = echod.address("udp")[1]
        for number in range(1, 101):
            client.assert_echo(client.datagrams((f"127.0.{number}.9", port)))


@case("3: a dual-stack socket replies to IPv6 and to v4-mapped peers")
def dual_stack():
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.bind(("::", 0))
    port = sock.getsockname()[1]
    with Echod(sockets=[sock]):
        for host in ("127.0.0.1", "127.0.0.2", "127.9.8.7", "::1"):
            client.assert_echo(client.datagrams((host, port)))


@case("3: several addresses of a link, IPv4, IPv6 and link-local with scope",
      keep_root=True)
def link_addresses():
    netspace.isolate()
    neighbour = netspace.Neighbour()
    with Echod(*ANY4, *ANY6) as echod:
        ports = [address[1] for address in echod.addresses("udp")]
        for host in ("10.7.0.1", "10.7.0.11", "fd07::1", "fd07::11",
                     "fe80::1"):
            with neighbour:
                sock = client.datagrams(_on_link(host, ports[":" in host]))
            client.assert_echo(sock)


def _on_link(host, port):
    """The address as the neighbour knows it: link-local ones with scope."""
    if host.startswith("fe80:"):
        return host, port, 0, socket.if_nametoindex("there")
    return host, port


@case("4: broadcast and multicast are not answered", keep_root=True)
def broadcast():
    netspace.isolate()
    neighbour = netspace.Neighbour()
    with Echod(*ANY4) as echod:
        port = echod.address("udp")[1]
        with neighbour:
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.settimeout(LIMIT)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            netspace.ip("route", "add", "default", "dev", "there")
            for host in ("10.7.0.255", "255.255.255.255", "224.0.0.1"):
                sock.sendto(host.encode(), (host, port))
            sock.sendto(b"to one", ("10.7.0.1", port))
        assert sock.recv(100) == b"to one"
        refused = _refused(echod)
        note(refused)
        # The kernel itself may withhold multicast that nobody joined.
        assert refused["datagrams_refused_group"] in (2, 3)
        assert not readable(sock)


@case("4: multicast over IPv6 is not answered", keep_root=True)
def multicast6():
    netspace.isolate()
    neighbour = netspace.Neighbour()
    with Echod(*ANY6) as echod:
        port = echod.address("udp")[1]
        with neighbour:
            sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            sock.settimeout(LIMIT)
            scope = socket.if_nametoindex("there")
            sock.sendto(b"to all", ("ff02::1", port, 0, scope))
            sock.sendto(b"to one", ("fe80::1", port, 0, scope))
        assert sock.recv(100) == b"to one"
        assert not readable(sock)


@case("5: a datagram from source port 0 is dropped and counted",
      keep_root=True)
def source_port_zero():
    netspace.isolate()
    with Echod(*ANY4, *ANY6) as echod:
        four, six = echod.addresses("udp")
        sock = client.datagrams(("127.0.0.1", four[1]))
        sock6 = client.datagrams(("::1", six[1]))
        for _ in range(3):
            netspace.send_from_port(0, "127.0.0.1", ("127.0.0.1", four[1]),
                                    b"zero")
            netspace.send_from_port6(0, "::1", ("::1", six[1]), b"zero")
            client.assert_echo(sock)
            client.assert_echo(sock6)
        assert sum(_refused(echod).values()) == 6, _refused(echod)


@case("5: a datagram from a port that echod itself listens on is dropped")
def own_port():
    with Echod("-l", "udp:127.0.0.1:0") as echod:
        address = echod.address("udp")
        echo = client.datagrams(address, source=("127.0.0.2", address[1]))
        client.assert_echo(client.datagrams(address))
        echo.send(b"I am an echo service, too")
        client.assert_echo(client.datagrams(address))
        assert not readable(echo), "two services would echo for ever"
        assert sum(_refused(echod).values()) == 1, _refused(echod)


@case("5: a datagram from a port below 1024 is dropped", keep_root=True)
def privileged_port():
    netspace.isolate()
    with Echod("-l", "udp:127.0.0.1:0") as echod:
        address = echod.address("udp")
        for port in (7, 13, 19, 53, 1023):
            sock = client.datagrams(address, source=("127.0.0.1", port))
            sock.send(b"I am another service")
        client.assert_echo(client.datagrams(address, ("127.0.0.1", 1024)))
        assert not readable(sock)
        assert sum(_refused(echod).values()) == 5, _refused(echod)


@case("12: replies that cannot be sent cost no other datagram its reply",
      keep_root=True)
def unsendable_replies():
    netspace.isolate()
    neighbour = netspace.Neighbour()
    netspace.ip("-6", "route", "add", "unreachable", "fd07::22/128")
    with Echod(*ANY6) as echod:
        address = ("fd07::1", echod.address("udp")[1])
        with neighbour:
            good = client.datagrams(address, source=("fd07::2", 0))
            bad = client.datagrams(address, source=("fd07::22", 0))
        echod.pause()
        for number in range(30):
            (bad if number % 3 else good).send(b"%d" % number)
        echod.resume()
        for number in range(0, 30, 3):
            client.same(good.recv(100), b"%d" % number)
        client.assert_echo(good)
        assert not readable(bad)
        assert echod.counters()["datagrams_unsent"] == 20, echod.counters()


@case("TCP: every local address, IPv4 and IPv6, of a `*` listener")
def tcp_wildcard():
    with Echod("-l", "tcp:*:0") as echod:
        for host, port in echod.addresses("tcp"):
            for target in (("127.0.0.1", "127.3.2.1") if "." in host
                           else ("::1",)):
                client.assert_echo(client.connect((target, port)))


if __name__ == "__main__":
    main()

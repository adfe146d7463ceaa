# SPDX-License-Identifier: MIT
"""Three hosts: the service's, and on a cable each an attacker's and an honest
client's.

    attacker  10.7.0.2 ──────── 10.7.0.1  service  10.8.0.1 ──────── 10.8.0.2
                      "attacked"                    "served"         10.8.0.3
    forged sources are routed to the attacker       the honest client's

What is on a cable is the kernel's count at the service's end of it: the proof
that an attack took place is what arrived there.
"""

import collections
import os
import socket
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
for _room in ("functional", "compare"):
    sys.path.append(os.path.join(HERE, "..", _room))

import netspace  # noqa: E402

PORT = 7
TARGET, TARGET6 = "10.7.0.1", "fd07::1"  # as the attacker sees the service
ATTACKER, ATTACKER6 = "10.7.0.2", "fd07::2"
SERVICE = "10.8.0.1"  # as the honest client sees it
HONEST, BYSTANDER = "10.8.0.2", "10.8.0.3"
SERVICE6, BYSTANDER6 = "fd08::1", "fd08::2"
# Of the attacker: of its sockets, and of hosts that do not exist.
MANY, NOBODY = "10.10.0.0/16", "10.9.0.1"
ATTACKED, SERVED, LOOPBACK = "attacked", "served", "lo"
_FIRST = 10 << 24 | 10 << 16 | 1

ETH_P_ALL, PACKET_OUTGOING = 3, 4

Traffic = collections.namedtuple("Traffic", "received sent")


def source(number):
    """One of the addresses that the attacker's sockets may have."""
    return socket.inet_ntoa(struct.pack("!I", _FIRST + number))


def traffic(device):
    """Packets that a device of the present namespace has taken and given."""
    with open("/proc/thread-self/net/dev", encoding="utf-8") as file:
        for line in file:
            name, _, rest = line.partition(":")
            if name.strip() == device:
                fields = rest.split()
                return Traffic(int(fields[1]), int(fields[9]))
    raise AssertionError(f"no device {device}")


def datagrams():
    """What sockets of the present namespace have received and sent over
    UDP/IPv4, without what is forged."""
    with open("/proc/thread-self/net/snmp", encoding="utf-8") as file:
        names, values = (line.split()[1:] for line in file
                         if line.startswith("Udp:"))
    found = dict(zip(names, map(int, values)))
    return Traffic(found["InDatagrams"], found["OutDatagrams"])


class Watch:
    """Datagrams that come from the service's port, seen on the device that
    leads to it: whom they are for."""

    def __init__(self):
        self._sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM,
                                   socket.htons(ETH_P_ALL))
        self._sock.bind(("there", ETH_P_ALL))
        self._sock.setblocking(False)

    def take(self):
        """The addresses, as text, since the last time."""
        found = collections.Counter()
        while True:
            try:
                data, (_, _, kind, *_) = self._sock.recvfrom(2048)
            except BlockingIOError:
                return found
            if kind != PACKET_OUTGOING and (target := _answered(data)):
                found[target] += 1

    def close(self):
        self._sock.close()


def _answered(data):
    """Whom a packet of the service's is for; None of other packets."""
    six = data[0] >> 4 == 6
    at = 40 if six else 20
    protocol = data[6 if six else 9]
    if (protocol != socket.IPPROTO_UDP or
            struct.unpack("!H", data[at:at + 2])[0] != PORT):
        return None
    if six:
        return socket.inet_ntop(socket.AF_INET6, data[24:40])
    return socket.inet_ntop(socket.AF_INET, data[16:20])


class Stage:
    """The present process becomes part of the service's host."""

    def __init__(self):
        netspace.isolate()
        self.attacker = netspace.Neighbour(ATTACKED, 7)
        self.honest = netspace.Neighbour(SERVED, 8)
        netspace.ip("route", "add", "default", "via", ATTACKER)
        netspace.ip("-6", "route", "add", "default", "via", ATTACKER6)
        # Whoever forges comes along the wrong cable.
        for device in ("all", ATTACKED):
            netspace.set_sysctl(f"ipv4/conf/{device}/rp_filter", "0")
        netspace.set_sysctl("ipv4/tcp_syncookies", "1")
        with self.attacker:
            netspace.ip("link", "set", "lo", "up")
            netspace.ip("route", "add", "local", MANY, "dev", "lo")
            netspace.ip("route", "add", "default", "dev", "there")
            netspace.ip("-6", "route", "add", "ff02::/16", "dev", "there",
                        "table", "local")
        with self.honest:
            netspace.ip("addr", "add", f"{BYSTANDER}/24", "dev", "there")
            netspace.ip("route", "add", "default", "via", SERVICE)

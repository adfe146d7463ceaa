# SPDX-License-Identifier: MIT
"""Network namespaces of a case's own: addresses, broadcast, limits at will.

A case that calls isolate() is alone with a loopback interface.  Neighbour adds
a second namespace, joined to the first by a veth pair.  Needs root or user
namespaces; where neither is permitted the case is skipped.
"""

import ctypes
import errno
import os
import socket
import struct
import subprocess

from echodtest import Skip, until

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
OWN_NAMESPACE = "/proc/self/ns/net"
ETH_P_IP = 0x0800

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result, what):
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, stdin=subprocess.DEVNULL)


def _output(*arguments):
    return subprocess.check_output(["ip", *arguments], text=True,
                                   stdin=subprocess.DEVNULL)


def set_sysctl(name, value):
    """Set a network setting of the present namespace; containers may not."""
    try:
        with open(f"/proc/sys/net/{name}", "w", encoding="utf-8") as file:
            file.write(value)
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
        raise Skip(f"/proc/sys is not ours: {error.strerror}") from error


def isolate():
    """Enter a new network namespace, as its root, with loopback up."""
    user, group = os.geteuid(), os.getegid()
    try:
        if user == 0:
            _check(_libc.unshare(CLONE_NEWNET), "unshare")
        else:
            _check(_libc.unshare(CLONE_NEWUSER | CLONE_NEWNET), "unshare")
            for name, text in (("setgroups", "deny"),
                               ("uid_map", f"0 {user} 1"),
                               ("gid_map", f"0 {group} 1")):
                with open(f"/proc/self/{name}", "w", encoding="utf-8") as file:
                    file.write(text)
        ip("link", "set", "lo", "up")
    except (OSError, subprocess.CalledProcessError) as error:
        raise Skip(f"no network namespace: {error}") from error


class Neighbour:
    """Another namespace behind a cable; `with neighbour:` is being there, and
    sockets made there stay there."""

    # Each knows where the other is: a lost question would cost a second.
    HARDWARE = {"here": "02:00:00:00:00:01", "there": "02:00:00:00:00:02"}
    HERE = ("10.{}.0.1/24", "10.{}.0.11/24", "fd{:02}::1/64",
            "fd{:02}::11/64", "fe80::1/64")
    THERE = ("10.{}.0.2/24", "fd{:02}::2/64", "fd{:02}::22/64", "fe80::2/64")

    def __init__(self, device="here", network=7):
        """The cable ends in a device of ours, and "there"; the addresses of
        both have the number of the network."""
        here = [address.format(network) for address in self.HERE]
        there = [address.format(network) for address in self.THERE]
        self._here = os.open(OWN_NAMESPACE, os.O_RDONLY)
        try:
            _check(_libc.unshare(CLONE_NEWNET), "unshare")
            self._there = os.open(OWN_NAMESPACE, os.O_RDONLY)
            ip("link", "add", "name", "there", "type", "veth", "peer", "name",
               device, "netns", f"/proc/{os.getpid()}/fd/{self._here}")
            self._set_up("there", "there", there, "here", here)
        except (OSError, subprocess.CalledProcessError) as error:
            raise Skip(f"no veth pair: {error}") from error
        finally:
            self._enter(self._here)
        self._set_up(device, "here", here, "there", there)
        self._await(device, here)
        with self:
            self._await("there", there)

    @classmethod
    def _set_up(cls, device, end, addresses, other, others):
        ip("link", "set", device, "address", cls.HARDWARE[end])
        ip("link", "set", device, "addrgenmode", "none")
        ip("link", "set", device, "up")
        for address in addresses:
            extra = ["nodad"] if ":" in address else ["broadcast", "+"]
            ip("addr", "add", address, *extra, "dev", device)
        for address in others:
            ip("neighbour", "add", address.partition("/")[0], "lladdr",
               cls.HARDWARE[other], "dev", device, "nud", "permanent")

    @staticmethod
    def _await(device, addresses):
        """Until the kernel's work queues are through with it, on a busy machine
        that takes long: a device without carrier drops what is sent, and what
        is for an IPv6 address of one's own without its route goes astray."""
        until(lambda: "state UP" in _output("link", "show", "dev", device),
              f"a carrier of {device}")
        # It has told others so once it lets go of its lock, which this takes.
        ip("link", "set", device, "up")
        own = {f"local {address.partition('/')[0]}" for address in addresses
               if ":" in address}
        until(lambda: all(f"{route} " in _output(
            "-6", "route", "show", "table", "local", "dev", device)
                          for route in own),
              f"the local routes of {device}")

    @staticmethod
    def _enter(namespace):
        _check(_libc.setns(namespace, CLONE_NEWNET), "setns")

    def __enter__(self):
        self._enter(self._there)

    def __exit__(self, *_):
        self._enter(self._here)


def _sum(data):
    """The Internet's checksum (RFC 1071)."""
    words = struct.unpack(f"!{(len(data) + 1) // 2}H", data +
                          b"\0" * (len(data) % 2))
    total = sum(words)
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def forge(source, target, data=b"forged", ttl=64, device=None):
    """Send a UDP datagram from any address and port to any, which are both
    (address, port), with all headers of our own making.  For a source of
    0.0.0.0 the kernel takes one of its own, unless it goes out past it, through
    the device of a Neighbour."""
    six = ":" in source[0]
    family = socket.AF_INET6 if six else socket.AF_INET
    addresses = b"".join(socket.inet_pton(family, address.partition("%")[0])
                         for address in (source[0], target[0]))
    udp = struct.pack("!HHHH", source[1], target[1], 8 + len(data), 0) + data
    pseudo = struct.pack("!II", len(udp), socket.IPPROTO_UDP)
    check = _sum(addresses + pseudo + udp) or 0xffff
    udp = udp[:6] + struct.pack("!H", check) + udp[8:]
    if six:
        header = struct.pack("!IHBB", 6 << 28, len(udp), socket.IPPROTO_UDP,
                             ttl)
    else:
        fields = (0x45, 0, 20 + len(udp), 0, 0, ttl, socket.IPPROTO_UDP)
        check = _sum(struct.pack("!BBHHHBBH", *fields, 0) + addresses)
        header = struct.pack("!BBHHHBBH", *fields, check)
    packet = header + addresses + udp
    if device:
        _send_past_kernel(device, packet)
        return
    with socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.sendto(packet, socket.getaddrinfo(
            target[0], 0, family, socket.SOCK_DGRAM)[0][4])


def _send_past_kernel(device, packet):
    """An IPv4 packet, to the other end of the cable."""
    hardware = bytes.fromhex(Neighbour.HARDWARE["here"].replace(":", ""))
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM) as sock:
        sock.sendto(packet, (device, ETH_P_IP, 0, 0, hardware))


def send_from_port(port, source, target, data):
    """Send a UDP/IPv4 datagram with a header of our own making, from a port
    that no socket can have."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW,
                       socket.IPPROTO_UDP) as sock:
        sock.bind((source, 0))
        header = struct.pack("!HHHH", port, target[1], 8 + len(data), 0)
        sock.sendto(header + data, (target[0], 0))


def send_from_port6(port, source, target, data):
    """The same over IPv6, where the checksum is not optional."""
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW,
                       socket.IPPROTO_UDP) as sock:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_CHECKSUM, 6)
        sock.bind((source, 0))
        header = struct.pack("!HHHH", port, target[1], 8 + len(data), 0)
        sock.sendto(header + data, (target[0], 0))

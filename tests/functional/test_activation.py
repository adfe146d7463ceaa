#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""Sockets passed by a service manager are served by what they are, not by what
they are called."""

import os
import socket

import client
import netspace
from daemon import Echod, LIMIT
from echodtest import case, main, scratch_directory, Skip

STREAM, DGRAM = socket.SOCK_STREAM, socket.SOCK_DGRAM
SEQPACKET = socket.SOCK_SEQPACKET


def _bound(family, kind, address):
    sock = socket.socket(family, kind)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind(address)
    if kind != DGRAM:
        sock.listen()
    return sock


@case("TCP and UDP, IPv4 and IPv6, whatever their names")
def inet():
    socks = [_bound(socket.AF_INET, STREAM, ("127.0.0.1", 0)),
             _bound(socket.AF_INET, DGRAM, ("127.0.0.1", 0)),
             _bound(socket.AF_INET6, STREAM, ("::1", 0)),
             _bound(socket.AF_INET6, DGRAM, ("::1", 0))]
    with Echod(sockets=socks, names=["udp", "tcp", "odd name!", ""]):
        for sock in socks:
            target = sock.getsockname()[:2]
            client.assert_echo(client.connect(target, sock.type))


@case("passed sockets replace port 7, and -l adds to them")
def with_options():
    sock = _bound(socket.AF_INET, STREAM, ("127.0.0.1", 0))
    with Echod("-l", "udp:127.0.0.1:0", sockets=[sock]) as echod:
        assert echod.addresses("tcp") == [sock.getsockname()]
        client.assert_echo(client.connect(sock.getsockname()))
        client.assert_echo(client.datagrams(echod.address("udp")))


@case("what waited before the start is served: a connection and a datagram")
def waiting_clients():
    listener = _bound(socket.AF_INET, STREAM, ("127.0.0.1", 0))
    receiver = _bound(socket.AF_INET, DGRAM, ("127.0.0.1", 0))
    stream = client.connect(listener.getsockname())
    stream.send(b"first")
    datagram = client.datagrams(receiver.getsockname())
    datagram.send(b"first")
    with Echod(sockets=[listener, receiver]):
        client.same(stream.recv(100), b"first")
        client.same(datagram.recv(100), b"first")


@case("unix stream, datagram and seqpacket")
def unix():
    socks = [_bound(socket.AF_UNIX, kind, f"\0echod-{os.getpid()}-{kind}")
             for kind in (STREAM, DGRAM, SEQPACKET)]
    with Echod(sockets=socks):
        for sock in socks:
            peer = client.connect(
                sock.getsockname().decode(), sock.type,
                source=f"\0echod-peer-{os.getpid()}-{sock.type}")
            client.assert_echo(peer)


@case("one socket for two workers: shared listener, and a datagram socket")
def workers():
    listener = _bound(socket.AF_INET, STREAM, ("127.0.0.1", 0))
    receiver = _bound(socket.AF_INET, DGRAM, ("127.0.0.1", 0))
    with Echod("-w", "2", sockets=[listener, receiver]):
        for sock in [client.connect(listener.getsockname())
                     for _ in range(50)]:
            client.assert_echo(sock)
        client.assert_echo(client.datagrams(receiver.getsockname()))


@case("one connected stream socket (Accept=yes): served, then the end")
def connected():
    listener = _bound(socket.AF_INET, STREAM, ("127.0.0.1", 0))
    sock = client.connect(listener.getsockname())
    accepted = listener.accept()[0]
    with Echod(sockets=[accepted]) as echod:
        accepted.close()
        client.assert_echo(sock, client.pattern(1 << 20))
        sock.send(b"the end")
        sock.shutdown(socket.SHUT_WR)
        client.same(client.receive_all(sock), b"the end")
        assert echod.wait() == 0


@case("one connected unix seqpacket socket (Accept=yes)")
def connected_seqpacket():
    ours, theirs = socket.socketpair(socket.AF_UNIX, SEQPACKET)
    ours.settimeout(LIMIT)
    with Echod(sockets=[theirs]) as echod:
        theirs.close()
        client.assert_echo(ours)
        ours.close()
        assert echod.wait() == 0


@case("what an earlier owner set on a socket does no harm")
def odd_options():
    listener = _bound(socket.AF_INET, STREAM, ("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 0)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 5)
    listener.setblocking(True)
    receiver = _bound(socket.AF_INET, DGRAM, ("127.0.0.1", 0))
    receiver.setsockopt(socket.IPPROTO_IP, 11, 1)  # IP_RECVERR
    receiver.setblocking(True)
    with Echod(sockets=[listener, receiver]):
        sock = client.connect(listener.getsockname())
        sock.send(b"a")
        sock.send(b"b", socket.MSG_OOB)
        sock.send(b"c")
        client.same(client.receive(sock, 3), b"abc")
        gone = client.datagrams(receiver.getsockname())
        gone.send(b"nobody waits for the answer")
        gone.close()
        for _ in range(10):
            client.assert_echo(client.datagrams(receiver.getsockname()))


def _refused(descriptor, culprit="descriptor 3"):
    listener = _bound(socket.AF_INET, STREAM, ("127.0.0.1", 0))
    sockets = [descriptor, listener]
    with Echod(sockets=sockets, names=["odd", "fine"], ready=False) as echod:
        assert echod.wait() == 1, f"exit status {echod.status}"
        assert echod.log.count("\n") == 1, f"not one line: {echod.log}"
        assert culprit in echod.log and "(odd)" in echod.log, echod.log


@case("a descriptor that cannot be echoed: 1, one line that names it")
def bad_descriptors():
    _refused(os.pipe()[0])
    _refused(os.open("/etc/passwd", os.O_RDONLY))
    _refused(socket.socket(socket.AF_INET, STREAM))
    _refused(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))


@case("a raw socket cannot be echoed: 1, one line", keep_root=True)
def raw_socket():
    netspace.isolate()
    _refused(socket.socket(socket.AF_INET, socket.SOCK_RAW,
                           socket.IPPROTO_UDP))
    _refused(socket.socket(socket.AF_PACKET, DGRAM, 0))


@case("a ping socket is of datagram kind, and yet cannot be echoed: 1",
      keep_root=True)
def ping_socket():
    netspace.isolate()
    try:
        netspace.set_sysctl("ipv4/ping_group_range", "0 0")
        sock = socket.socket(socket.AF_INET, DGRAM, socket.IPPROTO_ICMP)
    except OSError as error:
        raise Skip(f"no ping socket: {error}") from error
    _refused(sock)


@case("a passed listener outlives the daemon and its connections wait")
def listener_survives():
    listener = _bound(socket.AF_INET, STREAM, ("127.0.0.1", 0))
    with Echod(sockets=[listener]):
        client.assert_echo(client.connect(listener.getsockname()))
    sock = client.connect(listener.getsockname())
    sock.send(b"for the next instance")
    with Echod(sockets=[listener]):
        client.same(sock.recv(100), b"for the next instance")


@case("the passed sockets' files are not removed at the end")
def file_stays():
    path = os.path.join(scratch_directory(), "echo")
    sock = _bound(socket.AF_UNIX, STREAM, path)
    os.chmod(path, 0o777)
    with Echod(sockets=[sock]):
        client.assert_echo(client.connect(path))
    assert os.path.exists(path)


if __name__ == "__main__":
    main(side_by_side=4)

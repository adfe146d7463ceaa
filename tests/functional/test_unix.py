#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""Unix sockets: three kinds, in the file system and in the abstract space;
descriptors that a peer passes never stay."""

import array
import os
import socket
import stat

import client
from daemon import Echod, LIMIT, readable
from echodtest import case, main, scratch_directory, until

QUICK = ("--drain-timeout=100ms",)


def _abstract(word):
    return f"@echod-test-{os.getpid()}-{word}"


@case("19: unix stream")
def stream():
    with Echod("-l", "unix:" + _abstract("s")) as echod:
        sock = client.connect(echod.address("unix"))
        client.assert_echo(sock, client.pattern(1 << 20))
        sock.send(b"the end")
        sock.shutdown(socket.SHUT_WR)
        client.same(client.receive_all(sock), b"the end")


@case("19: unix datagram: all lengths, the empty one, order")
def datagram():
    with Echod("-l", "unix-dgram:" + _abstract("d")) as echod:
        address = echod.address("unix-dgram")
        sock = client.datagrams(address, source=_name("dc"))
        for size in (1, 0, 1000, 65507, 0, 65536):
            sock.send(client.pattern(size, size))
            client.same(sock.recv(70000), client.pattern(size, size))


def _name(word):
    return "\0" + _abstract(word)[1:]


@case("19: a unix datagram peer that reads late gets each one once, in order")
def late_reader():
    with Echod("-l", "unix-dgram:" + _abstract("d")) as echod:
        address = echod.address("unix-dgram")
        late = client.datagrams(address, source=_name("late"))
        late.setblocking(False)
        other = client.datagrams(address, source=_name("other"))
        sent = 0
        try:
            while sent < 1000:
                late.send(b"%d" % sent)
                sent += 1
        except BlockingIOError:
            pass  # its queue is full, and so is that of the service
        late.settimeout(LIMIT)
        first = int(late.recv(100))
        got = [first]
        until(lambda: _idle(echod, late, got), "all answers")
        counters = echod.counters()
        assert got == sorted(set(got)), f"doubled or reordered: {got}"
        lost = counters["datagrams_received"] - counters["datagrams_sent"]
        assert lost == counters["datagrams_unsent"], counters
        assert len(got) == counters["datagrams_sent"], (got, counters)
        client.assert_echo(other)


def _idle(echod, sock, got):
    """Read what there is; true when the service has dealt with all."""
    while readable(sock):
        got.append(int(sock.recv(100)))
    counters = echod.counters()
    return (counters["datagrams_received"] ==
            counters["datagrams_sent"] + counters["datagrams_unsent"] and
            not readable(sock))


@case("19: a unix datagram without a return address is counted")
def unnamed_sender():
    with Echod("-l", "unix-dgram:" + _abstract("d")) as echod:
        client.datagrams(echod.address("unix-dgram")).send(b"who am I?")
        until(lambda: echod.counters()["datagrams_refused_unnamed"] == 1,
              "the refusal")


@case("19: unix seqpacket keeps the bounds of messages")
def seqpacket():
    with Echod("-l", "unix-seqpacket:" + _abstract("q")) as echod:
        sock = client.connect(echod.address("unix-seqpacket"),
                              socket.SOCK_SEQPACKET)
        sizes = (1, 2, 1000, 65536, 100000, 3)
        for size in sizes:
            sock.send(client.pattern(size, size))
        for size in sizes:
            client.same(sock.recv(200000), client.pattern(size, size))
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b""


@case("19: unix seqpacket: a late reader gets every message")
def seqpacket_late_reader():
    with Echod("-l", "unix-seqpacket:" + _abstract("q")) as echod:
        sock = client.connect(echod.address("unix-seqpacket"),
                              socket.SOCK_SEQPACKET)
        sock.settimeout(client.STUCK)
        sent = 0
        try:
            while sent < 1000:
                sock.send(client.pattern(5000 + sent, sent))
                sent += 1
        except TimeoutError:
            pass  # nothing more fits
        sock.settimeout(LIMIT)
        for number in range(sent):
            client.same(sock.recv(100000),
                        client.pattern(5000 + number, number))


def _pass_descriptors(sock, data, count=200):
    """Send data with descriptors of a pipe; returns the pipe's read end."""
    read_end, write_end = os.pipe()
    rights = array.array("i", [write_end] * count)
    sock.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
    os.close(write_end)
    return read_end


@case("19: descriptors passed by a peer do not leak, whatever the kind")
def passed_descriptors():
    kinds = (("unix", socket.SOCK_STREAM), ("unix-dgram", socket.SOCK_DGRAM),
             ("unix-seqpacket", socket.SOCK_SEQPACKET))
    options = []
    for scheme, _ in kinds:
        options += ["-l", f"{scheme}:{_abstract(scheme)}"]
    with Echod(*options) as echod:
        for scheme, kind in kinds:
            sock = client.connect(echod.address(scheme), kind,
                                  source=_name("peer-" + scheme))
            client.assert_echo(sock)
            before = echod.descriptors()
            for _ in range(20):
                pipe = _pass_descriptors(sock, b"take these")
                client.same(sock.recv(100), b"take these")
                # End of file: nobody holds the other end any more.
                assert readable(pipe, timeout=LIMIT), scheme
                assert os.read(pipe, 1) == b""
                os.close(pipe)
            assert echod.descriptors() == before


@case("19: credentials that a peer attaches do no harm")
def credentials():
    with Echod("-l", "unix:" + _abstract("s")) as echod:
        sock = client.connect(echod.address("unix"))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        client.assert_echo(sock, client.pattern(100000))


@case("a file of a Unix socket is made, and removed at the end")
def file_removed():
    path = os.path.join(scratch_directory(), "echo")
    paths = {scheme: f"{path}.{scheme}"
             for scheme in ("unix", "unix-dgram", "unix-seqpacket")}
    options = []
    for scheme, name in paths.items():
        options += ["-l", f"{scheme}:{name}"]
    with Echod(*options) as echod:
        for scheme, name in paths.items():
            assert echod.address(scheme) == name
            assert stat.S_ISSOCK(os.stat(name).st_mode)
        client.assert_echo(client.connect(paths["unix"]))
        assert echod.stop() == 0
        assert not any(map(os.path.exists, paths.values()))


@case("a stale socket file is replaced")
def stale_file():
    path = os.path.join(scratch_directory(), "echo")
    with Echod("-l", "unix:" + path) as echod:
        echod.kill()
    assert os.path.exists(path)
    with Echod("-l", "unix:" + path) as echod:
        client.assert_echo(client.connect(path))


@case("a socket file in use, and any other file, is left alone: exit 1")
def file_in_use():
    path = os.path.join(scratch_directory(), "echo")
    with Echod("-l", "unix:" + path):
        with Echod("-l", "unix:" + path, ready=False) as second:
            assert second.wait() == 1
            assert path in second.log and second.log.count("\n") == 1
        client.assert_echo(client.connect(path))
    with open(path, "w", encoding="utf-8") as file:
        file.write("precious")
    with Echod("-l", "unix:" + path, ready=False) as echod:
        assert echod.wait() == 1
        assert path in echod.log and echod.log.count("\n") == 1
    with open(path, encoding="utf-8") as file:
        assert file.read() == "precious"


@case("7: a unix peer that never reads holds up nobody")
def never_reads():
    with Echod("-l", "unix:" + _abstract("s"), *QUICK) as echod:
        other = client.connect(echod.address("unix"))
        client.fill(client.connect(echod.address("unix")))
        client.assert_echo(other, bytes(1 << 20))


@case("22: unix: ended with bytes held: a reset, never a plain end")
def ended_while_holding():
    for fill in (client.overfill, lambda sock, _: client.fill(sock)):
        with Echod("-l", "unix:" + _abstract("s"), *QUICK) as echod:
            sock = client.connect(echod.address("unix"))
            fill(sock, echod)
            assert echod.stop() == 0
            assert client.ending(sock) == "RST"


if __name__ == "__main__":
    main(side_by_side=4)

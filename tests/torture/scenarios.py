# SPDX-License-Identifier: MIT
"""What clients do while system calls fail: together they bring about every
system call that a service makes while it runs.

A scenario is a generator: what it does before it yields, nothing fails in; what
it does afterwards, in the thread of its role, something does.  The clients of
the talk that it is given are ended well, and judged, when the fault is over.
"""

import collections
import signal
import socket

Scenario = collections.namedtuple("Scenario", "name kind role run ends")

ALL = {}


def scenario(kind, roles="worker", ends=False):
    """ends: afterwards the process is no more."""
    def register(function):
        for role in roles.split():
            name = function.__name__ + ("" if role == "worker" else f"-{role}")
            ALL[name] = Scenario(name, kind, role, function, ends)
        return function
    return register


def _chat(talk, streams, sizes):
    for size in sizes:
        for it in streams:
            it.send(size)
        talk.settle()


def _visit(talk, schemes, abruptly=False):
    """Come, have something echoed, and leave."""
    for scheme in schemes.split():
        stream = talk.client(scheme)
        stream.send(200)
        talk.settle()
        if abruptly:
            talk.leave(stream)
        else:
            stream.half_close()
    talk.settle()


@scenario("plain")
def small(talk):
    """Small messages on TCP, some of them urgent."""
    streams = [talk.client(it) for it in ("tcp", "tcp6", "tcp")]
    _chat(talk, streams, [10])
    yield
    _chat(talk, streams, [1, 100, 1400, 7])
    for it in streams:
        it.send(50)
        it.send(1, socket.MSG_OOB)
        it.send(50)
    talk.settle()
    _visit(talk, "tcp")


@scenario("plain")
def bulk(talk):
    """More than buffers take, both ways."""
    streams = [talk.client(it) for it in ("tcp", "unix")]
    _chat(talk, streams, [10])
    yield
    for _ in range(12):
        for it in streams:
            it.send(65536)
        talk.settle()
    _chat(talk, streams, [65536, 1])


def _read_late(talk, stream):
    """Fill it while it is not read; then read."""
    stream.reading = False
    while stream.send(65536):
        talk.settle(0.02)
    yield
    for _ in range(3):
        stream.send(65536)
        talk.settle(0.03)
    stream.reading = True
    talk.settle()
    stream.reading = False
    for _ in range(60):
        if not stream.send(65536):
            break
        talk.settle(0.01)
    stream.reading = True
    talk.settle()


@scenario("plain")
def slow(talk):
    """A reader that is late, of what is held for it."""
    yield from _read_late(talk, talk.client("tcp", receive_buffer=16384))


@scenario("plain")
def slow_unix(talk):
    yield from _read_late(talk, talk.client("unix"))


@scenario("tight")
def slow_tight(talk):
    """The same where nothing may be held."""
    yield from _read_late(talk, talk.client("tcp", receive_buffer=16384))


@scenario("plain", "worker log")
def visits(talk):
    """Connections that come and go, well and abruptly."""
    yield
    _visit(talk, "tcp unix tcp6 unix-seqpacket tcp")
    _visit(talk, "tcp unix tcp", abruptly=True)
    streams = [talk.client(it) for it in "tcp tcp6 unix".split() * 4]
    _chat(talk, streams, [300])


@scenario("journal", "log")
def journal(talk):
    """What the log says is sent to a journal."""
    yield
    _visit(talk, "tcp tcp")
    talk.signal(signal.SIGUSR1)
    _visit(talk, "tcp", abruptly=True)


@scenario("plain")
def local(talk):
    """Unix sockets: streams and records, with descriptors passed."""
    streams = [talk.client(it) for it in ("unix", "unix-seqpacket")]
    _chat(talk, streams, [10])
    yield
    _chat(talk, streams, [1, 3000, 100])
    for it in streams:
        talk.pass_descriptor(it)
    talk.settle()
    _chat(talk, streams, [20000, 20])
    _visit(talk, "unix unix-seqpacket")


@scenario("plain")
def datagrams(talk):
    """Bursts of datagrams of several lengths, on IPv4, IPv6 and Unix."""
    posts = [talk.client(it) for it in ("udp", "udp6", "unix-dgram")]
    yield
    for size in (8, 1000, 60, 9000):
        for it in posts:
            for _ in range(5):
                it.send(size)
        talk.settle()


@scenario("plain")
def trains(talk):
    """Datagrams that come, and go, as one."""
    posts = [talk.client(it) for it in ("udp", "udp6")]
    yield
    for count, size in ((10, 1200), (3, 400), (20, 100), (2, 1400)):
        for it in posts:
            it.send_train(count, size)
            it.send(size + 1)
            it.send_train(count, size)
        talk.settle()


@scenario("plain", "main log worker")
def signals(talk):
    """What an operator, a manager, and time ask for."""
    stream = talk.client("tcp")
    _chat(talk, [stream], [10])
    yield
    for _ in range(3):
        talk.signal(signal.SIGUSR1)
        talk.signal(signal.SIGHUP)
        _chat(talk, [stream], [10])
        talk.wait(0.4)  # more than a watchdog's interval, and a tick
    _chat(talk, [stream], [10])


@scenario("plain", "main")
def overflowed(talk):
    """Datagrams that are lost before they are seen: they are counted."""
    talk.overflow()
    yield
    talk.signal(signal.SIGUSR1)
    talk.wait(1.2)  # more than a tick
    talk.overflow()
    talk.wait(1.2)


@scenario("shared")
def shared(talk):
    """A listener of several workers: they get in line."""
    yield
    for _ in range(3):
        streams = [talk.client(it) for it in ("tcp", "tcp6", "tcp", "tcp6")]
        _chat(talk, streams, [100, 1000])
        for it in streams[1:]:
            it.half_close()
        talk.settle()


@scenario("kept")
def kept(talk):
    """Connections that are parked, read late, and end."""
    streams = [talk.client(it) for it in ("tcp", "tcp6", "unix")]
    _chat(talk, streams, [10])
    yield
    _chat(talk, streams, [1, 1000, 65536])
    _visit(talk, "tcp tcp unix")
    _visit(talk, "tcp", abruptly=True)
    _chat(talk, streams, [100])
    streams[0].reading = False
    for _ in range(60):
        if not streams[0].send(65536):
            break
        talk.settle(0.01)
    streams[0].reading = True
    talk.settle()


@scenario("kept")
def worn(talk):
    """So many that come and go that their lot is compacted."""
    yield
    for _ in range(12):
        for it in [talk.client("tcp") for _ in range(24)]:
            it.send(10)
        talk.settle(0.05)
        talk.leave_all()


@scenario("narrow")
def narrow(talk):
    """More connections than there may be."""
    yield
    streams = [talk.client("tcp") for _ in range(9)]
    _chat(talk, streams, [100])
    for it in streams[:4]:
        it.half_close()
    talk.settle()
    _chat(talk, streams[4:], [10])


@scenario("idle")
def idle(talk):
    """Connections on which nothing happens, or nothing is read."""
    talk.expects_reset = talk.ends_itself = True
    streams = [talk.client(it) for it in ("tcp", "unix", "tcp")]
    _chat(talk, streams, [10])
    streams[2].reading = False
    while streams[2].send(65536):
        talk.settle(0.01)
    yield
    talk.wait(0.5)
    streams[2].reading = True
    talk.settle()


def _many(talk, schemes):
    """Streams in every state."""
    streams = [talk.client(it) for it in schemes.split()]
    _chat(talk, streams, [10, 3000])
    streams[0].reading = False
    for _ in range(60):
        if not streams[0].send(65536):
            break
        talk.settle(0.01)
    return streams


def _stop(talk, number, schemes):
    talk.ends_itself = number == signal.SIGTERM
    streams = _many(talk, schemes)
    yield
    streams[1].send(40000)
    talk.signal(number)
    streams[0].reading = True
    talk.settle()


@scenario("plain", "worker main log", ends=True)
def drain(talk):
    """SIGTERM: what was received is echoed."""
    yield from _stop(talk, signal.SIGTERM, "tcp tcp6 unix unix-seqpacket tcp")


@scenario("own", ends=True)
def drain_own(talk):
    """Of sockets that nobody has afterwards, the queues are emptied."""
    talk.ends_itself = True
    streams = [talk.client("own-tcp") for _ in range(3)]
    _chat(talk, streams, [10])
    yield
    streams += [talk.client("own-tcp") for _ in range(3)]
    for it in streams:
        it.send(1000)
    talk.signal(signal.SIGTERM)
    talk.settle()


@scenario("kept", "worker main", ends=True)
def drain_kept(talk):
    yield from _stop(talk, signal.SIGTERM, "tcp tcp6 unix tcp")


@scenario("kept", "worker main log", ends=True)
def hand_over(talk):
    """SIGUSR2: all that live are handed over to the next."""
    yield from _stop(talk, signal.SIGUSR2, "tcp tcp6 unix tcp")


@scenario("kept", "start", ends=True)
def recovery(talk):
    """The next one begins: it finds what an earlier one handed over."""
    talk.expects_reset = True
    streams = _many(talk, "tcp tcp6 unix tcp")
    yield
    talk.restart()
    streams[0].reading = True
    _chat(talk, streams, [100, 5000])

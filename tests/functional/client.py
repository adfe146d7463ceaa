# SPDX-License-Identifier: MIT
"""Clients of an echo service: what a case does with sockets.

Sockets block for at most LIMIT seconds, so that a service that loses something
fails a case instead of hanging it.
"""

import fcntl
import random
import select
import socket
import struct
import termios

from daemon import LIMIT, readable

CHUNK = 262144
IP_BIND_ADDRESS_NO_PORT = 24
STUCK = 0.1  # seconds without progress: all buffers on the way may be full
PING, TURNS = b"ping", 10  # to see that the service is run
ENDLESS = 1 << 28  # no such buffers are as large


def pattern(size, seed=0):
    """Bytes in which a lost, doubled or moved piece cannot go unseen."""
    return random.Random(seed).randbytes(size)


def family_of(address):
    """Of a host and a port, or of the name of a Unix socket."""
    if isinstance(address, (str, bytes)):
        return socket.AF_UNIX
    return socket.AF_INET6 if ":" in address[0] else socket.AF_INET


def connect(address, kind=socket.SOCK_STREAM, source=None,
            receive_buffer=None):
    """A connected socket; of stream kind unless told."""
    sock = socket.socket(family_of(address), kind)
    sock.settimeout(LIMIT)
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    if source:
        if not isinstance(source, str):  # the port is chosen by connect()
            sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        sock.bind(source)
    sock.connect(address)
    return sock


def nobody(kind=socket.SOCK_STREAM, port=0):
    """A socket that keeps a port of 127.0.0.1 for itself, while whoever comes
    there is refused as if nobody had it."""
    sock = socket.socket(socket.AF_INET, kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    if kind == socket.SOCK_DGRAM:
        sock.connect(sock.getsockname())  # it takes from itself only
    return sock


def datagrams(address, source=None):
    """A socket that sends datagrams to, and takes them from, `address` only:
    a reply that comes from elsewhere is never seen."""
    return connect(address, socket.SOCK_DGRAM, source)


def same(got, wanted):
    """Assert equality without printing megabytes."""
    if got == wanted:
        return
    at = next((i for i, (a, b) in enumerate(zip(got, wanted)) if a != b),
              min(len(got), len(wanted)))
    raise AssertionError(f"{len(got)} bytes instead of {len(wanted)}, "
                         f"different from byte {at} on")


def receive(sock, size):
    """Exactly `size` bytes, or what came before the end."""
    got = bytearray()
    while len(got) < size:
        piece = sock.recv(min(CHUNK, size - len(got)))
        if not piece:
            break
        got += piece
    return bytes(got)


def receive_all(sock):
    """Everything until the FIN."""
    got = bytearray()
    while piece := sock.recv(CHUNK):
        got += piece
    return bytes(got)


def exchange(sock, data, piece=CHUNK):
    """Send all while receiving as much; returns what came back."""
    got, sent = bytearray(), 0
    poll = select.poll()
    poll.register(sock, select.POLLIN | select.POLLOUT)
    while len(got) < len(data):
        if not (events := poll.poll(LIMIT * 1000)):
            raise AssertionError(
                f"stalled: {sent} bytes sent, {len(got)} received")
        if events[0][1] & ~select.POLLOUT:
            received = sock.recv(piece)
            if not received:
                break
            got += received
        if events[0][1] & select.POLLOUT:
            sent += sock.send(data[sent:sent + piece], socket.MSG_DONTWAIT)
            if sent == len(data):
                poll.modify(sock, select.POLLIN)
    return bytes(got)


def assert_echo(sock, data=PING):
    """The bytes come back, or for datagrams: the datagram does."""
    if sock.type == socket.SOCK_STREAM:
        same(exchange(sock, data), data)
    else:
        sock.send(data)
        same(sock.recv(65536), data)


def writable(sock, timeout=0.0):
    poll = select.poll()
    poll.register(sock, select.POLLOUT)
    return bool(poll.poll(timeout * 1000))


def unread(sock):
    """Bytes that wait in its receive queue; of a descriptor, too."""
    return struct.unpack("i", fcntl.ioctl(sock, termios.FIONREAD, bytes(4)))[0]


def unacknowledged(sock):
    """Bytes that are on their way to the service's receive queue."""
    if sock.family == socket.AF_UNIX:
        return 0
    return struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)))[0]


def _let_run(address):
    """Return when the service, of one worker, has had its turn, and nobody is
    connected to it for that any more: how many bytes it has echoed for it."""
    with connect(address) as other:
        for _ in range(TURNS):
            assert_echo(other, PING)
        other.shutdown(socket.SHUT_WR)
        assert not other.recv(1), "more than the echo"
    return TURNS * len(PING)


def fill(sock):
    """Send without ever reading, until no buffer on the way takes more;
    returns what was sent."""
    return fill_all([sock])[0]


def fill_all(socks):
    """The same with several at once; returns what each was sent."""
    sent = {sock.fileno(): bytearray() for sock in socks}
    stuck = False
    while not stuck:
        _fill_some(socks, sent)
        # Is it stuck, or has it only not been run?
        before = [unread(sock) for sock in socks]
        _let_run(socks[0].getpeername())
        stuck = (before == [unread(sock) for sock in socks] and
                 not any(map(writable, socks)))
    return [bytes(it) for it in sent.values()]


def _fill_some(socks, sent):
    """Send until nothing moves for a while."""
    data = pattern(CHUNK)
    poll = select.poll()
    for sock in socks:
        poll.register(sock, select.POLLOUT)
    by_number = {sock.fileno(): sock for sock in socks}
    while events := poll.poll(STUCK * 1000):
        for fd, _ in events:
            count = by_number[fd].send(data, socket.MSG_DONTWAIT)
            sent[fd] += data[:count]
            assert len(sent[fd]) < ENDLESS, "it takes all and holds all"


def fill_stopped(sock):
    """Send until nothing moves, to a service that is stopped; returns what was
    sent."""
    sent = bytearray()
    _fill_some([sock], {sock.fileno(): sent})
    return bytes(sent)


def overfill(sock, echod):
    """Send little by little, until the service has it all and cannot send it
    on: then it holds the last piece, or leaves it unread.  Returns how much was
    sent."""
    before = echod.counters()["bytes_sent"]
    size, others, turns = 0, 0, 0
    while turns < 2:
        # The last ping, if any, may not be counted yet.
        if (echod.counters()["bytes_sent"] - before >=
                size + others - len(PING)):
            size += sock.send(bytes(4096))
            turns = 0
        else:
            others += _let_run(sock.getpeername())
            turns += not unacknowledged(sock)
    return size


def stalled(echod):
    """A connection of which the service will soon hold more than it can send.
    Filled while it is stopped: its clock runs only when all has been sent."""
    echod.pause()
    sock = connect(echod.address("tcp"))
    fill_stopped(sock)
    echod.resume()
    return sock


def reset(sock):
    """Close with a RST instead of a FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                    struct.pack("ii", 1, 0))
    sock.close()


def ended(sock):
    """Whether the service has ended the stream; nothing is under way."""
    try:
        return bool(readable(sock)) and not sock.recv(1, socket.MSG_PEEK)
    except ConnectionResetError:
        return True


def ending(sock):
    """How the service ends the stream: "FIN" or "RST", after reading all."""
    try:
        receive_all(sock)
        return "FIN"
    except ConnectionResetError:
        return "RST"

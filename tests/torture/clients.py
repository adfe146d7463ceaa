# SPDX-License-Identifier: MIT
"""Clients that verify each byte, and forgive nothing but a reset.

None of them blocks.  What they see that must not be, whatever fails in the
service, is a Finding.
"""

import itertools
import select
import socket
import time

from client import connect, datagrams, reset, unacknowledged
from traffic_loop import CHUNK, PATTERN, PERIOD

SOL_UDP, UDP_SEGMENT = 17, 103
SMALLEST = 8  # bytes of a datagram: its number
ANSWER = 1  # seconds for what is on its way to be acknowledged, or refused

_view = memoryview(PATTERN)
_numbers = itertools.count(1)


class Finding(AssertionError):
    """What must not be."""


class Stream:
    """A connection: what comes back is what was sent, so far."""

    def __init__(self, address, kind=socket.SOCK_STREAM, receive_buffer=None):
        self.end = None  # or "FIN", "RST"
        self.cut = False
        try:
            self.sock = connect(address, kind, receive_buffer=receive_buffer)
        except ConnectionError:  # by a service that cannot have it, or ends
            self.sock = socket.socket(socket.AF_UNIX)
            self.end = "RST"
        self.sock.setblocking(False)
        self.sent = self.got = 0
        self.half_closed = False
        self.reading = True
        self._base = next(_numbers) * 40503 % PERIOD

    def _piece(self, at, size):
        at = (self._base + at) % PERIOD
        return _view[at:at + size]

    def send(self, size, flags=0, control=()):
        """Up to so many bytes; how many were taken.  Who has been told of the
        end sends no more."""
        self.take()
        if self.end or self.half_closed:
            return 0
        try:
            count = self.sock.sendmsg(
                [self._piece(self.sent, min(size, CHUNK))], control,
                flags)
        except BlockingIOError:
            return 0
        except BrokenPipeError:
            # How it ended is told by receiving; TCP was reset, after a FIN.
            self.cut = self.sock.family != socket.AF_UNIX
            return 0
        except ConnectionResetError:
            self.end = "RST"
            return 0
        self.sent += count
        return count

    def take(self):
        """Receive what there is; whether anything happened."""
        before = self.got, self.end
        while self.reading and not self.end:
            try:
                self._verify(self.sock.recv(CHUNK))
            except BlockingIOError:
                break
            except ConnectionError:
                self.end = "RST"
        return before != (self.got, self.end)

    def _verify(self, data):
        if not data:
            self.end = "FIN"
        if self.got + len(data) > self.sent:
            raise Finding(f"{self.got + len(data)} bytes came back of "
                          f"{self.sent}")
        if data != self._piece(self.got, len(data)):
            raise Finding(f"corrupt within bytes {self.got} to "
                          f"{self.got + len(data)}")
        self.got += len(data)

    def is_answered(self):
        """Whether nothing more is to come, unless more is sent."""
        return bool(self.end) or not self.reading or (
            self.got == self.sent and not self.half_closed)

    def half_close(self):
        if not self.end and not self.half_closed:
            self.half_closed = True
            try:
                self.sock.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # how it ended is told by receiving

    def judge(self):
        """Once it is at its end: a FIN hides no loss of what was received; as
        to what was on its way then, a reset follows."""
        if (self.end == "FIN" and self.got < self.sent and
                not self._is_cut_off()):
            raise Finding(f"a clean FIN after {self.got} of {self.sent} bytes")

    def _is_cut_off(self):
        """Whether a reset follows, once all has been acknowledged or not."""
        deadline = time.monotonic() + ANSWER
        while not self.cut and time.monotonic() < deadline:
            waiting = unacknowledged(self.sock)
            self.cut = bool(self.sock.getsockopt(socket.SOL_SOCKET,
                                                 socket.SO_ERROR))
            if not waiting:
                break
            time.sleep(0.001)
        return self.cut

    def close(self, abruptly=False):
        if abruptly:
            reset(self.sock)
        else:
            self.sock.close()
        self.end = self.end or "closed"


class Records(Stream):
    """SOCK_SEQPACKET: each record is whole, too."""

    def __init__(self, address):
        super().__init__(address, socket.SOCK_SEQPACKET)
        self._lengths = []

    def send(self, size, flags=0, control=()):
        count = super().send(size, flags, control)
        if count:
            self._lengths.append(count)
        return count

    def _verify(self, data):
        if data and (not self._lengths or self._lengths.pop(0) != len(data)):
            raise Finding(f"a record of {len(data)} bytes that was not sent")
        super()._verify(data)


class Datagrams:
    """A socket of datagrams: each comes back once, or not at all."""

    def __init__(self, address, receive_buffer=None):
        if isinstance(address, str):
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self.sock.bind("")  # a name to be answered at
            self.sock.connect(address)
        else:
            self.sock = datagrams(address)
        self.sock.setblocking(False)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF,
                                 receive_buffer)
        self.sent = self.got = 0
        self.lossy = False  # whether some are known to be lost
        self._waiting = {}
        self._segment = 0

    def port(self):
        name = self.sock.getsockname()
        return name[1] if isinstance(name, tuple) else None

    def send(self, size):
        """One datagram; whether it was taken."""
        return self._send([self._next(size)])

    def send_train(self, count, size):
        """So many at once, all of one size."""
        return self._send([self._next(size) for _ in range(count)])

    def _next(self, size):
        return next(_numbers).to_bytes(SMALLEST, "little") + bytes(
            _view[size:2 * size - SMALLEST])

    def _send(self, pieces):
        segment = len(pieces[0]) if len(pieces) > 1 else 0
        if segment != self._segment:
            self.sock.setsockopt(SOL_UDP, UDP_SEGMENT, segment)
            self._segment = segment
        try:
            self.sock.send(b"".join(pieces))
        except BlockingIOError:
            return False
        for piece in pieces:
            self._waiting[piece[:SMALLEST]] = piece
        self.sent += len(pieces)
        return True

    def take(self):
        before = self.got
        while True:
            try:
                data = self.sock.recv(CHUNK)
            except BlockingIOError:
                return self.got > before
            wanted = self._waiting.pop(data[:SMALLEST], None)
            if wanted != data:
                raise Finding("a datagram came back that was not sent, or "
                              "twice, or that is corrupt")
            self.got += 1

    def is_answered(self):
        return self.lossy or not self._waiting

    def close(self):
        self.sock.close()


def settle(clients, patience, turn):
    """Until all are answered, or nothing has happened for so many seconds;
    whether all are.  `turn` is called now and then."""
    poll = select.poll()
    waiting = [it for it in clients if not it.is_answered()]
    by_number = {it.sock.fileno(): it for it in waiting}
    for number in by_number:
        poll.register(number, select.POLLIN)
    deadline = time.monotonic() + patience
    while by_number and time.monotonic() < deadline:
        turn()
        for number, _ in poll.poll(10):
            if by_number[number].take():
                deadline = time.monotonic() + patience
            if by_number[number].is_answered():
                del by_number[number]
                poll.unregister(number)
    return not by_number

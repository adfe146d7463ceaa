# SPDX-License-Identifier: MIT
"""Clients of the chaos that send datagrams: bursts of any, and trains of equal
ones that the kernel cuts (UDP_SEGMENT).

Some are lost on the way, that is what the way is like; but what comes back is
what was sent, and comes back once.
"""

import itertools
import select
import socket
import struct
import time

from client import family_of
from traffic_loop import PATTERN, PERIOD, Peer

NUMBER = struct.Struct("!I")  # at the head of each
DATAGRAM_MAX = 1400
LARGE_MAX = 20000  # in fragments
LARGE_SHARE = 0.02
BURST_MAX = 48
TRAIN_MAX = 60000  # bytes
PAUSE = 0.6  # seconds between bursts, at most
LIFE = 2.0  # seconds of a socket, in the mean
LATE = 0.3  # seconds that its last replies may take
STRIDE = 797  # of the pattern, from datagram to datagram
UDP_SEGMENT = 103
# Of our own, and seldom the same: a reply that is late would find another.
PORTS_FROM, PORTS = 12000, 20000

_port = itertools.count()


class Burst(Peer):
    """A few datagrams at once, then a pause; at times from another port."""
    kind = "burst"

    def __init__(self, *where):
        super().__init__(*where)
        self.asked = self.answered = 0

    def open(self):
        self.under_way = {}  # sizes, by number
        self.number_next = self.sent = self.got = 0
        self.first, self.ended = None, False
        self.opened = time.monotonic()
        self.base = (self.number * 40503 + self.connections * 7919) % PERIOD
        self.connections += 1
        family = family_of(self.address)
        self.sock = socket.socket(family, socket.SOCK_DGRAM |
                                  socket.SOCK_NONBLOCK)
        if family == socket.AF_UNIX:
            self.sock.bind("")  # a free name
        else:
            self.sock.bind(("", PORTS_FROM + next(_port) % PORTS))
        self.sock.connect(self.address)
        self.register(select.EPOLLIN)
        self.loop.board.opened += 1
        self.whenever(self.loop.random.expovariate(1 / LIFE), self._leave)
        self._send()

    def _content(self, number, size):
        at = (self.base + number * STRIDE) % PERIOD
        return (NUMBER.pack(number) +
                PATTERN[at:at + size - NUMBER.size])

    def _next(self, size):
        number = self.number_next
        self.number_next += 1
        self.under_way[number] = size
        return self._content(number, size)

    def _size(self):
        random = self.loop.random
        most = LARGE_MAX if random.random() < LARGE_SHARE else DATAGRAM_MAX
        return random.randint(NUMBER.size, most)

    def _send(self):
        for _ in range(self.loop.random.randint(1, BURST_MAX)):
            if not self._post(self._next(self._size()), 1):
                break
        if self.sock:
            self.whenever(self.loop.random.uniform(0, PAUSE), self._send)

    def _post(self, data, count):
        """Whether the kernel took it."""
        try:
            self.sock.send(data)
        except BlockingIOError:
            return False
        except OSError as error:
            self.fault(str(error))
            return False
        self.asked += count
        self.sent += count
        return True

    def on_ready(self, _events):
        for _ in range(BURST_MAX):
            try:
                data = self.sock.recv(65536)
            except BlockingIOError:
                return
            except OSError as error:
                self.fault(str(error))
                return
            if not self._take(data):
                return

    def _take(self, data):
        """Whether it is one of ours, and as it was."""
        number = (NUMBER.unpack_from(data)[0]
                  if len(data) >= NUMBER.size else -1)
        size = self.under_way.pop(number, None)
        if size is None:
            self.fault(f"twice, or never sent: {number}, {len(data)} bytes")
            return False
        if data != self._content(number, size):
            self.fault(f"corrupt in {len(data)} bytes instead of {size}")
            return False
        self.answered += 1
        self.got += 1
        self.total += len(data)
        self.loop.board.received += len(data)
        self.loop.board.messages += 1
        return True

    def _leave(self):
        self.finish()

    def finish(self):
        """Send no more, and take what comes in time."""
        self.ended = True
        sock = self.sock
        self.loop.later(LATE, lambda: self.sock is sock and self._succeed())

    def _succeed(self):
        self.close()
        self._open_again()

    def tell(self, kind):
        super().tell(kind)
        for name in ("asked", "answered"):
            kind[name] = kind.get(name, 0) + getattr(self, name)


class Train(Burst):
    """As many as go into one send."""
    kind = "train"

    def _send(self):
        random = self.loop.random
        size = random.randint(NUMBER.size, DATAGRAM_MAX)
        count = random.randint(2, min(BURST_MAX, TRAIN_MAX // size))
        self.sock.setsockopt(socket.SOL_UDP, UDP_SEGMENT, size)
        self._post(b"".join(self._next(size) for _ in range(count)), count)
        if self.sock:
            self.whenever(random.uniform(0, PAUSE), self._send)


KINDS = {it.kind: it for it in (Burst, Train)}

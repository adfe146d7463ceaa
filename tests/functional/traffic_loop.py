# SPDX-License-Identifier: MIT
"""What runs the clients of a verifying load (traffic.py): one loop, and what
all kinds of them have in common.

A peer has one connection at a time, on which it sends what follows in the
pattern, and knows what has to come back.  Nothing blocks, connecting neither.
"""

import errno
import heapq
import itertools
import os
import random
import select
import socket
import time

from client import family_of

# A prime: no buffer's size divides it, so that a piece that is lost, doubled
# or moved is seen.
PERIOD = 1048573
CHUNK = 65536  # is sent and received at once
_bytes = random.Random(1).randbytes(PERIOD)
PATTERN = _bytes + _bytes[:CHUNK]
_view = memoryview(PATTERN)

FAULTS_MAX = 1000  # reported
TICK = 0.01  # seconds
AGAIN = 0.02  # seconds until another connection replaces one that failed
BULK_BUDGET = 640 << 10  # bytes a tick, of all bulk streams together


class Loop:
    """Runs all peers: epoll, timers, and what has become of them."""

    def __init__(self, board, seed, orders):
        self.board = board
        self.random = random.Random(seed)
        self.orders = orders
        self.poll = select.epoll()
        self.poll.register(orders, select.EPOLLIN)
        self.peers = {}  # by descriptor
        self.all = []
        self.faults = []
        self.finishing = False
        self.budget = BULK_BUDGET
        self.turns = 0
        self._timers = []
        self._order = itertools.count()

    def add(self, kind, address):
        self.all.append(kind(self, len(self.all), address))

    def later(self, seconds, function):
        heapq.heappush(self._timers, (time.monotonic() + seconds,
                                      next(self._order), function))

    def run(self, limit):
        """Until it is told to finish, and then until all streams have ended,
        for at most `limit` seconds."""
        for peer in self.all:
            peer.open()
        self.later(0, self._tick)
        deadline = None
        while self.peers or not self.finishing:
            self._turn()
            if self.finishing and deadline is None:
                deadline = time.monotonic() + limit
                for peer in list(self.peers.values()):
                    # Nothing has been sent on one that does not stand.
                    (peer.close if peer.connecting else peer.finish)()
            if deadline and time.monotonic() > deadline:
                break
        for peer in list(self.peers.values()):
            peer.fault("unfinished")

    def _turn(self):
        self.turns += 1
        due = self._timers[0][0] - time.monotonic() if self._timers else TICK
        for fd, events in self.poll.poll(max(0, min(due, TICK)), 256):
            if fd == self.orders:
                self.poll.unregister(fd)
                self.finishing = True
                return
            peer = self.peers.get(fd)
            if not peer or peer.registered == self.turns:
                continue  # that was of another, who had the number before
            if peer.connecting:
                peer.on_connected()
            else:
                peer.on_ready(events)
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2]()

    def _tick(self):
        """Give the bulk streams their share."""
        self.budget = BULK_BUDGET
        for peer in self.all:
            if (peer.wants_budget and not peer.connecting and
                    not self.finishing):
                peer.pump()
        self.later(TICK, self._tick)

    def report(self):
        kinds = {}
        for peer in self.all:
            peer.tell(kinds.setdefault(peer.kind, {
                "peers": 0, "connections": 0, "received": 0, "stalls": []}))
        return {"kinds": kinds, "faults": self.faults[:FAULTS_MAX],
                "connections": sum(it.connections for it in self.all),
                "messages": self.board.messages,
                "received": sum(it.total for it in self.all)}


class Peer:
    """One client: what all kinds have in common."""

    kind = None
    wants_budget = False
    receive_buffer = None

    def __init__(self, loop, number, address):
        self.loop = loop
        self.number = number
        self.address = address
        self.sock = None
        self.connecting = False
        self.connections = 0
        self.total = 0
        self.stalls = []
        self.struck = 0

    # Its connection

    def open(self):
        family = family_of(self.address)
        self.sock = socket.socket(family, socket.SOCK_STREAM |
                                  socket.SOCK_NONBLOCK)
        self.sent = self.got = 0
        self.begun = self.first = None
        self.ended = False
        self.opened = time.monotonic()
        self.base = (self.number * 40503 + self.connections * 7919) % PERIOD
        if self.receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF,
                                 self.receive_buffer)
        if family != socket.AF_UNIX:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        error = self.sock.connect_ex(self.address)
        if error == errno.EAGAIN:  # a Unix backlog is full
            self.close()
            self.loop.later(AGAIN, self._open_again)
            return
        self.register(select.EPOLLOUT)
        if error in (0, errno.EINPROGRESS):
            self.connecting = True
        else:
            self.fault(f"connect: {os.strerror(error)}", again=False)

    def register(self, events):
        self.registered = self.loop.turns
        self.loop.peers[self.sock.fileno()] = self
        self.loop.poll.register(self.sock.fileno(), events)

    def on_connected(self):
        self.connecting = False
        error = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self.fault(f"connect: {os.strerror(error)}", again=False)
            return
        self.connections += 1
        self.loop.poll.modify(self.sock.fileno(), select.EPOLLIN)
        self.loop.board.opened += 1
        self.begin()

    def close(self):
        self.loop.peers.pop(self.sock.fileno(), None)
        self.connecting = False
        self.sock.close()
        self.sock = None

    def fault(self, what, again=True):
        """Something is wrong with it; another connection takes its place."""
        self.loop.board.faults += 1
        self.loop.faults.append((
            self.kind, self.number, what, self.opened, self.first,
            time.monotonic(), self.sent, self.got))
        self.close()
        if again:
            self.loop.later(AGAIN, self._open_again)

    def _open_again(self):
        if not self.loop.finishing:
            self.open()

    # What it sends and receives

    def send(self, size, flags=0):
        """Send up to so many bytes; how many the kernel took."""
        at = (self.base + self.sent) % PERIOD
        try:
            count = self.sock.send(_view[at:at + min(size, CHUNK)], flags)
        except BlockingIOError:
            return 0
        except OSError as error:
            self.fault("RST" if isinstance(error, ConnectionError) else
                       str(error))
            return 0
        self.sent += count
        return count

    def ask(self, size):
        """Send a message that is small enough to be taken whole."""
        self.begun = time.monotonic()
        count = self.send(size)
        if self.sock and count not in (0, size):
            self.fault(f"sent {count} bytes of {size}")

    def on_ready(self, _events):
        try:
            data = self.sock.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            self.fault("RST" if isinstance(error, ConnectionError) else
                       str(error))
            return
        if not data:
            self.on_end()
            return
        at = (self.base + self.got) % PERIOD
        size = len(data)
        if data != PATTERN[at:at + size]:
            self.fault(f"corrupt in {size} bytes")
            return
        self.got += size
        self.total += size
        self.loop.board.received += size
        if self.got > self.sent:
            self.fault("more than was sent")
            return
        now = time.monotonic()
        if self.first is None:
            self.first = now
        self._note_stall(now)
        self.on_data(now)

    def _note_stall(self, now):
        """The longest wait for what was under way while there was no service:
        once for each strike."""
        board = self.loop.board
        if self.begun is None or self.begun > board.back or not board.strikes:
            return
        stall = now - max(self.begun, board.strike)
        if self.struck != board.strikes:
            self.struck = board.strikes
            self.stalls.append(stall)
        elif stall > self.stalls[-1]:
            self.stalls[-1] = stall

    def on_data(self, now):
        if self.got == self.sent:
            self.loop.board.messages += 1
            if self.ended or self.loop.finishing:
                self.finish()
            else:
                self.on_answered()

    def on_end(self):
        if not self.ended or self.got < self.sent:
            self.fault("FIN")
            return
        self.close()
        self._open_again()

    def finish(self):
        """Send no more, receive the rest, and its end."""
        if not self.ended:
            self.ended = True
            try:
                self.sock.shutdown(socket.SHUT_WR)
            except OSError:
                self.fault("RST")

    def whenever(self, seconds, function):
        """Later, if it has the same connection then."""
        sock = self.sock
        self.loop.later(seconds, lambda: self.sock is sock and
                        not self.ended and function())

    def tell(self, kind):
        """Add to what is reported of its kind."""
        kind["peers"] += 1
        kind["connections"] += self.connections
        kind["received"] += self.total
        kind["stalls"] += self.stalls

    # What differs

    def begin(self):
        self.on_answered()

    def on_answered(self):
        """All that was sent has come back."""

# SPDX-License-Identifier: MIT
"""The kinds of clients of a verifying load (traffic.py)."""

import select
import socket
import time

from traffic_loop import CHUNK, Peer

PACE = 0.5  # seconds between the messages of a paced peer
BULK_WINDOW = 1 << 20  # bytes under way on a bulk stream
STALLED_MAX = 1 << 20  # bytes that a stalled reader leaves unread
SMALL_BUFFER = 65536  # the receive buffer of who reads slowly


class Busy(Peer):
    """A request as soon as the last is answered."""
    kind = "busy"

    def on_answered(self):
        self.ask(self.loop.random.randint(1, 1400))


class Paced(Peer):
    """A request now and then."""
    kind = "paced"

    def on_answered(self):
        self.whenever(self.loop.random.uniform(0, 2 * PACE), self._ask)

    def _ask(self):
        self.ask(self.loop.random.randint(1, 1400))


class Bytewise(Peer):
    """A byte at a time, several under way."""
    kind = "bytewise"

    def on_answered(self):
        self.whenever(self.loop.random.uniform(0, 0.05), self._ask)

    def _ask(self):
        for _ in range(self.loop.random.randint(1, 20)):
            if self.sock and not self.ended:
                self.ask(1)


class Urgent(Peer):
    """Urgent bytes among others."""
    kind = "urgent"

    def on_answered(self):
        self.whenever(self.loop.random.uniform(0, 0.05), self._ask)

    def _ask(self):
        random = self.loop.random
        sock = self.sock
        self.ask(random.randint(1, 500))
        if self.sock is sock:
            self.send(1, socket.MSG_OOB)
        if self.sock is sock and random.random() < 0.5:
            self.send(random.randint(1, 500))


class Bulk(Peer):
    """As much as the budget allows, both ways."""
    kind = "bulk"
    wants_budget = True

    def pump(self):
        while (self.sock and not self.ended and self.loop.budget > 0 and
               self.sent - self.got < BULK_WINDOW):
            if not self.got < self.sent:
                self.begun = time.monotonic()
            count = self.send(CHUNK)
            if not count:
                break
            self.loop.budget -= count

    def on_data(self, now):
        self.begun = now if self.got < self.sent else None
        if self.ended or self.loop.finishing:
            self.finish()
        else:
            self.pump()


class Stalled(Peer):
    """Sends, and does not read; after a while it does."""
    kind = "stalled"
    receive_buffer = SMALL_BUFFER

    def begin(self):
        """Only a first byte is read, so as to know that it is served."""
        self.reading = True
        self.ask(1)

    def on_answered(self):
        if self.reading:
            self._read(False)
            self.whenever(self.loop.random.uniform(0.5, 2),
                          lambda: self._read(True))
            self._fill()

    def _read(self, reading):
        self.reading = reading
        self.begun = None
        self.loop.poll.modify(self.sock.fileno(),
                              select.EPOLLIN if reading else 0)

    def _fill(self):
        while (self.sock and not self.reading and
               self.sent - self.got < STALLED_MAX and self.send(CHUNK)):
            pass
        if self.sock and not self.reading:
            self.whenever(0.05, self._fill)

    def on_ready(self, events):
        if not self.reading:  # only what cannot be masked
            self.fault("RST" if events & select.EPOLLERR else "FIN")
        else:
            super().on_ready(events)

    def finish(self):
        self._read(True)
        super().finish()


class HalfClosed(Peer):
    """Sends a lot, says that it is all, and reads it slowly; then again."""
    kind = "halfclosed"
    receive_buffer = SMALL_BUFFER
    # How long the connection lives before, and how fast it reads after.
    AGE, PIECE, PAUSE = 1.3, 16384, 0.03

    def begin(self):
        self.left = self.loop.random.randint(1, 300000)
        self.slow = False
        self.ask(1)

    def on_answered(self):
        if self.sent == 1:
            self.whenever(self.AGE, self._fill)

    def _fill(self):
        self.begun = None
        if not self.slow:
            self.slow = True
            self._listen(False)
        while self.sock and self.left and (count := self.send(
                min(self.left, CHUNK))):
            self.left -= count
        if not self.sock:
            return
        if self.left:
            # Something has to be read for the rest to be taken.
            self._listen(True)
            self.whenever(self.PAUSE, self._fill)
        else:
            super().finish()
            self._rest()

    def _listen(self, wanted):
        self.loop.poll.modify(self.sock.fileno(),
                              select.EPOLLIN if wanted else 0)

    def on_ready(self, events):
        sock = self.sock
        super().on_ready(events)
        if self.sock is sock and self.slow and not self.loop.finishing:
            self._rest()

    def on_data(self, now):
        if not self.slow:
            super().on_data(now)

    def _rest(self):
        """Read the next piece after a pause only."""
        self._listen(False)
        sock = self.sock
        self.loop.later(self.PAUSE, lambda: self.sock is sock and
                        self._listen(True))

    def finish(self):
        self._listen(True)
        super().finish()


class Visitor(Peer):
    """Comes, has a few messages echoed, and leaves; then another comes."""
    kind = "visitor"

    def begin(self):
        self.left = self.loop.random.randint(1, 5)
        self.ask(1)

    def on_answered(self):
        self.left -= 1
        if self.left <= 0:
            self.finish()
        else:
            self.whenever(self.loop.random.uniform(0, 1), lambda: self.ask(
                self.loop.random.randint(1, 1400)))


class Passer(Visitor):
    """Has one message echoed."""
    kind = "passer"

    def begin(self):
        self.left = 1
        self.ask(self.loop.random.randint(1, 1400))


KINDS = {it.kind: it for it in (Busy, Paced, Bytewise, Urgent, Bulk, Stalled,
                                HalfClosed, Visitor, Passer)}

# SPDX-License-Identifier: MIT
"""The clients of the chaos: those of the verifying load (traffic_peers.py), who
leave when they like, in order or not, and some more.

Who leaves in order has to get all of what it sent, and then a FIN; who does not
has got a beginning of it.
"""

import socket
import struct

import traffic_peers
from traffic_loop import CHUNK, Peer

LIFE = 2.0  # seconds of a connection, in the mean
IN_ORDER = 0.5  # of those that leave
RESET_AT_ONCE = struct.pack("ii", 1, 0)


class Moody:
    """Leaves when it likes: it sends no more and reads the rest, or it resets
    the connection, or closes it with whatever is unread or still to come."""

    abandoned = 0

    def begin(self):
        self.whenever(self.loop.random.expovariate(1 / LIFE), self._leave)
        super().begin()

    def _leave(self):
        chance = self.loop.random.random()
        if chance < IN_ORDER:
            self.finish()
            return
        if chance < (1 + IN_ORDER) / 2:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                 RESET_AT_ONCE)
        self.abandoned += 1
        self.close()
        self._open_again()

    def tell(self, kind):
        super().tell(kind)
        kind["abandoned"] = kind.get("abandoned", 0) + self.abandoned


class Brief(Peer):
    """Sends something, or nothing, and says at once that it is all."""
    kind = "brief"
    MOST = 30000

    def begin(self):
        self.left = self.loop.random.choice(
            (0, 1, self.loop.random.randint(2, self.MOST)))
        self._fill()

    def _fill(self):
        while self.sock and self.left and (count := self.send(
                min(self.left, CHUNK))):
            self.left -= count
        if not self.sock:
            return
        if self.left:
            self.whenever(0.01, self._fill)
        else:
            self.finish()

    def on_data(self, now):
        """It has ended, or does so by itself."""


def _moody(kind):
    return type("Moody" + kind.__name__, (Moody, kind), {})


KINDS = {name: _moody(kind) for name, kind in traffic_peers.KINDS.items()}
KINDS[Brief.kind] = Brief

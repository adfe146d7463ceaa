# SPDX-License-Identifier: MIT
"""What the clients of a scenario have going on with a service, from before the
fault until everything has been judged."""

import array
import signal
import socket
import time

from clients import Datagrams, Finding, settle, Stream
from daemon import Ended

LAST_WORDS = 100  # bytes: who was told a lie gets another edge by them
OVERFLOW = 400  # long datagrams: more than 8 MiB, which is the longest queue


class Talk:
    """`patience`: seconds without any news, after which a scenario goes on
    while something fails."""

    def __init__(self, service, patience):
        self.service = service
        self.expects_reset = False  # though nothing fails
        self.ends_itself = False  # the service does, so that nothing is sent
        self._patience = patience
        self._clients = []

    # For scenarios

    def client(self, scheme, **how):
        self._clients.append(self.service.client(scheme, **how))
        return self._clients[-1]

    def settle(self, patience=None):
        return settle(self._clients, patience or self._patience,
                      self.service.turn)

    def wait(self, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.settle(0.02)
            self.service.keeper.turn(0.02)

    def signal(self, number):
        self.service.keeper.echod.signal(number)

    def restart(self):
        """The next process is the one that something fails in."""
        keeper = self.service.keeper
        keeper.echod.signal(signal.SIGUSR2)
        keeper.await_end()
        keeper.how["wrapper"] = ()
        # The manager may not be told of it.
        keeper.until(lambda: "\nechod: ready" in keeper.echod.log,
                     "a process that is ready")

    def overflow(self):
        """Datagrams come while it is stopped, more than a queue holds."""
        post = self.client("udp", receive_buffer=1 << 24)
        try:
            self.service.keeper.echod.pause()
        except Ended:  # whether it may is for the judge to say
            return
        for _ in range(OVERFLOW):
            post.send(30000)
        self.service.keeper.echod.resume()
        post.lossy = True
        self.settle()

    def pass_descriptor(self, stream):
        """It comes with a byte, and is to have no use for it."""
        stream.send(1, control=[(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                 array.array("i", [0]))])

    def leave(self, client):
        """It resets its connection."""
        client.close(abruptly=True)
        self._clients.remove(client)

    def leave_all(self):
        while self._clients:
            self._clients.pop().close()

    # When the fault is over

    def _streams(self):
        return [it for it in self._clients if isinstance(it, Stream)]

    def resets(self):
        return sum(it.end == "RST" for it in self._streams())

    def finish(self, patience, excuse=False, torn=False):
        """All that is under way comes to its end; excuse: who waits in vain
        does so through nobody's fault; torn: nor does a FIN say anything."""
        streams = self._streams()
        for it in streams:
            it.reading = True
            it.take()
            if not self.ends_itself:
                it.send(LAST_WORDS)
        self.settle(patience)
        for it in streams:
            it.half_close()
        self.settle(patience)
        for it in streams:
            if not it.end and not excuse:
                raise Finding(f"a stream is stalled: {it.got} of {it.sent} "
                              "bytes came back")
            if not torn:
                it.judge()

    def datagrams(self):
        """How many were sent, and how many came back."""
        posts = [it for it in self._clients if isinstance(it, Datagrams)]
        for it in posts:
            it.take()
        return sum(it.sent for it in posts), sum(it.got for it in posts)

    def close(self):
        self.leave_all()

# SPDX-License-Identifier: MIT
"""Echo services that do wrong on purpose, and count how often.

They run in threads of the case.  Faults happen to early messages only, so that
all consequences are seen before the client ends.
"""

import collections
import heapq
import itertools
import select
import socket
import threading
import time

EARLY = 60  # messages with numbers up to this are dealt with wrongly


class Datagrams:
    """A UDP service: `rule(number)` names what is done to a message, by the
    number in its first 8 bytes; None: it is echoed.  Late: DELAY seconds."""

    DELAY = 1.6
    JUNK = bytes(range(64))

    def __init__(self, rule):
        self._rule = rule
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._sock.bind(("127.0.0.1", 0))
        self.port = self._sock.getsockname()[1]
        self.target = f"udp:127.0.0.1:{self.port}"
        self.received = 0
        self.did = collections.Counter()
        self._held = None
        self._later = []
        self._order = itertools.count()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()
        self._sock.close()

    def _serve(self):
        while not self._end.is_set():
            due = self._later[0][0] - time.monotonic() if self._later else 0.1
            if due <= 0:
                self._sock.sendto(*heapq.heappop(self._later)[2])
            elif select.select([self._sock], [], [], min(due, 0.1))[0]:
                self._answer(*self._sock.recvfrom(65536))

    def _answer(self, data, peer):
        self.received += 1
        number = int.from_bytes(data[:8], "little")
        fault = self._rule(number) if number <= EARLY else None
        if fault:
            self.did[fault] += 1
            getattr(self, "_" + fault)(data, peer)
        else:
            self._sock.sendto(data, peer)
            if self._held:
                self._sock.sendto(*self._held)
                self._held = None

    def _drop(self, data, peer):
        pass

    def _double(self, data, peer):
        self._sock.sendto(data, peer)
        self._sock.sendto(data, peer)

    def _overtake(self, data, peer):
        """It is sent after the next."""
        self._held = data, peer

    def _delay(self, data, peer):
        heapq.heappush(self._later, (time.monotonic() + self.DELAY,
                                     next(self._order), (data, peer)))

    def _corrupt(self, data, peer):
        self._sock.sendto(data[:20] + bytes([data[20] ^ 1]) + data[21:], peer)

    def _lengthen(self, data, peer):
        self._sock.sendto(data + b"!", peer)

    def _truncate(self, data, peer):
        self._sock.sendto(data[:-5], peer)

    def _intrude(self, data, peer):
        """Send something that answers nothing, too."""
        self._sock.sendto(self.JUNK, peer)
        self._sock.sendto(data, peer)


class Streams:
    """A TCP service, a thread for each connection: `serve(sock, number)` deals
    with the connections in the order of accepting them, from 0 on."""

    def __init__(self, serve):
        self._serve = serve
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.target = "tcp:127.0.0.1:{}".format(
            self._listener.getsockname()[1])
        self.accepted = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            number, self.accepted = self.accepted, self.accepted + 1
            threading.Thread(target=self._run, args=(sock, number),
                             daemon=True).start()

    def _run(self, sock, number):
        with sock:
            try:
                self._serve(sock, number)
            except OSError:
                pass


def echo(sock, limit=None):
    """Echo until the end, or until so many bytes have been."""
    done = 0
    while limit is None or done < limit:
        data = sock.recv(65536 if limit is None else limit - done)
        if not data:
            return
        sock.sendall(data)
        done += len(data)

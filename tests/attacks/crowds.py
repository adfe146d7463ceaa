# SPDX-License-Identifier: MIT
"""Attackers with real connections: each crowd is a process on the attacker's
host, which tells how it stands as lines of JSON, until it is told to end.
"""

import json
import os
import select
import signal
import socket
import time
import traceback

from client import reset
from service import limit_descriptors
from stage import PORT, source, TARGET

IP_BIND_ADDRESS_NO_PORT = 24
SMALL = 4096  # bytes of buffers of who never reads
CHUNK = bytes(65536)
TURN = 0.02  # seconds
ESTABLISHED, TCP_STATE_OFFSET = 1, 0
PATIENCE = 5.0  # seconds for the last ones to be connected
STUCK_TURNS = 10


class _Ended(BaseException):
    """SIGTERM has come."""


def _end(_number, _frame):
    raise _Ended


def _connect(number, small=False):
    """A socket that connects, from one of many addresses."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setblocking(False)
    if small:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
    sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
    sock.bind((source(number), 0))
    sock.connect_ex((TARGET, PORT))
    return sock


def _is_held(sock):
    state = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)
    return state[TCP_STATE_OFFSET] == ESTABLISHED


def _paced(rate, count):
    """Numbers, so many a second, as many as are due at a time."""
    begin, number = time.monotonic(), 0
    while number < count:
        due = min(count, int((time.monotonic() - begin) * rate) + 1)
        for number in range(number, due):
            yield number
        number = due
        time.sleep(0.001)


class Crowd:
    """A process that runs a generator of what it tells; the last it tells is
    its result.  Leaving the `with` block ends it."""

    def __init__(self, stage, generator):
        self.told = None
        self._pipe, pipe = os.pipe()
        self._text = b""
        with stage.attacker:
            self._pid = os.fork()
            if self._pid == 0:
                os.close(self._pipe)
                _run(generator, pipe)
        os.close(pipe)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def _take(self, timeout):
        """What it tells, if it does so in time; False when it has ended."""
        if not select.select([self._pipe], [], [], timeout)[0]:
            return True
        data = os.read(self._pipe, 65536)
        *lines, self._text = (self._text + data).split(b"\n")
        if lines:
            self.told = json.loads(lines[-1])
        return bool(data)

    def stands(self, limit):
        """Await the first that it tells."""
        deadline = time.monotonic() + limit
        while not self.told and time.monotonic() < deadline:
            if not self._take(0.1):
                break
        return self.told

    def end(self):
        """Its result."""
        if self._pid:
            os.kill(self._pid, signal.SIGTERM)
            while self._take(None):
                pass
            os.waitpid(self._pid, 0)
            os.close(self._pipe)
            self._pid = None
        return self.told or {}


def _run(generator, pipe):
    """In the child."""
    status = 1
    try:
        signal.signal(signal.SIGTERM, _end)
        limit_descriptors()
        with os.fdopen(pipe, "w", encoding="utf-8", buffering=1) as told:
            for it in generator:
                print(json.dumps(it), file=told)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _settle(socks):
    """Await that those which can are connected."""
    deadline = time.monotonic() + PATIENCE
    poll = select.epoll()
    for sock in socks:
        poll.register(sock.fileno(), select.EPOLLOUT | select.EPOLLONESHOT)
    settled = 0
    while settled < len(socks) and time.monotonic() < deadline:
        settled += len(poll.poll(0.1, 1024))
    poll.close()


def _sleep():
    while True:
        time.sleep(60)


def hoard(count, rate, sources, first=0):
    """Connect, and say nothing."""
    socks = []
    try:
        for number in _paced(rate, count):
            socks.append(_connect(first + number % sources))
        _settle(socks)
        yield {"asked": count, "held": sum(map(_is_held, socks))}
        _sleep()
    except _Ended:
        yield {"asked": count, "made": len(socks),
               "held": sum(map(_is_held, socks))}


def stay(count, rate, sources, first=0):
    """The same as a flood: it has begun as soon as the first has come."""
    socks = []
    yield {"asked": 0}
    try:
        for number in _paced(rate, count):
            socks.append(_connect(first + number % sources))
        _sleep()
    except _Ended:
        yield {"asked": len(socks), "held": sum(map(_is_held, socks))}


def come_and_go(rate, sources):
    """Connect and close, half of them by a reset, as soon as they may."""
    asked, waiting = 0, []
    yield {"asked": 0}
    try:
        for number in _paced(rate, 1 << 30):
            waiting.append(_connect(number % sources))
            asked += 1
            if len(waiting) >= 64:
                _go(waiting.pop(0), asked)
    except _Ended:
        yield {"asked": asked}


def _go(sock, number):
    if number % 2:
        reset(sock)
    else:
        sock.close()


def never_read(count, rate, sources):
    """Send until nothing more is taken, and read nothing."""
    socks, sent, stuck = [], 0, 0
    try:
        for number in _paced(rate, count):
            socks.append(_connect(number % sources, small=True))
        _settle(socks)
        while stuck < STUCK_TURNS:
            more = sum(map(_send, socks))
            sent, stuck = sent + more, 0 if more else stuck + 1
            time.sleep(TURN)
        yield {"asked": count, "held": sum(map(_is_held, socks)), "sent": sent}
        while True:
            sent += sum(map(_send, socks))
            time.sleep(10 * TURN)
    except _Ended:
        yield {"asked": count, "held": sum(map(_is_held, socks)), "sent": sent}


def _send(sock):
    try:
        return sock.send(CHUNK)
    except OSError:  # no room, or its end
        return 0


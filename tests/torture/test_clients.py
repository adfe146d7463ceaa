#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""The clients that verify: what they take for a loss, and what for bytes that
were on their way when the service ended."""

import os
import socket
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../functional"))

# pylint: disable=wrong-import-position
from clients import Finding, Stream
from echodtest import case, main, until

LATER = 0.05  # seconds: within those that a client has patience


def _pair():
    """A client, and the service's end of its connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stream = Stream(listener.getsockname())
        return stream, listener.accept()[0]


def _fill(stream):
    """Until some of it has to wait at the client."""
    stream.reading = False
    while stream.send(65536):
        pass
    stream.reading = True


def _take_end(stream):
    until(lambda: stream.take() and stream.end, "an end")
    assert stream.end == "FIN"


def _is_finding(stream):
    try:
        stream.judge()
    except Finding:
        return True
    return False


@case("what was received, and did not come back, is lost")
def lost():
    for reads in (True, False):
        stream, service = _pair()
        stream.send(1000)
        if reads:
            service.sendall(service.recv(1000)[:999])
        service.shutdown(socket.SHUT_WR)
        _take_end(stream)
        assert _is_finding(stream), reads
        service.close()


@case("what had not been received is not, if a reset follows, however late")
def on_its_way():
    stream, service = _pair()
    _fill(stream)
    service.shutdown(socket.SHUT_WR)
    _take_end(stream)
    later = threading.Timer(LATER, service.close)
    later.start()
    assert not _is_finding(stream)
    later.join()


@case("nor if sending was told of the reset before")
def told_by_sending():
    stream, service = _pair()
    _fill(stream)
    stream.reading = False
    service.shutdown(socket.SHUT_WR)
    service.close()
    until(lambda: stream.send(1) == 0 and stream.cut, "a broken pipe")
    stream.reading = True
    _take_end(stream)
    assert not _is_finding(stream)


if __name__ == "__main__":
    main()

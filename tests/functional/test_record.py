#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""The record: memory that another process can keep, in which echod counts, and
notes that it faulted.  Here the test keeps it, as a service manager would."""

import contextlib
import os
import resource
import shutil
import signal
import struct
import time

import client
from daemon import Echod, sanitized
from echodtest import case, main, Skip

BYTES = 123457  # a number that nothing else in the record has
WITHOUT_MEMFD = "inject=memfd_create:error=EPERM"


def _duplicate(echod):
    """The record of an echod, opened anew; None if it has none."""
    directory = f"/proc/{echod.pid}/fd"
    for name in os.listdir(directory):
        # One may be closed meanwhile.
        with contextlib.suppress(FileNotFoundError):
            if os.readlink(f"{directory}/{name}").startswith(
                    "/memfd:echod-record"):
                return os.open(f"{directory}/{name}", os.O_RDONLY)
    return None


def _words(record):
    """All of it, as 64-bit numbers."""
    content = os.pread(record, 1 << 20, 0)
    return [word for word, in struct.iter_unpack("=Q", content)]


def _echo(echod):
    sock = client.connect(echod.address("tcp"))
    client.assert_echo(sock, client.pattern(BYTES))
    echod.await_counters(bytes_received=BYTES, bytes_sent=BYTES)


def _now():
    return time.monotonic_ns() // 1000


@case("what was counted outlives SIGKILL")
def counters():
    with Echod("-l", "127.0.0.1:0", "-w", "2") as echod:
        record = _duplicate(echod)
        assert BYTES not in _words(record)
        _echo(echod)
        echod.kill()
    assert _words(record).count(BYTES) == 2, "received and sent"


@case("a fault leaves its time, and ends the process; SIGKILL leaves none")
def faults():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS,
                   signal.SIGFPE, signal.SIGILL, signal.SIGSYS,
                   signal.SIGKILL):
        with Echod("-l", "127.0.0.1:0") as echod:
            record = _duplicate(echod)
            before = _now()
            echod.signal(number)
            status = echod.wait()
            # A sanitizer reports some of them, and exits.
            assert status == -number or sanitized(), status
        marks = [word for word in _words(record) if before <= word <= _now()]
        assert len(marks) == (number != signal.SIGKILL), (number, marks)


@case("where no memfd can be had, it serves and counts all the same")
def without():
    strace = shutil.which("strace")
    if not strace:
        raise Skip("strace is not installed")
    if sanitized():
        raise Skip("the daemon is built with a sanitizer")
    wrapper = (strace, "-D", "-f", "-o", "/dev/null", "-e",
               "trace=memfd_create", "-e", WITHOUT_MEMFD)
    with Echod("-l", "127.0.0.1:0", wrapper=wrapper) as echod:
        assert _duplicate(echod) is None
        _echo(echod)


if __name__ == "__main__":
    main()

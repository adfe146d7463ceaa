#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""Calls that fail: what is known of how strace makes them."""

import contextlib
import ctypes
import errno
import os
import select
import signal
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../functional"))

# pylint: disable=wrong-import-position
from echodtest import case, main, note, scratch_directory, Skip, until
from fault import Attached, failure, STRACE

TRIES = 300

# <sys/prctl.h>: any process of the same user may trace this one.
PR_SET_DUMPABLE = 4
PR_SET_PTRACER, PR_SET_PTRACER_ANY = 0x59616d61, ctypes.c_ulong(-1)


class _Caller:
    """A process that waits for events, again and again, and tells what else
    than EINTR that failed with."""

    def __init__(self):
        self._output, ours = os.pipe()
        os.set_blocking(self._output, False)
        self.pid = os.fork()
        if self.pid == 0:
            self._run(ours)
        os.close(ours)

    @staticmethod
    def _run(output):
        prctl = ctypes.CDLL(None).prctl
        prctl(PR_SET_DUMPABLE, 1)
        prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY)
        epoll = select.epoll()
        os.write(output, b"\0")
        try:
            while True:  # Python calls again after EINTR
                try:
                    epoll.poll(0)
                except OSError as error:
                    os.write(output, bytes([error.errno]))
        finally:
            os._exit(1)

    def failures(self):
        """Those since the last time."""
        try:
            return set(os.read(self._output, 4096))
        except BlockingIOError:
            return set()

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._output)


@case("a call that strace leaves in its middle may fail with ENOSYS")
def cut_short():
    if not STRACE:
        raise Skip("strace is not installed")
    path = os.path.join(scratch_directory(), "trace")
    fault = failure("epoll_wait", "EINTR", "1+")
    tries = cut = 0
    seen = set()
    with contextlib.closing(_Caller()) as caller:
        until(caller.failures, "a process that may be traced")
        while not seen and tries < TRIES:
            tries += 1
            with Attached([caller.pid], path, fault) as trace:
                until(trace.struck, "a failure")
            cut += trace.is_cut_short()
            seen = caller.failures()  # of this time, or of the one before
    note(f"{tries} times, {cut} in the middle of a call: {seen}")
    assert seen <= {errno.ENOSYS}, seen
    assert cut > 0


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: MIT
"""journald as the daemon sees it: a socket in /run, which can be stopped, so
that nobody reads it.  The case gets a /run of its own for that."""

import collections
import ctypes
import os
import re
import socket
import time

import daemon
from daemon import Echod
from echodtest import Skip

CLONE_NEWNS = 0x20000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
DIRECTORY = "/run/systemd/journal"
ENTRY_MAX = 65536

# What answers a signal of the operator's, as often as it comes.
ANSWERS = re.compile(r"counters: |reloaded: ")

Entry = collections.namedtuple("Entry", "moment level message")


def _mount(source, target, kind, flags):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(source, target, kind, flags, None) != 0:
        raise OSError(ctypes.get_errno(), f"mount {target.decode()}")


class Journal:
    """The socket, and what was written to it."""

    def __init__(self):
        libc = ctypes.CDLL(None, use_errno=True)
        try:
            if libc.unshare(CLONE_NEWNS) != 0:
                raise OSError(ctypes.get_errno(), "unshare")
            _mount(b"none", b"/", None, MS_REC | MS_PRIVATE)
            _mount(b"none", b"/run", b"tmpfs", 0)
        except OSError as error:
            raise Skip(f"no mount namespace: {error}") from error
        os.makedirs(DIRECTORY)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(f"{DIRECTORY}/socket")
        os.chmod(f"{DIRECTORY}/socket", 0o666)
        self.socket.setblocking(False)
        self.entries = []
        self.stopped = False

    def fileno(self):
        return self.socket.fileno()

    def read(self):
        """Take in what there is; returns the messages."""
        messages = []
        while not self.stopped:
            try:
                text = self.socket.recv(ENTRY_MAX).decode(errors="replace")
            except BlockingIOError:
                break
            fields = dict(line.partition("=")[::2]
                          for line in text.splitlines())
            messages.append(fields["MESSAGE"])
            self.entries.append(Entry(time.monotonic(),
                                      int(fields["PRIORITY"]), messages[-1]))
        return messages

    def unasked(self):
        """The entries that nobody asked for."""
        return [it for it in self.entries if not ANSWERS.match(it.message)]

    def most_in(self, seconds):
        """The most of these in any such time."""
        moments = [it.moment for it in self.unasked()]
        return max((sum(begin <= it < begin + seconds for it in moments)
                    for begin in moments), default=0)


class Journaled(Echod):
    """An echod whose standard error is the journal's, as it is told."""

    def __init__(self, *arguments, journal, **how):
        self.journal = journal
        super().__init__(*arguments, **how)

    def _exec(self, binary):
        status = os.fstat(2)
        self._environment["JOURNAL_STREAM"] = \
            f"{status.st_dev}:{status.st_ino}"
        super()._exec(binary)

    def read_log(self, timeout=0.0):
        daemon.readable(self.journal, self.stderr, timeout=timeout)
        for message in self.journal.read():
            self.log += f"echod: {message}\n"
        return super().read_log()

    def await_change(self, *files, timeout=0.0):
        if not self.journal.stopped:
            files = [*files, self.journal]
        ready = super().await_change(*files, timeout=timeout)
        if self.journal in ready:
            self.read_log()
        return ready

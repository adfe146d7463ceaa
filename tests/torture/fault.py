# SPDX-License-Identifier: MIT
"""System calls that fail, of some threads of a process that runs, by strace(1).

It is attached when the fault is to begin, and leaves when it is to end: so the
process starts unharmed, the calls are counted from a known moment on, and what
holds afterwards can be told from what held before.  (That makes every call of
these threads slow; --seccomp-bpf, which would not, is for those whom strace
started.)
"""

import collections
import os
import re
import shutil
import signal
import subprocess

from daemon import LIMIT, readable

STRACE = shutil.which("strace")
QUIET = ("-a1", "-s0", "-e", "signal=none")
EVERYTHING = ("trace=all",)

# What fails in the place of a call that has to be made all the same: close.c.
STAND_INS = {"close": "clock_gettime"}


def failure(call, errno, when):
    """A call fails: `when` says which times, as strace does."""
    call = STAND_INS.get(call, call)
    return (f"trace={call}", f"inject={call}:error={errno}:when={when}")


def remove(path):
    """If it is there."""
    try:
        os.remove(path)
    except FileNotFoundError:
        pass


class _Trace:
    """What strace saw."""

    def __init__(self, path, threads, expressions):
        self._path = path
        self._threads = threads
        remove(path)  # perhaps of another user
        self._command = [STRACE, *QUIET, "-o", path]
        for expression in expressions:
            self._command += ["-e", expression]

    def _lines(self):
        try:
            with open(self._path, encoding="utf-8",
                      errors="replace") as file:
                return file.readlines()
        except FileNotFoundError:
            return []

    def calls(self):
        """How often a thread made each call so far, by its name."""
        names = collections.Counter(
            match[1] for line in self._lines()
            if (match := re.match(r"(?:\d+ +)?(\w+)\(", line)))
        for call, stand_in in STAND_INS.items():
            names[call] = names.pop(stand_in, 0)
        return {name: -(-count // self._threads)
                for name, count in names.items() if count > 0}

    def struck(self):
        """How many have failed so far."""
        return sum("(INJECTED)" in line for line in self._lines())

    def is_cut_short(self):
        """Whether it left in the middle of a call: one that was to fail has been
        skipped then, and has the kernel's ENOSYS instead of its errno."""
        return any("<detached ...>" in line for line in self._lines())


class Attached(_Trace):
    """strace on some threads, within a `with` block."""

    def __init__(self, threads, path, expressions):
        super().__init__(path, len(threads), expressions)
        for thread in threads:
            self._command += ["-p", str(thread)]

    def __enter__(self):
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        said = b""
        while said.count(b" attached") < self._threads:
            assert readable(self._process.stderr, timeout=LIMIT), \
                "strace does not attach"
            piece = os.read(self._process.stderr.fileno(), 4096)
            said += piece
            assert piece, f"strace ended: {said.decode()!r}"
        return self

    def __exit__(self, *_):
        """The threads go on alone, unless they are no more."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(LIMIT)
        finally:
            self._process.kill()
            self._process.wait()
            self._process.stderr.close()


class Started(_Trace):
    """strace on the next process of a manager, from its start on; at the end
    that is killed, and another follows."""

    def __init__(self, keeper, path, expressions):
        super().__init__(path, 1, expressions)
        self._keeper = keeper

    def __enter__(self):
        # -D: the process, not strace, is the manager's child.
        self._keeper.how["wrapper"] = (*self._command, "-D", "-f",
                                       "--seccomp-bpf")
        return self

    def __exit__(self, *_):
        self._keeper.how["wrapper"] = ()
        self._keeper.kill()

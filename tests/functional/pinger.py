# SPDX-License-Identifier: MIT
"""A running echoping: to its end, or to be talked to by signals meanwhile.

$ECHOPING names the program (default: ../../build/echoping).
"""

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import termios

import daemon

BINARY = os.environ.get("ECHOPING") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "../../build/echoping")

_binary = daemon.open_binary(BINARY)


def sanitized():
    """Whether echoping is instrumented: its memory and calls say nothing."""
    return daemon.is_sanitized(_binary)


class Echoping:
    """One echoping process.  Leaving the `with` block ends it."""

    def __init__(self, *arguments, environment=None, stdout=subprocess.PIPE,
                 wrapper=()):
        self.arguments = [str(argument) for argument in arguments]
        self.output = self.errors = ""
        self.status = None
        variables = {name: value for name, value in os.environ.items()
                     if name not in ("NO_COLOR", "TERM")}
        self._process = subprocess.Popen(
            [*wrapper, f"/proc/self/fd/{_binary}", *self.arguments],
            stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE,
            bufsize=0, pass_fds=[_binary],
            env={**variables, **(environment or {})})
        self.pid = self._process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    def signal(self, number):
        self._process.send_signal(number)

    def pause(self):
        """Stop it for a while, to let things happen behind its back."""
        self.signal(signal.SIGSTOP)
        status = os.waitpid(self.pid, os.WUNTRACED)[1]
        assert os.WIFSTOPPED(status), "echoping ended"

    def resume(self):
        self.signal(signal.SIGCONT)

    def close_output(self):
        """Nobody reads its output any more."""
        self._process.stdout.close()
        self._process.stdout = None

    def unread(self):
        """Bytes of its output that wait in the pipe."""
        size = fcntl.ioctl(self._process.stdout, termios.FIONREAD, bytes(4))
        return int.from_bytes(size, sys.byteorder)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def heap(self):
        """The part of it that is allocated."""
        with open(f"/proc/{self.pid}/smaps", encoding="utf-8") as file:
            heap = file.read().partition("[heap]\n")[2]
        return 1024 * int(re.search(r"^Rss:\s+(\d+) kB", heap, re.M)[1])

    def resident(self):
        """Resident memory in bytes, page by page."""
        with open(f"/proc/{self.pid}/smaps_rollup", encoding="utf-8") as file:
            return 1024 * int(re.search(r"^Rss:\s+(\d+) kB", file.read(),
                                        re.M)[1])

    def read_line(self):
        """The next line of its output, as soon as it is written."""
        line = self._process.stdout.readline().decode()
        self.output += line
        return line

    def read_error(self):
        """The same of standard error."""
        line = self._process.stderr.readline().decode()
        self.errors += line
        return line

    def ended(self):
        return self._process.poll() is not None

    def turn(self):
        """Take in what it has printed, which would fill the pipe else; whether
        it has ended."""
        stdout = self._process.stdout
        while daemon.readable(stdout) and (
                piece := os.read(stdout.fileno(), 65536)):
            self.output += piece.decode()
        return self.ended()

    def wait(self, limit=daemon.LIMIT):
        """Await its end; returns itself, with status, output and errors."""
        output, errors = self._process.communicate(timeout=limit)
        self.output += (output or b"").decode()
        self.errors += errors.decode()
        self.status = self._process.returncode
        return self

    def interrupt(self):
        """Ctrl-C."""
        self.signal(signal.SIGINT)
        return self.wait()

    def objects(self, kind=None):
        """What --json printed, or the objects of one type."""
        found = [json.loads(line) for line in self.output.splitlines()]
        return [it for it in found if kind in (None, it["type"])]

    def summary(self):
        """The last object."""
        return self.objects("summary")[-1]


def echoping(*arguments, limit=daemon.LIMIT, **options):
    """Run it to its end."""
    with Echoping(*arguments, **options) as it:
        return it.wait(limit)


# All that is counted beside what was sent; see TALLY_COUNTERS.
COUNTERS = ("received", "lost", "late", "duplicate", "reordered", "corrupt",
            "truncated", "misaddressed", "foreign", "errors", "under_way")


def assert_tally(summary, **expected):
    """These are the counters of a summary, and all others are 0."""
    counted = {name: summary[name] for name in COUNTERS
               if summary.get(name, 0) != expected.get(name, 0)}
    assert not counted, (f"{counted} instead of "
                         f"{ {name: expected.get(name, 0) for name in counted} }"
                         f" in {summary}")
    assert summary["sent"] == (summary["received"] + summary["lost"] +
                               summary.get("under_way", 0)), summary
    assert summary["rtt"]["count"] == summary["received"], summary

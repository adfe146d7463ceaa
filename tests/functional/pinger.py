# SPDX-License-Identifier: MIT
"""A running echoping: to its end, or to be talked to by signals meanwhile.

$ECHOPING names the program (default: ../../build/echoping).
"""

import json
import os
import signal
import subprocess

import daemon

BINARY = os.environ.get("ECHOPING") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "../../build/echoping")

_binary = daemon.open_binary(BINARY)


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
            text=True, pass_fds=[_binary],
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

    def read_line(self):
        """The next line of its output, as soon as it is written."""
        line = self._process.stdout.readline()
        self.output += line
        return line

    def read_error(self):
        """The same of standard error."""
        line = self._process.stderr.readline()
        self.errors += line
        return line

    def wait(self, limit=daemon.LIMIT):
        """Await its end; returns itself, with status, output and errors."""
        output, errors = self._process.communicate(timeout=limit)
        self.output += output or ""
        self.errors += errors
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

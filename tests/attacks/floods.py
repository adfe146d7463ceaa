# SPDX-License-Identifier: MIT
"""Attackers that forge packets, which are programs: flood.c and trickle.c."""

import json
import os
import signal
import subprocess

from stage import NOBODY, PORT, TARGET

BUILD = os.path.join(os.path.abspath(os.environ["top_builddir"]),
                     "tests/attacks")
DAY = 86400  # seconds: it is ended before


class Program:
    """One of them; leaving the `with` block ends it."""

    def __init__(self, stage, name, *arguments):
        with stage.attacker:
            self._process = subprocess.Popen(
                [os.path.join(BUILD, name), *map(str, arguments)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self._result = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        """What it did."""
        if self._result is None:
            self._process.send_signal(signal.SIGTERM)
            self._result = json.loads(self._process.communicate()[0])
        return self._result


def flood(stage, kind, source, rate, seconds=DAY):
    """Packets from this source, or from a `random` one each."""
    return Program(stage, "flood", kind, TARGET, PORT, source, rate, seconds)


def trickle(stage, window, count):
    """Peers that keep their window at this many bytes."""
    return Program(stage, "trickle", window, count, TARGET, PORT, NOBODY,
                   "there", DAY)

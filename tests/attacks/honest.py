# SPDX-License-Identifier: MIT
"""Honest clients, which are echoping: how many of them are served, and how
fast, over a cable of their own.

    newcomers   each makes a connection, has a message echoed, and closes it
    standing    a connection that was there before the attack, and is used
    datagrams   one now and then, from an address
"""

import math
import signal
import subprocess
from dataclasses import asdict, dataclass

from pinger import Echoping
from stage import PORT, SERVICE, SERVICE6

NEWCOMERS = 250  # a second
PROBES = 400  # a second: of datagrams, well below --udp-rate
STANDING_EVERY = "10ms"
PATIENCE = 2  # seconds that a client waits
LIMIT = 30.0  # seconds: ends an echoping that hangs


@dataclass
class Served:
    """What became of clients: p99 is of those that were served, in ms."""
    sent: int
    received: int
    p99: float = None
    said: str = ""

    def share(self):
        return self.received / self.sent if self.sent else 0.0

    def lost(self):
        return self.sent - self.received


def _served(echoping, due):
    """From what it printed; who cannot even begin is not served."""
    try:
        echoping.wait(LIMIT)
        summary = echoping.summary()
    except (IndexError, ValueError, subprocess.TimeoutExpired):
        return asdict(Served(due, 0, said=echoping.errors[-200:]))
    sent = summary["sent"]
    if not summary.get("client_limited"):  # nobody hindered the client itself
        sent += summary.get("unsent", 0)
    p99 = summary["rtt"]["p99_ns"] or summary["rtt"]["max_ns"]
    return asdict(Served(sent - summary.get("under_way", 0),
                         summary["received"], p99 and p99 / 1e6,
                         echoping.errors[-200:]))


class Newcomers:
    """They come by the clock."""

    def __init__(self, stage, seconds):
        self._due = math.ceil(NEWCOMERS * seconds)
        with stage.honest:
            self._echoping = Echoping(
                "--load", "--json", "-q", "--connect", "--connections=90",
                "--threads=1", f"--rate={NEWCOMERS}", f"--duration={seconds}s",
                "--warmup=0", f"--timeout={PATIENCE}s",
                f"tcp:{SERVICE}:{PORT}")

    def result(self):
        with self._echoping:
            return _served(self._echoping, self._due)


class Datagrams:
    """From one of the honest client's addresses."""

    def __init__(self, stage, seconds, source):
        target = f"[{SERVICE6}]" if ":" in source else SERVICE
        self._due = math.ceil(PROBES * seconds)
        with stage.honest:
            self._echoping = Echoping(
                "--json", "-q", f"--interval={1e6 / PROBES:.0f}us",
                f"--count={self._due}", f"--timeout={PATIENCE}s",
                f"--source={source}", f"udp:{target}:{PORT}")

    def result(self):
        with self._echoping:
            return _served(self._echoping, self._due)


class Standing:
    """Until it is asked for the result."""

    def __init__(self, stage):
        with stage.honest:
            self._echoping = Echoping(
                "--json", "-q", f"--interval={STANDING_EVERY}",
                f"--timeout={PATIENCE}s", f"tcp:{SERVICE}:{PORT}")

    def result(self):
        with self._echoping:
            self._echoping.signal(signal.SIGINT)
            return _served(self._echoping, 1)

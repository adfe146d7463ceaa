# SPDX-License-Identifier: MIT
"""What befalls the service: troubles that begin and end at random, two at a
time or so, each at least once.

Each lasts for a moment, and leaves everything as it was.
"""

import os
import re
import resource
import shutil
import signal
import subprocess

import daemon

DROPPED = 3  # percent, each way

# Of what comes over the cable, at each end: dropped where it is sent, the sender
# would be told.  A reset is never sent again: where it is lost the connection
# stands until keepalive finds out, for longer than this.
RULES = f"""
table inet chaos {{
	chain in {{
		type filter hook input priority 0;
		tcp flags & rst == rst accept
		iif != lo numgen random mod 100 < {DROPPED} counter drop
	}}
}}
"""


class Trouble:
    """One kind of it: `begin`, `go_on` again and again, `end`."""

    lasts = 1.0, 4.0  # seconds
    alone = False  # with this none else begins

    def __init__(self, keeper, neighbour):
        self.keeper = keeper
        self.neighbour = neighbour
        self.times = 0

    @property
    def echod(self):
        return self.keeper.echod

    def begin(self):
        pass

    def go_on(self):
        pass

    def end(self):
        pass


class Loss(Trouble):
    """The network drops packets."""
    name = "packets dropped"
    dropped = 0

    def begin(self):
        self._both(lambda: self._nft("-f", "-", input=RULES))

    def end(self):
        self._both(self._sum_up)

    def _both(self, function):
        """At both ends."""
        function()
        with self.neighbour:
            function()

    def _sum_up(self):
        told = self._nft("list", "table", "inet", "chaos")
        self.dropped += int(re.search(r"counter packets (\d+)", told)[1])
        self._nft("delete", "table", "inet", "chaos")

    @staticmethod
    def _nft(*arguments, **how):
        return subprocess.run(["nft", *arguments], check=True, text=True,
                              stdout=subprocess.PIPE, **how).stdout


class Starvation(Trouble):
    """There are no descriptors for newcomers, as it has more than it may."""
    name = "descriptors exhausted"
    lasts = 2.0, 3.0
    FEW = 16

    def begin(self):
        self._before = self._limits()
        self._limit(self.FEW, self._before[1])

    def end(self):
        self._limit(*self._before)

    def _limits(self):
        words = re.search(r"^Max open files +(\d+) +(\d+)",
                          self.echod.proc("limits"), re.M)
        return int(words[1]), int(words[2])

    def _limit(self, *limits):
        """As the daemon's own user: even root may have no right to it."""
        pid = os.fork()
        if pid == 0:
            try:
                daemon.become_ordinary()
                resource.prlimit(self.echod.pid, resource.RLIMIT_NOFILE,
                                 limits)
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitpid(pid, 0)[1] == 0, "its limit cannot be set"


class Stop(Trouble):
    """The process is not run: for less than the watchdog's time."""
    name = "SIGSTOP"
    lasts = 0.1, 1.5
    alone = True

    def begin(self):
        self.echod.pause()

    def end(self):
        self.echod.resume()


class Deafness(Trouble):
    """journald is stopped."""
    name = "journald stopped"

    def begin(self):
        self.echod.journal.stopped = True

    def end(self):
        self.echod.journal.stopped = False


class Storm(Trouble):
    """A signal, again and again."""
    lasts = 0.2, 1.0

    def go_on(self):
        self.echod.signal(self.number)


class Hangups(Storm):
    name, number = "SIGHUP storm", signal.SIGHUP


class Questions(Storm):
    name, number = "SIGUSR1 storm", signal.SIGUSR1


def possible():
    """All of them that this machine can do."""
    kinds = [Starvation, Stop, Deafness, Hangups, Questions]
    return kinds + ([Loss] if shutil.which("nft") else [])


class Fate:
    """When which of them comes."""

    CALM = 0.0, 1.0  # seconds between two beginnings

    def __init__(self, keeper, neighbour, chance):
        self._troubles = [kind(keeper, neighbour) for kind in possible()]
        self._chance = chance
        self._fresh = []
        self._present = {}  # when each ends
        self._next = 0.0

    def turn(self, now):
        """Let go on, end and begin what is due."""
        for trouble in list(self._present):
            if now < self._present[trouble]:
                trouble.go_on()
            else:
                self._end(trouble)
        if now >= self._next:
            self._begin(now)
            self._next = now + self._chance.uniform(*self.CALM)

    def _begin(self, now):
        if not self._fresh:
            self._fresh = self._chance.sample(self._troubles,
                                              len(self._troubles))
        trouble = self._fresh[-1]
        if self._present and (trouble.alone or trouble in self._present or
                              any(it.alone for it in self._present)):
            return
        self._fresh.pop()
        trouble.begin()
        self._present[trouble] = now + self._chance.uniform(*trouble.lasts)

    def _end(self, trouble):
        del self._present[trouble]
        trouble.end()
        trouble.times += 1

    def is_complete(self):
        """Whether each has come and gone."""
        return all(it.times for it in self._troubles)

    def end(self):
        for trouble in list(self._present):
            self._end(trouble)

    def __str__(self):
        return ", ".join(f"{it.name} {it.times}" for it in self._troubles)

    @property
    def dropped(self):
        """Packets, or trains of them; None if it cannot be done."""
        return next((it.dropped for it in self._troubles
                     if isinstance(it, Loss)), None)

#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""Soak: many connections stand, while others are made, used and closed, and
messages come and go, for a long time.  Memory does not grow, nothing is lost.

All loads compare each byte: they are echoping's.  One after the other they run
in turns of some seconds until there were as many as asked for:
$ECHOD_SOAK_CYCLES connections that are made for one message, and
$ECHOD_SOAK_MESSAGES messages, half of them pipelined on streams, half of them
datagrams in trains; $ECHOD_SOAK_CONNECTIONS stand all the time (`make
check-soak`: a million, 100 million, 15,000).
"""

import os
import resource
import signal
import sys
import time

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)),
                             "../functional"))

import trend  # noqa: E402
from daemon import sanitized  # noqa: E402
from echodtest import case, main, note, Skip  # noqa: E402
from keeper import Keeper, descriptors  # noqa: E402
from netspace import isolate, set_sysctl  # noqa: E402
from pinger import Echoping  # noqa: E402
from verdict import Verdict  # noqa: E402


def _wanted(what, share):
    """How many; if nobody says, a share, less of it if all is slow."""
    return int(os.environ.get(f"ECHOD_SOAK_{what}",
                              share // (10 if sanitized() else 1)))


CYCLES = _wanted("CYCLES", 20000)
MESSAGES = _wanted("MESSAGES", 1000000)
STANDING = _wanted("CONNECTIONS", 2000)
BUSY = 10  # of those that stand, at most
OTHERS = 500  # descriptors that the rest needs
TURN = float(os.environ.get("ECHOD_SOAK_TURN", "0.5"))  # seconds of a load
SAMPLE = 0.1  # seconds between two samples of memory
GROWTH_MAX = 256 << 10
CLEAN = ("corrupt", "truncated", "foreign", "duplicate", "errors")
HOST, PORT = "127.0.0.1", 7007


class Work:
    """One load, and how much there has been of it."""

    def __init__(self, what, scheme, wanted, *options):
        self.what = what
        self.wanted = wanted
        self.done = self.sent = self.dropped = 0
        self.wrong = {}
        self._command = ("--load", "--json", "-q", "--warmup=0", *options,
                         f"{scheme}:{HOST}:{PORT}")

    @property
    def lost(self):
        return self.sent - self.done

    def turn(self, wait):
        """Run it for a turn; `wait` until a condition holds."""
        with Echoping(f"--duration={TURN}s", *self._command) as it:
            wait(it.turn)
            summary = it.wait().summary()
        self.sent += summary["sent"]
        self.done += summary["received"]
        self.dropped += summary["socket_drops"]
        for name in CLEAN:
            if summary[name]:
                self.wrong[name] = self.wrong.get(name, 0) + summary[name]


class Soak:
    """The service, what stands, and samples of its memory."""

    def __init__(self, keeper, standing):
        self.keeper = keeper
        self.standing = standing
        self.samples = []
        self.works = [
            Work("connections made, used and closed", "tcp", CYCLES,
                 "--connect", "--connections=16", "--timeout=1min"),
            Work("messages pipelined on streams", "tcp", MESSAGES // 2,
                 "--pipeline=64", "--connections=16", "--timeout=1min"),
            Work("datagrams in trains", "udp", MESSAGES // 2, "--gso",
                 "--pipeline=64", "--connections=4")]

    @property
    def echod(self):
        return self.keeper.echod

    def _wait(self, condition):
        """Turn the manager, and take samples, until it holds."""
        while not condition():
            self.keeper.turn_for(SAMPLE)
            self.samples.append((time.monotonic(),
                                 self.echod.resident("Anonymous")))

    def run(self):
        """Let all stand, warm up, and work until all is done."""
        with Echoping("--load", "--json", "-q", "--hold", "--threads=1",
                      f"--connections={self.standing}",
                      f"--busy={min(BUSY, self.standing)}", "--timeout=1min",
                      "--duration=1d", f"tcp:{HOST}:{PORT}") as it:
            self.keeper.until(lambda: self._stand() or it.ended(),
                              "all connections stand")
            for work in self.works:
                work.turn(self._wait)
            self.samples.clear()
            while left := [work for work in self.works
                           if work.done < work.wanted]:
                for work in left:
                    work.turn(self._wait)
            self.stood = self.echod.counters()["connections"]
            it.signal(signal.SIGINT)
            self._wait(it.turn)
            self.held = it.wait().summary()
        self.counters = self.keeper.until(self._all_closed, "all are closed")

    def _stand(self):
        return self.echod.counters()["connections"] >= self.standing

    def _all_closed(self):
        counters = self.echod.counters()
        return counters["connections"] == 0 and counters

    # What came out

    def judge_clients(self, verdict):
        verdict.equal(self.stood, self.standing, "connections that stood")
        verdict.equal(self.held["lost"] + self.held["errors"] +
                      self.held["corrupt"], 0, "lost or wrong of "
                      f"{self.held['received']:,} messages on these")
        cycles, messages, trains = self.works
        for it in self.works:
            verdict.that(it.done >= it.wanted, f"{it.done:,} {it.what}")
            verdict.that(not it.wrong, f"of these wrong: {it.wrong or 0}")
        verdict.equal(cycles.lost, 0, "connections that failed")
        verdict.equal(messages.lost, 0, "messages lost on streams")
        lost = (self.counters["datagrams_overflowed"] +
                self.counters["datagrams_unsent"] + trains.dropped)
        verdict.that(trains.lost <= lost, f"{trains.lost:,} datagrams lost, "
                     f"{lost:,} counted")

    def judge_counters(self, verdict):
        it = self.counters
        verdict.equal(it["connections_closed"], it["connections_accepted"],
                      "closed of accepted")
        verdict.equal(it["bytes_sent"], it["bytes_received"],
                      "bytes sent of received")
        verdict.equal(it["connections_reset"], 0, "reset by the service")

    def judge_memory(self, verdict):
        samples = self.samples
        slope = trend.slope(samples)
        growth = trend.growth(samples)
        note(f"{len(samples)} samples in "
             f"{samples[-1][0] - samples[0][0]:.0f} s, from "
             f"{min(y for _, y in samples) >> 10:,} to "
             f"{max(y for _, y in samples) >> 10:,} KiB")
        verdict.that(abs(slope.value) <= slope.error or growth < GROWTH_MAX,
                     f"anonymous memory grew by {growth / 1024:+.0f} KiB, "
                     f"{slope.value:+.0f} ± {slope.error:.0f} bytes a second")


def _most():
    """How many can stand here."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard == resource.RLIM_INFINITY:
        return STANDING
    if hard <= 2 * OTHERS:
        raise Skip(f"only {hard} descriptors permitted")
    return min(STANDING, hard - OTHERS)


@case(f"{STANDING:,} connections stand through {CYCLES:,} others and "
      f"{MESSAGES:,} messages", keep_root=True,
      limit=300 + CYCLES // 500 + MESSAGES // 50000)
def soak():
    standing = _most()
    begin = time.monotonic()
    isolate()
    set_sysctl("ipv4/ip_local_port_range", "12000 65535")
    with Keeper("-l", f"{HOST}:{PORT}", restart=False) as keeper, \
            Verdict() as verdict:
        keeper.echod.await_line(r"^echod: ready\b")
        start = descriptors(keeper)
        it = Soak(keeper, standing)
        it.run()
        it.judge_clients(verdict)
        it.judge_counters(verdict)
        if not sanitized():
            it.judge_memory(verdict)
        verdict.equal(descriptors(keeper), start, "descriptors")
        note(f"it took {time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: MIT
"""A load that verifies, in a process of its own: what the clients of a service
see while that is ended and started again.

Every stream carries its part of one long pattern, and every byte that comes
back is compared with it.  A stream that ends early, or goes wrong, is reported
as a Fault; so is one that is not echoed whole in the end.  The case tells the
load the moment of each strike, that is, right before it ends the service, and
when it is back; how long a client had to wait that had something under way in
between is the stall as it is seen.
"""

import collections
import contextlib
import ctypes
import json
import mmap
import os
import resource
import signal
import time
import traceback

import daemon
from daemon import LIMIT
from echodtest import note
from traffic_loop import Loop
from traffic_peers import KINDS

# How many of each kind, of a thousand.
MIX = {"paced": 880, "busy": 40, "bytewise": 20, "urgent": 20, "stalled": 20,
       "halfclosed": 16, "bulk": 4}
MORE = ("abandoned", "asked", "answered")  # that some kinds report
NOTICED = 0.1  # seconds until the end of a service that dies by itself is seen
FAR = 1e12  # seconds: a moment that does not come

Fault = collections.namedtuple(
    "Fault", "kind number what opened first now sent received")


class Board(ctypes.Structure):
    """What the case and the load tell each other at any time."""
    _fields_ = [("strike", ctypes.c_double), ("back", ctypes.c_double),
                ("strikes", ctypes.c_uint64), ("messages", ctypes.c_uint64),
                ("received", ctypes.c_uint64), ("opened", ctypes.c_uint64),
                ("faults", ctypes.c_uint64)]


def mix(total, visitors=0):
    """The mix, of so many connections, and visitors beside them."""
    whole = sum(MIX.values())
    counts = {kind: max(1, count * total // whole)
              for kind, count in MIX.items()}
    counts["paced"] += total - sum(counts.values())
    return {**counts, "visitor": visitors}


class Traffic:
    """The load, as the case sees it; leaving the `with` block ends it."""

    def __init__(self, addresses, counts, preserve_after=1.0, seed=0,
                 kinds=KINDS):
        """`addresses` are given to the peers in turn; kinds: by name, what
        there may be in `counts`."""
        self.preserve_after = preserve_after
        self.strikes = []
        self.counts = counts
        self.report = None
        self._board = Board.from_buffer(
            mmap.mmap(-1, ctypes.sizeof(Board)))
        orders, self._orders = os.pipe()
        self._reports, reports = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._orders)
            _run(self._board, addresses, counts, kinds, seed, orders,
                 reports)
        os.close(orders)
        os.close(reports)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            self._pid = 0

    # While it runs

    def strike(self):
        """The service is ended next."""
        now = time.monotonic()
        self.strikes.append((now, now))
        self._board.back = FAR
        self._board.strike = now
        self._board.strikes += 1

    def struck(self):
        """It has ended: whoever came since strike() was perhaps with it."""
        self.strikes[-1] = (self.strikes[-1][0], time.monotonic())

    def back(self):
        """The service is ready again."""
        self._board.back = time.monotonic()

    @property
    def faults(self):
        """How many so far, excused or not."""
        return self._board.faults

    def all_opened(self):
        return self._board.opened >= sum(self.counts.values())

    # Its end

    def finish(self, turn):
        """Have all streams end well, for which the service is turned by
        `turn(seconds)`; returns the report."""
        os.write(self._orders, b"finish")
        deadline = time.monotonic() + 2 * LIMIT
        text = b""
        while True:
            if daemon.readable(self._reports):
                piece = os.read(self._reports, 1 << 20)
                if not piece:
                    break
                text += piece
            else:
                turn(0.01)
            assert time.monotonic() < deadline, "the load does not end"
        assert text, "the load died"
        self.report = json.loads(text)
        self.report["faults"] = [Fault(*it) for it in self.report["faults"]]
        return self.report

    def excused(self, fault):
        """Whether it was younger than is preserved when the service was ended:
        known to be accepted since its first echo only."""
        if fault.what not in ("FIN", "RST"):
            return False
        return any(fault.opened <= struck and strike <= fault.now + NOTICED and
                   (fault.first is None or
                    strike - fault.first < self.preserve_after)
                   for strike, struck in self.strikes)

    def judge(self, excuse=True):
        """Assert that nothing was lost, and tell what was seen."""
        report = self.report
        wrong = [it for it in report["faults"]
                 if not (excuse and self.excused(it))]
        self.tell(wrong)
        assert not wrong, f"{len(wrong)} faults, the first: {wrong[0]}"
        for kind in self.silent():
            raise AssertionError(f"no {kind} traffic")
        return report

    def tell(self, wrong):
        """What was seen, and which faults have no excuse."""
        report = self.report
        excused = len(report["faults"]) - len(wrong)
        note(f"{report['connections']} connections, {report['messages']} "
             f"messages, {report['received']} bytes verified, "
             f"{len(self.strikes)} strikes, {len(wrong)} faults; "
             f"{excused} young connections lost")
        for kind, it in report["kinds"].items():
            more = "".join(f", {it[name]} {name}" for name in MORE
                           if name in it)
            note(f"  {kind}: {it['peers']} at a time, {it['connections']} in "
                 f"all, {it['received']} bytes{more}{_stall(it['stalls'])}")
        for fault in wrong[:20]:
            note(f"  {fault}")

    def silent(self):
        """Of which kinds nothing was echoed."""
        return [kind for kind, it in self.report["kinds"].items()
                if it["peers"] and not it["received"]]


@contextlib.contextmanager
def load(keeper, sockets, total, visitors=0, **how):
    """The mix on a keeper's sockets, all connected, within a `with` block."""
    addresses = [it.getsockname()[:2] for it in sockets]
    with Traffic(addresses, mix(total, visitors), **how) as traffic:
        keeper.on_ready = traffic.back
        keeper.until(traffic.all_opened, "all are connected")
        yield traffic


def _stall(stalls):
    """The stall as clients saw it, at all strikes."""
    if not stalls:
        return ""
    stalls = sorted(stalls)

    def at(share):
        return 1000 * stalls[min(len(stalls) - 1, int(share * len(stalls)))]

    return (f"; stall p50 {at(0.5):.1f} ms, p99 {at(0.99):.1f} ms, "
            f"max {at(1):.1f} ms ({len(stalls)} samples)")


def _run(board, addresses, counts, kinds, seed, orders, reports):
    """The process of the load."""
    status = 1
    try:
        # What the service stores is kept by its manager alone.
        os.closerange(3, min(orders, reports))
        os.closerange(max(orders, reports) + 1, 4096)
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        loop = Loop(board, seed, orders)
        # Spread over the kinds, so that none has all of an address.
        index = 0
        for kind, count in counts.items():
            for _ in range(count):
                loop.add(kinds[kind], addresses[index % len(addresses)])
                index += 1
        loop.run(LIMIT)
        text = json.dumps(loop.report()).encode()
        while text:
            text = text[os.write(reports, text):]
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)

# SPDX-License-Identifier: MIT
"""What echod is meant to reach, beside what it reached: ratios of one run.

A ratio is the median of those within each round, and its spread the middle
half of them.  MET: the median is as good as the target; NEAR: only the spread
reaches it; SHORT: not even that.
"""

import math
from dataclasses import dataclass

import cells
import rounds
from alone import GROWTH, GROWTH_BUSY

MET, NEAR, SHORT, UNKNOWN = "met", "within noise", "SHORT", "not measured"
NONE = "–"
SAME, PER_CPU = "the same", "per second of server CPU"

# CPU per message, as messages a second of it: more is better, as of rates.
CAPACITY = "capacity"

YARDSTICKS = ("recvfrom", "recvmmsg", "blocking", "splice")
THREE = ("libuv", "libevent", "go")


@dataclass(frozen=True)
class Row:
    """A line of the table."""
    work: str
    target: str
    measured: str
    verdict: str


def verdict(numbers, target, at_least):
    """Do the ratios of the rounds reach it?"""
    median, low, high = rounds.middle(numbers)
    if at_least:
        median, low, target = -median, -high, -target
    if median <= target:
        return MET
    return NEAR if low <= target else SHORT


def geometric_mean(numbers):
    return math.exp(sum(map(math.log, numbers)) / len(numbers))


def values(measured, name, key):
    """Its figures in all rounds, without those that are unknown."""
    return [it[name][key] for it in measured
            if name in it and it[name].get(key) is not None]


def best(measured, key, names=None, lowest=False):
    """The server, other than echod, with the best median; None without."""
    medians = {}
    for name in names or (measured[0] if measured else ()):
        found = values(measured, name, key)
        if found and not name.startswith("echod"):
            medians[name] = rounds.middle(found)[0]
    if not medians:
        return None
    return (min if lowest else max)(medians, key=medians.get)


def ratios(measured, name, other, key):
    """Round by round, where both have it; empty if that is nowhere."""
    known = [it for it in measured
             if all(it.get(one, {}).get(key) is not None
                    for one in (name, other))]
    return rounds.ratios(known, name, other, key) if known else []


def _text(target, at_least):
    return f"{'≥' if at_least else '≤'} {target}"


def row(work, numbers, target, at_least, against=""):
    """A line about the ratios of one cell."""
    if not numbers:
        return Row(work, _text(target, at_least), NONE, UNKNOWN)
    return Row(work, _text(target, at_least),
               rounds.text(numbers, 2) + (f", {against}" if against else ""),
               verdict(numbers, target, at_least))


def against_best(measured, work, key, target, at_least=True, names=None):
    lowest = not at_least
    peer = best(measured, key, names, lowest)
    return row(work, ratios(measured, "echod", peer, key), target, at_least,
               peer)


def both(measured, work, key, target, names=None):
    """Against the best: what the client sees, and what a second of server CPU
    is worth, since the client may have been the limit."""
    for it, what in ((key, work), (CAPACITY, f"{SAME}, {PER_CPU}")):
        yield against_best(measured, what, it, target, names=names)


def _is_peer(name):
    return name not in YARDSTICKS


def _peers(measured):
    return [name for name in (measured[0] if measured else ())
            if _is_peer(name)]


# --- The lines of the table ---


def with_capacity(results):
    """The results, with the inverse of CPU time."""
    for measured in results.values():
        for figures in measured:
            for its in figures.values():
                if its.get("cpu"):
                    its[CAPACITY] = 1e9 / its["cpu"]
    return results


def _request_response(results, key, what):
    """The worst cell against the best peer, and three in geometric mean."""
    worst, means = [], []
    for connections in cells.RR_CONNECTIONS:
        for size in cells.RR_SIZES:
            measured = results.get(f"rr-{size}-{connections}", [])
            peer = best(measured, key, _peers(measured))
            numbers = ratios(measured, "echod", peer, key)
            if numbers:
                worst.append((rounds.middle(numbers)[0], numbers,
                              f"{peer}, {size} B × {connections:,}"))
            means += [rounds.middle(it)[0] for it in
                      (ratios(measured, "echod", name, key)
                       for name in THREE) if it]
    work = f"TCP request/response, {what}"
    _, numbers, where = min(worst) if worst else (0, [], "")
    yield row(f"{work}, the worst cell against its best peer", numbers, 1.0,
              True, where)
    yield row(f"{work}, against {', '.join(THREE)} in geometric mean",
              [geometric_mean(means)] if means else [], 1.35, True)


def _latency(results):
    for cell, client in (("rr-64-1", "sleeps"), ("rtt", "never sleeps")):
        measured = results.get(cell, [])
        peer = best(measured, "p50", lowest=True)
        for name, how, target in ((cells.BUSY, "--busy-poll", 0.45),
                                  ("echod", "blocking", 1.0)):
            yield row(f"RTT p50, one connection, {how} against the best "
                      f"blocking peer; the client {client}",
                      ratios(measured, name, peer, "p50"), target, False,
                      peer)


def _bulk(results):
    for connections in (1, 4):
        measured = results.get(f"bulk-{connections}", [])
        work = f"bulk both ways, {connections} connection" + (
            "s" if connections > 1 else "")
        # Go's io.Copy splices, too.
        names = [name for name in (measured[0] if measured else ())
                 if name not in ("splice", "go")]
        yield from both(measured, f"{work}, against the best that uses recv "
                        "and send", "bytes", 1.5, names)
        yield row(f"{work}, against a splice loop",
                  ratios(measured, "echod", "splice", "bytes"), 1.0, True)
        yield row(f"{SAME}, {PER_CPU}",
                  ratios(measured, "echod", "splice", CAPACITY), 1.0, True)


def _datagrams(results):
    for size in cells.BURST_SIZES:
        for depth in cells.BURSTS:
            measured = results.get(f"udp-burst-{size}-{depth}", [])
            for other, target in (("recvfrom", 0.65), ("recvmmsg", 0.8)):
                yield row(f"UDP, {size} B, bursts of {depth}, server CPU per "
                          f"datagram against {other}",
                          ratios(measured, "echod", other, "cpu"), target,
                          False)
    yield from both(results.get("udp-single", []),
                    "UDP, one at a time, 50 peers, rate against the best",
                    "rate", 1.0)
    for size in cells.BURST_SIZES:
        yield row(f"UDP trains, {size} B, server CPU per datagram against "
                  "recvfrom",
                  ratios(results.get(f"udp-train-{size}-32", []), "echod",
                         "recvfrom", "cpu"), 0.12, False)


def _plain(work, numbers, target, unit, scale=1.0, digits=1):
    """A figure that is no ratio."""
    numbers = [number / scale for number in numbers]
    return Row(work, f"≤ {target} {unit}",
               f"{rounds.middle(numbers)[0]:,.{digits}f} {unit}"
               if numbers else NONE,
               verdict(numbers, target, False) if numbers else UNKNOWN)


def _footprint(results):
    idle, start = results.get("idle", []), results.get("activation", [])
    yield _plain("idle connection, user space",
                 values(idle, "echod", "each"), 128, "B")
    yield _plain("total RSS with 15,000 connections",
                 values(idle, "echod", "rss"), 8, "MiB", 2 ** 20)
    yield _plain("start to first echo when socket-activated, p50",
                 values(start, "echod", "start"), 10, "ms", 1e6)
    yield row("start to first echo, against xinetd",
              ratios(start, "echod", "xinetd", "start"), 1.0, False)
    counted = results.get("instructions", [])
    for transport, target in (("TCP", 300), ("UDP", 250)):
        burst = ", bursts" if transport == "UDP" else ", 50 connections"
        yield _plain(f"user-space instructions per echo, {transport}{burst}",
                     values(counted, transport, "instructions"), target,
                     "instructions", digits=0)


def _scale(results):
    measured = results.get("growth", [])
    few, *more = (f"{count:,}" for count in GROWTH)
    for key, what in (("p50", "RTT p50"), ("cpu", "CPU per message")):
        for many in more:
            yield row(f"{what}, {GROWTH_BUSY} busy of {many} connections "
                      f"against {GROWTH_BUSY} of {few}",
                      ratios(measured, many, few, key), 1.2, False)
    # On both CPUs they hardly ever wait for each other, but share the kernel's
    # locks and the caches; on one it is the other way round.
    for cell, name, where in (
            ("workers", cells.TWO_WORKERS, "on one CPU"),
            ("workers-both", cells.TWO_WORKERS, "on both CPUs"),
            ("workers-both", cells.PINNED, "each on one of both CPUs")):
        yield row(f"CPU per message, 2 workers against one, {where}",
                  ratios(results.get(cell, []), name, "echod", "cpu"), 1.1,
                  False)


def _preserving(results):
    for cell, what, key, target in (
            ("preserve-rr", "TCP request/response", "rate", 0.93),
            ("preserve-bulk", "bulk both ways", "bytes", 0.95),
            ("preserve-connect", "connect + echo + close", "rate", 0.97)):
        for it, how in ((key, "rate"), (CAPACITY, PER_CPU)):
            yield row(f"{what}, connections preserved against not, {how}",
                      ratios(results.get(cell, []), cells.PRESERVED, "echod",
                             it), target, True)


def rows(results):
    """The table; `results`: rounds by the cell's name."""
    results = with_capacity(results)
    table = [*_request_response(results, "rate", "rate"),
             *_request_response(results, CAPACITY, PER_CPU)]
    table += both(results.get("pipelined", []), "TCP pipelined, 16 × 64 B, "
                  "50 connections, rate against the best", "rate", 1.1)
    table += [*_latency(results), *_bulk(results)]
    table += both(results.get("connect", []), "connect + echo + close, rate "
                  "against the best", "rate", 1.1)
    return [*table, *_datagrams(results), *_footprint(results),
            *_scale(results), *_preserving(results)]

#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""Every system call that a service makes while it runs fails, with every errno
of its manual page, early, in the middle and late, once and for a while.

What is called is found out first, by scenarios in which nothing fails
(scenarios.py); what can be answered is in a table (manual.py); what has to hold
afterwards is in judge.py.  For each system call there is a line of TAP.

    torture.py [--share=K/N] [--side-by-side=N] [WORD...]

A WORD is a part of SCENARIO:CALL:ERRNO:WHEN; of several, one is enough.
--share: the K-th of N equal parts.
"""

import argparse
import collections
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../functional"))
os.environ["ECHOD"] = os.path.join(
    os.environ.get("top_builddir") or os.path.join(HERE, "../../build"),
    "echod-close")  # where echod is: see daemon.py, _DUMPABLE

# pylint: disable=wrong-import-position
import manual
from crew import torture
from daemon import sanitized
from echodtest import scratch_directory
from fault import STRACE
from scenarios import ALL

SIDE_BY_SIDE = 16 * os.cpu_count()  # they wait most of the time
SHOWN_MAX = 40  # findings in full


def _skip(reason):
    print(f"1..0 # SKIP {reason}")
    sys.exit(0)


def _arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--share", default="1/1")
    parser.add_argument("--side-by-side", type=int, default=SIDE_BY_SIDE)
    parser.add_argument("words", nargs="*")
    arguments = parser.parse_args()
    part, parts = map(int, arguments.share.split("/"))
    arguments.share = slice(part - 1, None, parts)
    return arguments


def _whens(call, errno, count):
    """Which times fail, of so many: once, and from then on."""
    middle, late = (count + 1) // 2, max(1, count * 4 // 5)
    once = [1, middle, late]
    lasting = "+" if manual.persists(call, errno) else "+3"
    return list(dict.fromkeys([*map(str, once), f"1{lasting}",
                               f"{middle}{lasting}"]))


def _is_vain(scenario, call, errno):
    """Who is told that nothing is to be done keeps the connection, and nobody
    else can have its place."""
    return (scenario, errno) == ("narrow", "EAGAIN") and call in (
        "recvfrom", "sendto")


def _plan(rehearsals):
    """All that is to be tried."""
    for it in sorted(rehearsals, key=lambda it: list(ALL).index(
            it["scenario"])):
        for call, count in sorted(it["calls"].items()):
            for errno in manual.errnos(call) or ():
                if _is_vain(it["scenario"], call, errno):
                    continue
                for when in _whens(call, errno, count):
                    yield {"scenario": it["scenario"], "call": call,
                           "errno": errno, "when": when}


def _name(job):
    return ":".join(job.get(it, "") for it in ("scenario", "call", "errno",
                                               "when"))


def _choose(plan, arguments):
    if arguments.words:
        plan = [it for it in plan
                if any(word in _name(it) for word in arguments.words)]
    return plan[arguments.share]


class Tap:
    """The Test Anything Protocol."""

    def __init__(self):
        self.number = self.failures = 0

    def line(self, passed, text):
        self.number += 1
        self.failures += not passed
        print("ok" if passed else "not ok", self.number, "-", text, flush=True)

    def end(self):
        print(f"1..{self.number}")
        sys.exit(self.failures > 0)


def _tell_findings(results):
    for it in [it for it in results if it["finding"]][:SHOWN_MAX]:
        print(f"# {_name(it)}:")
        for line in it["finding"].splitlines():
            print("#    ", line)


def _rehearse(arguments, directory, tap):
    """Every scenario, or those that are named, unharmed."""
    rehearsals = []
    # Only root has a journal of his own.
    names = [name for name in ALL
             if os.geteuid() == 0 or ALL[name].kind != "journal"]
    named = [name for name in names if any(
        word.partition(":")[0] in name for word in arguments.words)]
    for it in torture([{"scenario": name} for name in named or names],
                      arguments.side_by_side, directory):
        _tell_findings([it])
        if it["finding"]:
            tap.line(False, f"{it['scenario']}: nothing fails")
        else:
            rehearsals.append(it)
    tap.line(True, f"{len(rehearsals)} scenarios in which nothing fails")
    return rehearsals


def _tell_calls(results, tap):
    """A line for each system call."""
    by_call = collections.defaultdict(list)
    for it in results:
        by_call[it["call"]].append(it)
    for call, tried in sorted(by_call.items()):
        struck = [it for it in tried if it["struck"]]
        found = [it for it in tried if it["finding"]]
        died = sum(it["died"] for it in struck)
        tap.line(not found, f"{call}: {len(struck)} injections of "
                 f"{len({it['errno'] for it in struck})} errnos, "
                 f"{sum(it['struck'] for it in struck)} calls failed, {died} "
                 f"orderly ends, {len(found)} findings")


def _at(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def _sum_up(results, seconds):
    struck = [it for it in results if it["struck"]]
    answers = [it["answer"] for it in struck if it.get("answer")]
    cpu = [it["cpu"] for it in struck if it.get("cpu") is not None]
    print(f"# {len(struck)} distinct injections ({len(results)} tried) into "
          f"{len({it['call'] for it in struck})} system calls, "
          f"{sum(it['struck'] for it in struck)} calls failed, "
          f"{sum(bool(it['finding']) for it in results)} findings, "
          f"{seconds:.0f} s")
    if answers:
        print(f"# all sockets answered after p50 {1000 * _at(answers, 0.5):.0f} "
              f"ms, p99 {1000 * _at(answers, 0.99):.0f} ms, max "
              f"{1000 * max(answers):.0f} ms")
    if cpu:
        print(f"# CPU while {len(cpu)} faults lasted: p50 "
              f"{100 * _at(cpu, 0.5):.1f} %, max {100 * max(cpu):.1f} %")


def main():
    if not STRACE:
        _skip("strace is not installed")
    if sanitized():
        _skip("the daemon is built with a sanitizer, which makes calls itself")
    arguments = _arguments()
    directory = scratch_directory()
    tap, begin = Tap(), time.monotonic()
    rehearsals = _rehearse(arguments, directory, tap)
    plan = _choose(list(_plan(rehearsals)), arguments)
    results = []
    for it in torture(plan, arguments.side_by_side, directory):
        results.append(it)
        if it["finding"] or len(results) % 200 == 0:
            print(f"# {len(results)} of {len(plan)}, "
                  f"{time.monotonic() - begin:.0f} s", flush=True)
    _tell_findings(results)
    _tell_calls(results, tap)
    _sum_up(results, time.monotonic() - begin)
    os.rmdir(directory)
    tap.end()


if __name__ == "__main__":
    main()

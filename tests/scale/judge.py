#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""Judge what the guest wrote down, and print it.

    judge.py RECORDS CONNECTIONS

Checked is what is exact or a ratio; times are printed only.  TAP.
"""

import json
import re
import sys

# User space of an idle connection, and what does not grow with their number:
# the allocator's rounding, the log's queue.
EACH_MAX, SLACK = 128, 1 << 20
MESSAGE = 64
KIB = 1024
TROUBLES = ("lost", "late", "corrupt", "errors")


class Records:
    """What was written: figures, what echod counted, what echoping said."""

    def __init__(self, lines):
        self.figures, self.counters, self.said = {}, {}, {}
        self.troubles, self.seconds = [], None
        for line in lines:
            name, _, rest = line.strip().partition(" ")
            stage, _, key = name.partition(".")
            if key == "counters":
                self.counters[stage] = {
                    it: int(value) for it, value
                    in re.findall(r"\b([a-z_]+) (\d+)", rest)}
            elif key == "echoping":
                self.said.setdefault(stage, []).append(json.loads(rest))
            elif key == "trouble":
                self.troubles.append(rest)
            elif key:
                self.figures[name] = int(rest)
            elif stage == "end":
                self.seconds = int(rest)

    def summary(self, stage):
        return self.said[stage][-1]

    def first_echoes(self, stage):
        """The sum over the intervals before the measurement."""
        before = [it for it in self.said[stage]
                  if it["type"] == "interval" and it["warmup"]]
        return {key: sum(it[key] for it in before)
                for key in ("messages", "lost")}

    def growth(self, key):
        """In bytes, from before the connections to when all stood."""
        return KIB * (self.figures[f"all.{key}"] -
                      self.figures[f"before.{key}"])


def is_equal(value, expected):
    return None if value == expected else f"{value} instead of {expected}"


def is_at_most(value, limit):
    return None if value <= limit else f"{value} is above {limit}"


def cases(records, count):
    """Name, and what is wrong, or None."""
    held, after = records.counters["all"], records.counters["after"]
    summary, first = records.summary("all"), records.first_echoes("all")
    alone = records.summary("alone")
    messages = sum(records.summary(it)["sent"] for it in ("alone", "all"))
    stood = count + alone["connections"]
    yield "echod counts all connections, at the same time", is_equal(
        held["connections"], count)
    yield "echoping holds all connections to the end", is_equal(
        summary["connections"], count)
    yield "each echoed once, and right", is_equal(
        first, {"messages": count, "lost": 0})
    yield "those that were busy went on, and every echo was right", is_equal(
        {"received": summary["received"],
         **{name: summary[name] for name in TROUBLES}},
        {"received": max(summary["sent"], summary["busy"] + 1),
         **dict.fromkeys(TROUBLES, 0)})
    yield "echod received and sent all bytes, and no other", is_equal(
        (after["bytes_received"], after["bytes_sent"]),
        2 * ((stood + messages) * MESSAGE,))
    yield "each was accepted and closed once, none was reset", is_equal(
        (after["connections_accepted"], after["connections_closed"],
         after["connections_reset"]), (stood, stood, 0))
    yield (f"a connection takes at most {EACH_MAX} B of echod "
           f"(and {SLACK >> 20} MiB in all)"), is_at_most(
        records.growth("VmRSS"), EACH_MAX * count + SLACK)
    yield "echoping had nothing to complain of", is_equal(
        records.troubles, [])


def rtt(summary):
    return ", ".join(f"{key} {summary['rtt'][f'{key}_ns'] / 1e6:.2f} ms"
                     for key in ("p50", "p99"))


def figures(records, count):
    """What is not judged."""
    alone, summary = records.summary("alone"), records.summary("all")
    opening = [it for it in records.said["all"] if it["type"] == "interval"
               and it["warmup"]]
    seconds = sum(it["length_ns"] for it in opening) / 1e9
    yield f"{count:,} connections stood and had echoed after {seconds:.0f} s"
    yield (f"RSS of echod: {records.growth('VmRSS') / count:.1f} B a "
           f"connection, {records.figures['all.VmRSS'] / KIB:.1f} MiB in all")
    yield (f"kernel memory: {records.growth('kernel') / count:.0f} B a "
           "connection, both ends together")
    yield f"RTT of {alone['busy']:,} busy ones, no other: {rtt(alone)}"
    yield (f"RTT of {summary['busy']:,} busy ones of {count:,}: "
           f"{rtt(summary)}; p50 "
           f"{summary['rtt']['p50_ns'] / alone['rtt']['p50_ns']:.2f} times")
    yield (f"messages per second: {alone['messages_per_second']:,.0f}, then "
           f"{summary['messages_per_second']:,.0f}")
    yield f"the whole of it took {records.seconds} s"


def main():
    with open(sys.argv[1], encoding="utf-8", errors="replace") as file:
        records = Records(file)
    count = int(sys.argv[2])
    if records.seconds is None:
        print("Bail out! the records have no end "
              f"(see console beside {sys.argv[1]})")
        return 1
    for line in figures(records, count):
        print("#", line)
    failed = 0
    for number, (name, wrong) in enumerate(cases(records, count), 1):
        print("not ok" if wrong else "ok", number, "-", name)
        if wrong:
            failed += 1
            print("#  ", wrong)
    print(f"1..{number}")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())

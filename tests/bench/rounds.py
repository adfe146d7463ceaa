# SPDX-License-Identifier: MIT
"""Measuring things side by side: rounds in turn, medians, paired ratios.

Machines drift and have noisy neighbours.  So what is compared is measured in
turn, round by round, and what counts is the median of the ratios within each
round; the spread (the middle half of them) tells what it is worth.
"""

import contextlib
import os
import statistics
import sys


def say(text):
    """Tell how far it is, apart from the results."""
    print(text, file=sys.stderr, flush=True)


def two_cpus():
    """One for the server, one for the client; None if there is only one."""
    cpus = sorted(os.sched_getaffinity(0))
    return (cpus[0], cpus[1]) if len(cpus) > 1 else None


def pinned(cpu):
    """What to put in front of a command to keep it on a CPU."""
    return ("taskset", "-c", str(cpu))


def interleave(measures, count, around=contextlib.nullcontext):
    """Call each of the functions once a round; returns a list of dicts, from
    its name to what it returned, a dict each round.  `around`: a context for
    each round."""
    rounds = []
    for number in range(count):
        # Not always the same one first.
        names = list(measures)
        names = names[number % len(names):] + names[:number % len(names)]
        with around():
            rounds.append({name: measures[name]() for name in names})
        say(f"round {number + 1} of {count}")
    return rounds


def values(rounds, name, key):
    return [it[name][key] for it in rounds]


def ratios(rounds, name, other, key):
    """Of one thing to another, round by round."""
    return [it[name][key] / it[other][key] for it in rounds]


def middle(numbers):
    """The median, and the middle half: (median, low, high)."""
    if len(numbers) < 2:
        return numbers[0], numbers[0], numbers[0]
    low, median, high = statistics.quantiles(numbers, n=4,
                                             method="inclusive")
    return median, low, high


def text(numbers, digits=0):
    """"0.97 (0.95 to 0.98)"."""
    median, low, high = middle(numbers)
    return f"{median:,.{digits}f} ({low:,.{digits}f} to {high:,.{digits}f})"

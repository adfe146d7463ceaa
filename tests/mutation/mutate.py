#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""Which mistakes in the daemon no test would notice.

Usage: mutate.py [--mutants=N] [--seed=N] [--seconds=N] [--jobs=N]
                 [--only=STEM,...] [--again] [--list] TEST...

Of all mistakes (mutants.py) in src/echod, N by lot (0: all) are made one at a
time, in a copy; the tests that may notice it are run, first those of the module.  It is
killed if one of them fails; a functional test has to fail twice, for it could
have failed by itself.  What the compiler shows to be the same program, and
what is explained in equivalent.txt, is no mistake.  The report tells who
survived, and how many are killed, with the interval in which the share of all
mutants lies (95 %, Wilson).  The exit status is 1 below 90 %.

Results are kept in $top_builddir/mutation, so that it goes on where it was
ended, after --seconds for one: the exit status is then 75.  A larger N goes on
from a smaller one, and so does a tree that was edited: only what is in files
that changed is dealt with anew.  --again asks anew for those who survived.
"""

import argparse
import collections
import hashlib
import json
import math
import os
import queue
import sys
import threading
import time

import bench
import mutants

KILLED_MINIMUM = 0.90
UNFINISHED = 75  # EX_TEMPFAIL
CONFIDENCE = 1.96  # standard deviations

OUTCOMES = ("killed", "survived", "equivalent", "same program",
            "does not compile")

top_srcdir = os.environ["top_srcdir"]
results_path = os.path.join(os.environ["top_builddir"], "mutation")


def say(text):
    print(text, flush=True)


def read_text(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


def read_bytes(path):
    with open(path, "rb") as file:
        return file.read()


def all_mutants(only):
    """But for what stands in for a library that is not there: it is not in the
    daemon that is tested."""
    found = []
    for entry in sorted(os.listdir(os.path.join(top_srcdir, "src/echod"))):
        stem, extension = os.path.splitext(entry)
        if (extension == ".c" and not stem.endswith("_none") and
                (not only or stem in only)):
            name = "src/echod/" + entry
            found += mutants.mutants(name, read_text(top_srcdir, name))
    return found


def by_lot(every, seed):
    """In an order in which each has a place of its own, so that an edit leaves
    the others where they are."""
    seen = collections.Counter()

    def place(mutant):
        what = (mutant.file, mutant.was, mutant.kind, mutant.now)
        seen[what] += 1
        return hashlib.sha256(repr((seed, what, seen[what])).encode()).digest()

    return sorted(every, key=place)


def key_of(mutant):
    """The mistake, in a file of this very text."""
    text = read_text(top_srcdir, mutant.file)
    return hashlib.sha256(f"{mutant.file}\0{mutant.start}\0{mutant.end}\0"
                          f"{mutant.new}\0{text}".encode()).hexdigest()[:16]


def explained():
    """What equivalent.txt names: {(file, was, now)}."""
    found = set()
    lines = read_text(top_srcdir, "tests/mutation/equivalent.txt").split("\n")
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = [field.strip() for field in line.split(" @@ ")]
        if len(fields) != 4 or not all(fields):
            raise SystemExit(f"equivalent.txt:{number}: a line is FILE @@ LINE"
                             " @@ MUTANT @@ REASON")
        found.add(tuple(fields[:3]))
    return found


class Results:
    """One line of JSON for each mutant that was dealt with (of two for the
    same one, the later counts), and one for each test that one passed."""

    def __init__(self, again):
        self.path = os.path.join(results_path, "results.jsonl")
        self.known = {}
        self.passed = collections.defaultdict(set)
        self.lock = threading.Lock()
        if os.path.exists(self.path):
            for line in read_text(self.path).splitlines():
                self._read(json.loads(line))
        if again:
            self.known = {key: it for key, it in self.known.items()
                          if it["outcome"] != "survived"}

    def _read(self, result):
        key = result["key"]
        if "passed" in result:
            self.passed[key].add(result["passed"])
        else:
            self.known[key] = result
            self.passed.pop(key, None)

    def _write(self, result):
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")

    def add_passed(self, key, test):
        """Not asked again, should time end before it is dealt with."""
        with self.lock:
            self.passed[key].add(test)
            self._write({"key": key, "passed": test})

    def add(self, mutant, key, outcome, test=None, reason=None):
        result = {"key": key, "outcome": outcome, "test": test,
                  "reason": reason, "file": mutant.file, "line": mutant.line,
                  "kind": mutant.kind, "was": mutant.was, "now": mutant.now}
        with self.lock:
            self.known[key] = result
            self._write(result)
            say(f"{outcome}: {mutant.file}:{mutant.line} {mutant.now}"
                + (f"  [{test}: {reason}]" if test else ""))


class Worker:
    """A thread with a copy of the tree of its own."""

    def __init__(self, place, seconds, results):
        self.bench, self.seconds, self.results = place, seconds, results
        self.whole = {}  # objects without a mistake

    def _limit(self, test):
        return 5 * self.seconds[test] + 10

    def _object(self, target):
        return os.path.join(self.bench.build, target)

    def _ask(self, key, tests, often):
        """The test that notices, and what it says, or None twice."""
        for test in tests:
            if test in self.results.passed[key]:
                continue
            if not test.endswith(".py") and not self.bench.make(test):
                return test, "does not link"
            for _ in range(often):
                failed = self.bench.run(test, self._limit(test))
                if not failed:
                    break
            else:
                return test, failed
            self.results.add_passed(key, test)
        return None, None

    def _outcome(self, mutant, key, target):
        unit, functional = self.bench.tests_for(mutant.file, self.seconds)
        if not self.bench.make(target):
            return ("does not compile",)
        if read_bytes(self._object(target)) == self.whole[target]:
            return ("same program",)
        test, failed = self._ask(key, unit, 1)
        if not test:
            self.bench.make("echod")
            test, failed = self._ask(key, functional, 2)
        return ("killed", test, failed) if test else ("survived",)

    def deal_with(self, mutant, key):
        path = os.path.join(self.bench.tree, mutant.file)
        target = mutant.file[:-len("c")] + "o"
        text = read_text(path)
        if target not in self.whole:
            if not self.bench.make(target):
                raise SystemExit(f"mutate: {target} cannot be built")
            self.whole[target] = read_bytes(self._object(target))
        try:
            with open(path, "w", encoding="utf-8") as file:
                file.write(mutants.apply(mutant, text))
            outcome = self._outcome(mutant, key, target)
        finally:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            # Newer than the text: it need not be made again.
            with open(self._object(target), "wb") as file:
                file.write(self.whole[target])
        self.results.add(mutant, key, *outcome)


def work(act, tasks, errors):
    try:
        while True:
            act(*tasks.get_nowait())
    except queue.Empty:
        pass
    except bench.Expired:
        errors.append(None)
    except BaseException as error:  # pylint: disable=broad-except
        errors.append(error)


def do_all(acts, tasks):
    """Each act, in a thread of its own, takes tasks until none is left; false
    if the time was not enough."""
    waiting, errors = queue.Queue(), []
    for task in tasks:
        waiting.put(task)
    threads = [threading.Thread(target=work, args=(act, waiting, errors))
               for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in filter(None, errors):
        raise error
    return not errors


def interval(killed, count):
    """Of the share, by Wilson."""
    share, square = killed / count, CONFIDENCE ** 2 / count
    middle = (share + square / 2) / (1 + square)
    width = (CONFIDENCE * math.sqrt(share * (1 - share) / count +
                                    square / 4 / count) / (1 + square))
    return middle - width, middle + width


def report(results, total):
    """Print it; whether enough are killed."""
    counts = collections.Counter(it["outcome"] for it in results)
    kinds = collections.Counter((it["kind"], it["outcome"]) for it in results)
    say("\nsurvived:")
    for it in sorted(results, key=lambda it: (it["file"], it["line"])):
        if it["outcome"] == "survived":
            say(f"  {it['file']}:{it['line']}: {it['was']}\n"
                f"      -> {it['now']}")
    say("\n" + "".ljust(12) + "".join(it.rjust(18) for it in OUTCOMES))
    for kind in sorted({it["kind"] for it in results}):
        say(kind.ljust(12) + "".join(str(kinds[kind, it]).rjust(18)
                                     for it in OUTCOMES))
    say("all".ljust(12) + "".join(str(counts[it]).rjust(18)
                                  for it in OUTCOMES))
    mistakes = counts["killed"] + counts["survived"]
    if mistakes == 0:
        raise SystemExit("mutate: no mutant is a mistake (name more of them)")
    low, high = interval(counts["killed"], mistakes)
    share = counts["killed"] / mistakes
    say(f"\n{len(results)} of {total} mutants: {counts['killed']} of "
        f"{mistakes} mistakes killed, {100 * share:.1f} % (95 %: "
        f"{100 * low:.1f} to {100 * high:.1f} %), {counts['survived']} "
        f"survived")
    return share >= KILLED_MINIMUM


def arguments():
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--mutants", type=int, default=300)
    parser.add_argument("--seed", type=int, default=862)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--only", type=lambda text: text.split(","))
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("tests", nargs="*")
    return parser.parse_args()


def run(options, wanted, results):
    """Deal with them; false if the time was not enough."""
    deadline = time.monotonic() + options.seconds
    known, tasks = explained(), []
    for mutant in wanted:
        key = key_of(mutant)
        outcome = results.known.get(key, {}).get("outcome")
        if (mutant.file, mutant.was, mutant.now) in known:
            if outcome != "equivalent":
                results.add(mutant, key, "equivalent")
        elif outcome in (None, "equivalent"):  # or explained no longer
            tasks.append((mutant, key))
    places = [bench.Bench(top_srcdir, os.path.join(results_path, str(number)),
                          options.tests, deadline)
              for number in range(min(options.jobs, len(tasks)))]
    if not places:
        return True
    seconds = bench.Seconds(os.path.join(results_path, "seconds.json"))
    workers = [Worker(place, seconds, results) for place in places]
    unmeasured = [(test, seconds) for test in
                  places[0].unit + places[0].functional
                  if test not in seconds]
    try:
        for place in places:
            place.prepare()
        return (do_all([place.measure for place in places], unmeasured) and
                do_all([worker.deal_with for worker in workers], tasks))
    except bench.Expired:
        return False
    finally:
        for place in places:
            place.leave()


def main():
    options = arguments()
    every = all_mutants(options.only)
    wanted = by_lot(every, options.seed)[:options.mutants or None]
    if options.list:
        for it in every:
            say(f"{it.file}:{it.line}:{it.column}: {it.kind}: {it.was} -> "
                f"{it.now}")
        return 0
    os.makedirs(results_path, exist_ok=True)
    results = Results(options.again)
    if not run(options, wanted, results):
        say("mutate: time is over; the same command goes on")
        return UNFINISHED
    return 0 if report([results.known[key_of(it)] for it in wanted],
                       len(every)) else 1


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""What of the daemon no test executes, against uncovered.txt, which explains
lines, and untaken.txt, which explains branches.

Usage: coverage.py JSON-OF-GCOVR SOURCE-DIRECTORY [CHANCE]

Fails for a line of src/echod and src/common that was not executed, and for a
branch that was not taken of a line that was, unless they are explained; for an
explanation of what is no longer there, or of a branch that was taken; and if
fewer branches than the minimum were taken.

Threads and signals take some branches in one run and not in the next.  So many
lines as CHANCE (0) says may have branches that are not as explained: they are
told, and that is all.

Nothing is known by its number in the file, which any edit would change, but by
what the line says, and the function that it is in.
"""

import collections
import json
import os
import re
import sys

BRANCHES_MINIMUM = 0.95
FOLDERS = ("src/echod/", "src/common/")
LINES = "tests/analysis/uncovered.txt"
BRANCHES = "tests/analysis/untaken.txt"


def lines_explained(path):
    """{(file, the line's text, or "FUNCTION()"): reason}."""
    found = {}
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip() or line.startswith("#"):
                continue
            fields = [field.strip() for field in line.split(" @@ ")]
            if len(fields) != 3 or not all(fields):
                sys.exit(f"{path}:{number}: a line is FILE @@ LINE @@ REASON")
            found[tuple(fields[:2])] = fields[2]
    return found


class Entry:
    """Branches of one line that are explained; those that only chance takes,
    or does not, are neither missed nor too many."""

    def __init__(self, where, which, of):
        self.where, self.of = where, int(of)
        numbers = which.split(",")
        self.numbers = {int(it.rstrip("?")) for it in numbers}
        self.by_chance = {int(it[:-1]) for it in numbers if it.endswith("?")}
        self.lines = []  # that it was found to be about


def branches_explained(path):
    """{(file, function, line): Entry}."""
    found, reason = {}, None
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            where = f"{path}:{number}"
            if not line.strip() or line.startswith("#"):
                continue
            if not line.startswith("\t"):
                reason = line.strip()
                continue
            match = re.fullmatch(r"\t(\S+) (\S+\(\)) (\d+\??(?:,\d+\??)*)/(\d+)"
                                 r" (\S.*)\n", line)
            if not match or not reason:
                sys.exit(f"{where}: below a reason, a line is FILE FUNCTION() "
                         "BRANCH,.../BRANCHES LINE, behind a tab")
            name, function, which, of, text = match.groups()
            if (name, function, text) in found:
                sys.exit(f"{where}: {name} {function} {text!r} is there twice")
            found[name, function, text] = Entry(where, which, of)
    return found


def functions(lines):
    """For each line the function that it is in, as "NAME()", or ""."""
    names, name = [], ""
    for line in lines:
        begin = re.match(r"(?=[a-zA-Z]).*?\b(\w+)\(.*[^;]$", line)
        name = f"{begin[1]}()" if begin else name
        names.append(name)
        if line.startswith("}"):
            name = ""
    return names


class Source:
    """A file; its lines are numbered from 1."""

    def __init__(self, directory, name):
        with open(os.path.join(directory, name), encoding="utf-8") as file:
            lines = file.read().splitlines()
        self.name = name
        self.texts = ["", *(line.strip() for line in lines)]
        self.within = ["", *functions(lines)]

    def with_before(self, number):
        return f"{self.texts[number - 1]} // {self.texts[number]}"

    def names(self, number):
        """What a line may be called, the closer first."""
        return self.with_before(number), self.texts[number]

    def everything(self):
        """All that uncovered.txt may say of this file."""
        numbers = range(1, len(self.texts))
        return {(self.name, it) for number in numbers
                for it in (*self.names(number), self.within[number])}


class Sum:
    """What was counted in all files."""

    def __init__(self, directory):
        self.directory = directory
        self.reasons = lines_explained(os.path.join(directory, LINES))
        self.entries = branches_explained(os.path.join(directory, BRANCHES))
        self.lines = self.executed = self.branches = self.taken = 0
        self.explained_lines = self.explained_branches = 0
        self.problems = []
        self.strays = []  # branches that are not as explained
        self.there = set()

    def add(self, name, counted):
        source = Source(self.directory, name)
        self.there |= source.everything()
        lines = [line for line in counted if not line.get("gcovr/noncode")]
        alike = collections.Counter(
            (source.within[line["line_number"]],
             source.texts[line["line_number"]])
            for line in lines if line.get("branches"))
        for line in lines:
            number = line["line_number"]
            taken = [it["count"] > 0 for it in line.get("branches", [])]
            self.lines += 1
            self.executed += line["count"] > 0
            self.branches += len(taken)
            self.taken += sum(taken)
            if line["count"] == 0:
                self._judge_line(source, number, len(taken))
            else:
                unique = alike[source.within[number],
                               source.texts[number]] == 1
                self._judge_branches(source, number, taken, unique)

    def _judge_line(self, source, number, branches):
        if any((source.name, it) in self.reasons for it in
               (*source.names(number), source.within[number])):
            self.explained_lines += 1
            self.explained_branches += branches
        else:
            self.problems.append(f"{source.name}:{number}: not executed: "
                                 f"{source.texts[number]}")

    def _entry(self, source, number):
        for it in source.names(number):
            key = source.name, source.within[number], it
            if key in self.entries:
                return self.entries[key]
        return None

    def _judge_branches(self, source, number, taken, unique):
        here = f"{source.name}:{number}"
        missed = {i for i, it in enumerate(taken, 1) if not it}
        entry = self._entry(source, number)
        if entry:
            entry.lines.append(number)
            if entry.of != len(taken):
                self.problems.append(f"{entry.where}: {here} has {len(taken)} "
                                     f"branches, not {entry.of}")
                return
            self.explained_branches += len(missed & entry.numbers)
            for i in sorted(entry.numbers - entry.by_chance - missed):
                self.strays.append(f"{entry.where}: branch {i} of {here} is "
                                   "taken (strike it out)")
            missed -= entry.numbers
        if missed:
            name = (source.texts[number] if unique else
                    source.with_before(number))
            self.strays.append(
                f"{here}: not taken:\n\t{source.name} {source.within[number]} "
                f"{','.join(map(str, sorted(missed)))}/{len(taken)} {name}")

    def judge(self):
        for name, text in self.reasons:
            if (name, text) not in self.there:
                self.problems.append(f"{LINES}: {name} has no line {text!r} "
                                     "(strike it out)")
        for (name, function, text), entry in self.entries.items():
            if not entry.lines:
                self.problems.append(
                    f"{entry.where}: {name} has no line {text!r} with "
                    f"branches that is executed in {function} (strike it out)")
            elif len(entry.lines) > 1:
                self.problems.append(
                    f"{entry.where}: these are lines {entry.lines} of {name} "
                    "(put the line before and // in front)")
        share = self.taken / self.branches
        if share < BRANCHES_MINIMUM:
            self.problems.append(
                f"{100 * share:.1f} % of the branches were taken, at least "
                f"{100 * BRANCHES_MINIMUM:.0f} % have to be")

    def tell(self):
        print(f"src/echod and src/common: {self.executed} of {self.lines} "
              f"lines, {self.explained_lines} explained; {self.taken} of "
              f"{self.branches} branches "
              f"({100 * self.taken / self.branches:.1f} %), "
              f"{self.explained_branches} explained")


def main(path, directory, chance="0"):
    with open(path, encoding="utf-8") as file:
        files = json.load(file)["files"]
    total = Sum(directory)
    for file in files:
        if file["file"].startswith(FOLDERS):
            total.add(file["file"], file["lines"])
    if total.lines == 0 or total.branches == 0:
        sys.exit(f"coverage: {path} counts nothing of {' '.join(FOLDERS)}")
    total.judge()
    total.tell()
    for problem in (*total.problems, *total.strays):
        print("coverage:", problem, file=sys.stderr)
    return 1 if total.problems or len(total.strays) > int(chance) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""What of the daemon no test executes, against uncovered.txt, which explains
it.

Usage: coverage.py JSON-OF-GCOVR SOURCE-DIRECTORY

Fails for a line of src/echod and src/common that was not executed and is not
explained, for an explanation of what is no longer there, and if fewer branches
than the minimum were taken.  Tells which were not, unless that is explained.
"""

import json
import os
import re
import sys

BRANCHES_MINIMUM = 0.95
FOLDERS = ("src/echod/", "src/common/")
LIST = "tests/analysis/uncovered.txt"


def explained(path):
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


class Sum:
    """What was counted in all files."""

    def __init__(self, source, reasons):
        self.source, self.reasons = source, reasons
        self.lines = self.executed = self.branches = self.taken = 0
        self.explained_lines = self.explained_branches = 0
        self.problems, self.notes = [], []
        self.there = set()

    def add(self, name, counted):
        with open(os.path.join(self.source, name), encoding="utf-8") as file:
            lines = file.read().splitlines()
        texts = ["", *(line.strip() for line in lines)]
        within = ["", *functions(lines)]
        self.there |= {(name, text) for text in texts + within}
        self.there |= {(name, f"{before} // {text}")
                       for before, text in zip(texts, texts[1:])}
        for line in counted:
            if not line.get("gcovr/noncode"):
                number = line["line_number"]
                before, text = texts[number - 1:number + 1]
                known = {text, f"{before} // {text}", within[number]}
                self._add_line(name, number, text, line, any(
                    (name, it) in self.reasons for it in known))

    def _add_line(self, name, number, text, line, known):
        branches = line.get("branches", [])
        taken = sum(branch["count"] > 0 for branch in branches)
        self.lines += 1
        self.executed += line["count"] > 0
        self.branches += len(branches)
        self.taken += taken
        if line["count"] == 0:
            self.explained_lines += known
            if not known:
                self.problems.append(f"{name}:{number}: not executed: {text}")
        elif taken < len(branches):
            self.explained_branches += known * (len(branches) - taken)
            if not known:
                self.notes.append(f"{name}:{number}: {taken} of "
                                  f"{len(branches)} branches: {text}")

    def judge(self):
        for name, text in self.reasons:
            if (name, text) not in self.there:
                self.problems.append(f"{LIST}: {name} has no line {text!r} "
                                     "(strike it out)")
        share = self.taken / self.branches
        if share < BRANCHES_MINIMUM:
            self.problems.append(
                f"{100 * share:.1f} % of the branches were taken, at least "
                f"{100 * BRANCHES_MINIMUM:.0f} % have to be")

    def tell(self):
        print("\n".join(self.notes))
        print(f"src/echod and src/common: {self.executed} of {self.lines} "
              f"lines, {self.explained_lines} explained; {self.taken} of "
              f"{self.branches} branches "
              f"({100 * self.taken / self.branches:.1f} %), "
              f"{self.explained_branches} explained")


def main(path, source):
    with open(path, encoding="utf-8") as file:
        files = json.load(file)["files"]
    total = Sum(source, explained(os.path.join(source, LIST)))
    for file in files:
        if file["file"].startswith(FOLDERS):
            total.add(file["file"], file["lines"])
    if total.lines == 0 or total.branches == 0:
        sys.exit(f"coverage: {path} counts nothing of {' '.join(FOLDERS)}")
    total.judge()
    total.tell()
    for problem in total.problems:
        print("coverage:", problem, file=sys.stderr)
    return 1 if total.problems else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

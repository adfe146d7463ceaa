# SPDX-License-Identifier: MIT
"""echoping --conformance, run to its end, and what it printed."""

import re

import pinger
from echodtest import note

LINE = re.compile(r"( ?\d+)  (\S+) +(ok|FAILED|not applicable) +(.*?): (.*)")
SUMMARY = re.compile(r"(\d+) ok, (\d+) failed, (\d+) not applicable")

LIMIT = 100  # seconds: a service that does not answer is waited for

# What never comes is not waited for as long as by default.
PATIENCE = ("--timeout=1s",)

# Rows that only the service's own machine can tell of.
UNSEEN = {10, 15, 18, 22}


class Result:
    """What one run printed; every line must be as it should be."""

    def __init__(self, *arguments):
        run = pinger.echoping("--conformance", *arguments, limit=LIMIT)
        note(run.output + run.errors)
        self.status, self.errors = run.status, run.errors
        *lines, last = run.output.splitlines() or [""]
        self.lines = [LINE.fullmatch(line).groups() for line in lines]
        self.rows = [int(line[0]) for line in self.lines]
        self.counts = [sum(line[2] == word for line in self.lines)
                       for word in ("ok", "FAILED", "not applicable")]
        if run.output:
            assert [int(word) for word in SUMMARY.fullmatch(last).groups()
                    ] == self.counts, last

    def failed(self):
        """The rows that failed, with their transports."""
        return {(int(row), transport)
                for row, transport, word, _, _ in self.lines
                if word == "FAILED"}

    def titles(self, word):
        return {title for _, _, is_, title, _ in self.lines if is_ == word}

    def detail(self, title):
        return next(it[4] for it in self.lines if it[3] == title)


def expect_ok(result, *not_applicable):
    """All ok, but for these titles and what no client can see."""
    assert result.failed() == set() and result.status == 0, result.status
    assert result.rows == sorted(result.rows)
    unseen = {title for row, _, word, title, _ in result.lines
              if word == "not applicable" and int(row) not in UNSEEN}
    assert unseen == set(not_applicable), unseen

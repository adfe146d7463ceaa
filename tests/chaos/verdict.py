# SPDX-License-Identifier: MIT
"""What came out: each check is told with its figures, and all of them are made
before the first that failed fails the case."""

from echodtest import note


class Verdict:
    """Leaving the `with` block fails the case if one of them did."""

    def __init__(self):
        self._wrong = []

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is None:
            assert not self._wrong, "; ".join(self._wrong)

    def that(self, holds, what):
        note(f"{'holds' if holds else 'WRONG'}: {what}")
        if not holds:
            self._wrong.append(what)

    def equal(self, value, expected, what):
        self.that(value == expected, f"{what}: {value:,}" if value == expected
                  else f"{what}: {value:,} instead of {expected:,}")

# SPDX-License-Identifier: MIT
"""Whether memory grows: the line of least squares through samples of it, and
the interval in which its slope lies with 95 % confidence."""

import collections
import math

STUDENT = 1.98  # for a hundred samples; fewer make it larger
FEW = 100

Slope = collections.namedtuple("Slope", "value error")


def slope(samples):
    """Of pairs of time and value; the error is half of the interval."""
    count = len(samples)
    assert count > 2, "a trend needs three samples"
    mean_x = sum(x for x, _ in samples) / count
    mean_y = sum(y for _, y in samples) / count
    spread = sum((x - mean_x) ** 2 for x, _ in samples)
    value = sum((x - mean_x) * (y - mean_y) for x, y in samples) / spread
    rest = sum((y - mean_y - value * (x - mean_x)) ** 2 for x, y in samples)
    student = STUDENT * (1 + 2 / (count - 2) if count < FEW else 1)
    return Slope(value, student * math.sqrt(rest / (count - 2) / spread))


def growth(samples):
    """From the beginning to the end: of the means of the first and the last
    tenth."""
    tenth = max(1, len(samples) // 10)

    def mean(part):
        return sum(y for _, y in part) / len(part)

    return mean(samples[-tenth:]) - mean(samples[:tenth])

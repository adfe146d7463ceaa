# SPDX-License-Identifier: MIT
"""Why echod falls short of a target, as far as is known: by the beginning of
the line in the table of targets.py."""

REASONS = (
    ("RTT p50, one connection, --busy-poll",
     "Two ends that never sleep need four system calls for a round trip, in "
     "which the kernel carries two segments through all of its TCP, and that "
     "is more than 0.45 of what the best blocking server needs where to be "
     "woken takes but 4 µs, as here. The target was set where that takes 25."),
)


def reason_for(work):
    """Or None."""
    return next((reason for beginning, reason in REASONS
                 if work.startswith(beginning)), None)

# SPDX-License-Identifier: MIT
"""Why echod falls short of a target, as far as is known: by the beginning of
the line in the table of targets.py."""

REASONS = (
    ("TCP request/response",
     "Every good server spends 97 of 100 parts of its CPU time in the "
     "kernel's TCP, so that cells differ by less than rounds do, and the best "
     "of many is the luckiest. What is left is the entry into the kernel, "
     "twice a message: io_uring hands in many at once, which epoll cannot."),
    ("TCP pipelined",
     "Here, too, each wake-up is one receive and one send, for 16 messages; "
     "io_uring alone has fewer calls, and the rest is copying and TCP."),
    ("RTT p50, one connection, --busy-poll",
     "Two ends that never sleep need four system calls for a round trip, in "
     "which the kernel carries two segments through all of its TCP, and that "
     "is more than 0.45 of what the best blocking server needs where to be "
     "woken takes but 4 µs, as here. The target was set where that takes 25."),
    ("RTT p50, one connection, blocking",
     "All who wait with epoll make the same three calls, `blocking` makes "
     "two, and which of them is the best changes from run to run."),
    ("bulk both ways, 1 connection, against the best",
     "`blocking` and asyncio make the same calls, with pieces as large: 64 "
     "and 256 KiB. Who uses smaller ones is far behind, as the table shows."),
    ("bulk both ways, 4 connections, against the best",
     "asyncio makes the same calls, with pieces as large: 256 KiB. Who uses "
     "smaller ones is far behind, as the table shows."),
    ("bulk both ways",
     "To splice copies nothing, and needs a third of the CPU time; the client "
     "does not see that, as it is the limit. It is not built: it takes a pipe "
     "for each such connection, and another way for urgent bytes."),
    ("connect + echo + close",
     "Twelve system calls a connection, three of which wait, and two see to "
     "it that a kill resets it; the handshake and close(2) are the kernel's "
     "and the same for all. io_uring makes fewer calls."),
    ("UDP trains",
     "What is left is copying 1200 bytes twice for each datagram."),
    ("UDP",
     "Nine tenths of the time are the kernel's way of a datagram in and out, "
     "and echod keeps up with the client: a batch finds 6 to 10 of them, not "
     "64, and as much less is shared and sent as a train."),
    ("start to first echo when socket-activated",
     "Two thirds of it pass before main() runs: on the machine of this report "
     "/bin/true takes 3.3 ms, started from Python, and `echod --version` 7.1 "
     "ms (medians of 60), which is the dynamic linker: it binds everything of "
     "a dozen libraries at once, as hardening has it (-z now)."),
    ("CPU per message, 10 busy",
     "At 10 connections the client is the limit and echod is asleep part of "
     "the time; it does not grow from 100 on."),
    ("CPU per message, 2 workers",
     "There are but two CPUs: one of the workers shares its CPU, and its "
     "caches, with the client."),
)


def reason_for(work):
    """Or None."""
    return next((reason for beginning, reason in REASONS
                 if work.startswith(beginning)), None)

# SPDX-License-Identifier: MIT
"""echoping --conformance against other echo services, of Debian 12: what is
known of each is found, and nothing in echod.  Prints TAP.

Each service is alone in namespaces of its own, as in compare.py, and asked
over a cable.  Needs root; a service whose package cannot be had is skipped.

Usage: conformance.py [PEER]...

Environment: ECHOD, ECHOPING, the programs; top_builddir, where packages are
kept, in compare-peers.
"""

import os
import re
import signal
import sys

import compare
import peers

FAILED = re.compile(r"^ ?(\d+)  (?:tcp|udp) +FAILED", re.M)
SUMMARY = re.compile(r"^\d+ ok, \d+ failed, \d+ not applicable$", re.M)

# Whether Nagle's algorithm shows is up to how the client's kernel acknowledges,
# at once or late, which it decides by what it has seen: a row that is known to
# fail has so many runs to do so.  None may fail that should not.
RUNS = 3

# The rows that fail of each, over TCP and UDP.  Those in the second set fail
# in some runs only: whether they do is a matter of time.  (socat answers no
# more after an empty datagram.  Debian's busybox has no inetd.)
NONE = (set(), set())
EXPECTED = {
    "echod": {"tcp": NONE, "udp": NONE},
    "inetutils-inetd": {"tcp": ({17, 20}, set()),
                        "udp": ({1, 3, 4, 5}, set())},
    "openbsd-inetd": {"tcp": ({17, 20}, set()),
                      "udp": ({1, 3, 4, 5}, set())},
    "xinetd": {"tcp": ({17, 20}, set()), "udp": ({1, 3, 4, 5}, set())},
    "socat": {"tcp": ({17}, {20}), "udp": ({1, 2}, set())},
    "ncat": {"tcp": ({6, 17}, {7, 8, 9, 11, 20}),
             "udp": ({1, 2, 3, 4, 5}, {12, 16})},
}


class Report:
    """TAP on standard output."""

    def __init__(self):
        self.count = self.failures = 0

    def add(self, good, name, text=""):
        self.count += 1
        self.failures += not good
        for line in text.splitlines():
            print("#", line)
        print("ok" if good else "not ok", self.count, "-", name, flush=True)

    def skip(self, name, reason):
        self.add(True, f"{name} # SKIP {reason}")


def examine(report, peer, transport):
    """One service over one transport."""
    always, sometimes = EXPECTED[peer.name][transport]
    failed = set()
    for _ in range(RUNS):
        said = compare.answer(peer, f"conformance-{transport}") or ""
        failed |= {int(row) for row in FAILED.findall(said)}
        if not SUMMARY.search(said) or always <= failed:
            break
    good = bool(SUMMARY.search(said)) and (
        always <= failed <= always | sometimes)
    rows = " ".join(map(str, sorted(always))) or "none"
    report.add(good, f"{peer.title()}, {transport}: of its rows fail {rows}",
               said if good else f"{said}\nfailed: {sorted(failed)}")


def run(names):
    place = os.path.join(os.path.abspath(os.environ["top_builddir"]),
                         "compare-peers")
    peers.configure(place)
    report = Report()
    for name in names:
        try:
            peer = (peers.built(os.environ["ECHOD"], place) if name == "echod"
                    else peers.fetch(name, place))
            open(peer.log, "wb").close()
        except peers.LeftOut as reason:
            report.skip(name, reason)
            continue
        for transport in ("tcp", "udp"):
            examine(report, peer, transport)
    print(f"1..{report.count}")
    return int(report.failures > 0)


def main():
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    if os.geteuid() != 0:
        print("1..0 # SKIP needs root, for network namespaces")
        return compare.SKIPPED
    return run(sys.argv[1:] or EXPECTED)


if __name__ == "__main__":
    sys.exit(main())

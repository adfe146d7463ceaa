# SPDX-License-Identifier: MIT
"""The table of README.md that sets echod beside other echo services.

Every cell is measured, by a probe in namespaces of its own (probes.py), with
a service started for it alone; a wait for what does not come ends with a time
limit.  Needs root, apt and the tools of Debian.  Nothing is installed.

Usage: compare.py [PEER]...    all of them without; the table is on stdout

Environment: ECHOD, the program; top_builddir, where packages are kept, in
compare-peers, with a log of each service.
"""

import os
import platform
import signal
import subprocess
import sys
import time

import peers
import probes

HERE = os.path.dirname(os.path.abspath(__file__))
PROBE_LIMIT = 90  # seconds: ends a probe that hangs
DATAGRAM_MAX = 65507
TRIES = 3  # where chance has a part
UNKNOWN = "?"
SKIPPED = 77

# Ends with this program, whatever ends it, and then ends all in it.
ISOLATED = ("setpriv", "--pdeathsig", "KILL",
            "unshare", "--pid", "--fork", "--mount-proc", "--kill-child")


def say(text):
    print(f"compare: {text}", file=sys.stderr, flush=True)


# --- Measuring ---

def answer(peer, probe):
    """What a probe says of a peer; None if it could not say anything."""
    command = peer.commands[probes.PROBES[probe.partition(":")[0]][0]]
    with open(peer.log, "ab") as log, subprocess.Popen(
            [*ISOLATED, sys.executable, os.path.join(HERE, "probes.py"),
             probe, *command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
            text=True, start_new_session=True) as process:
        try:
            return process.communicate(timeout=PROBE_LIMIT)[0].strip() or None
        except subprocess.TimeoutExpired:
            return None
        finally:
            process.kill()


def once(probe):
    return lambda peer: answer(peer, probe) or UNKNOWN


def several_times(*several):
    """All that these probes say in some tries."""
    def measure(peer):
        said = {answer(peer, probe) or UNKNOWN: None
                for probe in several * TRIES}
        return ", or ".join(said)
    return measure


def longest_whole(peer):
    """The longest datagram that comes back whole, by bisection."""
    low, high = 0, DATAGRAM_MAX + 1
    size = DATAGRAM_MAX
    while high - low > 1:
        said = answer(peer, f"whole:{size}")
        if said is None:
            return UNKNOWN
        low, high = (size, high) if said == "whole" else (low, size)
        size = (low + high) // 2
    return f"{low:,}" if low else "none"


ROWS = (
    ("longest UDP datagram echoed whole", longest_whole),
    ("empty datagram", once("empty")),
    ("asked at a second address of the host", once("second-address")),
    ("datagram to a broadcast address", once("broadcast")),
    ("10 MB, FIN, client reads late",
     several_times("late-at-end", "late-always")),
    ("TCP urgent byte", once("urgent")),
    ("processes for 30 connections", once("processes")),
    ("datagram from port 7 (loops)", once("port-7")),
)


def measure_all(peer):
    """The cells of a peer's column."""
    cells = []
    for row, measure in ROWS:
        cells.append(measure(peer))
        say(f"{peer.name}: {row}: {cells[-1]}")
    return cells


# --- Whom ---

def last_words(peer):
    with open(peer.log, encoding="utf-8", errors="replace") as file:
        return ([UNKNOWN] + file.read().splitlines())[-1]


def expect_listening(peer):
    """Leave out what does not even start."""
    open(peer.log, "wb").close()
    for probe in ("listen-tcp", "listen-udp"):
        if answer(peer, probe) is None:
            raise peers.LeftOut(f"{probe}: {last_words(peer)} ({peer.log})")


def gather(place, names):
    """echod, and those peers that can be had; the others with the reason."""
    peers.configure(place)
    echod = peers.built(os.environ["ECHOD"], place)
    expect_listening(echod)
    found, left_out = [echod], []
    for name in names:
        say(f"fetching {name}")
        try:
            peer = peers.fetch(name, place)
            expect_listening(peer)
            found.append(peer)
        except peers.LeftOut as reason:
            left_out.append(f"{name} is left out: {reason}")
            say(left_out[-1])
    return found, left_out


# --- The table ---

def heading(measured):
    """What was measured, where and when."""
    echod, *others = (f"{peer.name} {peer.version}" for peer in measured)
    system = platform.freedesktop_os_release()
    return (f"`make compare`, {time.strftime('%Y-%m-%d')}: Linux "
            f"{platform.release()}, {os.cpu_count()} processors "
            f"({platform.machine()}); {echod}, and of {system['NAME']} "
            f"{system.get('VERSION_ID', '')} {', '.join(others)}.")


def table(measured, columns):
    lines = [["", "echod", *(peer.title() for peer in measured[1:])],
             ["---"] * (len(measured) + 1)]
    lines += [[row, *(column[number] for column in columns)]
              for number, (row, _) in enumerate(ROWS)]
    return "\n".join("|".join(["", *(f" {cell} " if cell != "---" else cell
                                     for cell in line), ""])
                     for line in lines)


def compare(names):
    place = os.path.join(os.path.abspath(os.environ["top_builddir"]),
                         "compare-peers")
    measured, left_out = gather(place, names)
    columns = [measure_all(peer) for peer in measured]
    print(heading(measured), table(measured, columns), *left_out, sep="\n\n")
    return any(UNKNOWN in cell for column in columns for cell in column)


def main():
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    if os.geteuid() != 0:
        say("needs root, for network namespaces")
        return SKIPPED
    try:
        return int(compare(sys.argv[1:] or peers.COMMANDS))
    except peers.LeftOut as reason:
        say(f"echod does not start: {reason}")
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())

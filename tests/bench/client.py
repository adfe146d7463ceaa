#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""What echoping's verification and timing cost: its closed loop beside the
bare one of bare.c, both against the same echod.

    client.py [ROUNDS [SECONDS [CONNECTIONS [SIZE]]]]

echod is pinned to one CPU, the client to another.  User time is the time
between system calls, taken in runs of its own by programs that were linked with
timed.c; what getrusage(2) makes of it is printed, too.  $ECHOD and $ECHOPING
name the programs, $BENCH_BIN the directory of the others (default: in
../../build).
"""

import json
import os
import subprocess
import sys

import rounds

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "../functional"))

import daemon  # noqa: E402

BUILD = os.path.join(HERE, "../../build")
ECHOPING = os.environ.get("ECHOPING") or os.path.join(BUILD, "echoping")
BENCH_BIN = os.environ.get("BENCH_BIN") or os.path.join(BUILD, "tests/bench")

WARMUP = 300  # milliseconds
RATE_TARGET = 0.95  # of the bare loop
USER_TARGET = 250  # ns a message
SKIPPED = 77


def _run(cpu, command):
    """What it prints last, a JSON object, with that on standard error, if
    any."""
    done = subprocess.run([*rounds.pinned(cpu), *map(str, command)],
                          check=True, text=True, capture_output=True,
                          stdin=subprocess.DEVNULL)
    it = json.loads(done.stdout.splitlines()[-1])
    for line in done.stderr.splitlines():
        it.update(json.loads(line))
    return it


def _bare(cpu, address, connections, size, milliseconds):
    def run(program, warmup):
        return _run(cpu, (os.path.join(BENCH_BIN, program), *address,
                          connections, size, warmup, milliseconds))
    it, slow = run("bare", WARMUP), run("bare-timed", 0)
    return {"rate": it["messages"] / it["elapsed_ns"] * 1e9,
            "outside": slow["outside_ns"] / slow["messages"],
            "user": it["user_ns"] / it["messages"],
            "system": it["system_ns"] / it["messages"]}


def _echoping(cpu, address, connections, size, milliseconds):
    def run(program, warmup):
        it = _run(cpu, (program, "--load", "--json", "--threads=1",
                        f"--connections={connections}", f"--size={size}",
                        f"--warmup={warmup}ms", f"--duration={milliseconds}ms",
                        "tcp:{}:{}".format(*address)))
        if it["lost"] or it["corrupt"] or it["errors"]:
            raise AssertionError(f"not all was echoed: {it}")
        return it
    it = run(ECHOPING, WARMUP)
    slow = run(os.path.join(BENCH_BIN, "echoping-timed"), 0)
    return {"rate": it["received"] / it["elapsed_ns"] * 1e9,
            "outside": slow["outside_ns"] / slow["received"],
            "user": it["cpu"]["user_ns"] / it["received"],
            "system": it["cpu"]["system_ns"] / it["received"]}


def _print(measured, connections, size, seconds):
    ratio = rounds.ratios(measured, "echoping", "bare", "rate")
    outside = rounds.values(measured, "echoping", "outside")
    print(f"{connections} connections, {size} bytes, {len(measured)} rounds "
          f"of {seconds} s; medians (middle half)")
    for name in ("bare", "echoping"):
        columns = [rounds.text(rounds.values(measured, name, key))
                   for key in ("rate", "outside", "user", "system")]
        print("{:9} {} messages/s; outside system calls {} ns a message; "
              "as accounted, user {} ns, system {} ns".format(name, *columns))
    median = rounds.middle(ratio)[0]
    print(f"rate, echoping / bare: {rounds.text(ratio, 3)}, "
          f"target at least {RATE_TARGET}: "
          f"{'met' if median >= RATE_TARGET else 'MISSED'}")
    median = rounds.middle(outside)[0]
    print(f"user time of echoping: {rounds.text(outside)} ns a message, "
          f"target below {USER_TARGET}: "
          f"{'met' if median < USER_TARGET else 'MISSED'}")


def main():
    arguments = sys.argv[1:] + ["", "", "", ""]
    count = int(arguments[0] or 41)
    seconds = float(arguments[1] or 0.4)
    connections, size = int(arguments[2] or 50), int(arguments[3] or 64)
    cpus = rounds.two_cpus()
    if not cpus:
        rounds.say("bench-client: needs two CPUs, one for each side")
        return SKIPPED
    with daemon.Echod("-l", "tcp:127.0.0.1:0", "-w", "1",
                      wrapper=rounds.pinned(cpus[0])) as echod:
        work = (cpus[1], echod.address("tcp"), connections, size,
                int(1000 * seconds))
        measured = rounds.interleave({"bare": lambda: _bare(*work),
                                      "echoping": lambda: _echoping(*work)},
                                     count)
    _print(measured, connections, size, seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())

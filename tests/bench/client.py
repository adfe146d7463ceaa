#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""What echoping's verification and timing cost: its closed loop beside the
bare one of bare.c, both against the same echod.

    client.py [ROUNDS [SECONDS [CONNECTIONS [SIZE]]]]

echod is pinned to one CPU, the client to another.  $ECHOD, $ECHOPING and $BARE
name the programs (default: in ../../build).
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
BARE = os.environ.get("BARE") or os.path.join(BUILD, "tests/bench/bare")

WARMUP = 300  # milliseconds
RATE_TARGET = 0.95  # of the bare loop
USER_TARGET = 250  # ns a message
SKIPPED = 77


def _run(cpu, *command):
    """What it prints last, a JSON object."""
    output = subprocess.run([*rounds.pinned(cpu), *map(str, command)],
                            check=True, text=True, stdout=subprocess.PIPE,
                            stdin=subprocess.DEVNULL).stdout
    return json.loads(output.splitlines()[-1])


def _figures(messages, elapsed, user, system):
    return {"rate": messages / elapsed * 1e9,
            "user": user / messages, "system": system / messages}


def _bare(cpu, address, connections, size, milliseconds):
    it = _run(cpu, BARE, *address, connections, size, WARMUP, milliseconds)
    return _figures(it["messages"], it["elapsed_ns"], it["user_ns"],
                    it["system_ns"])


def _echoping(cpu, address, connections, size, milliseconds):
    it = _run(cpu, ECHOPING, "--load", "--json",
              f"--connections={connections}", f"--size={size}",
              f"--warmup={WARMUP}ms", f"--duration={milliseconds}ms",
              "tcp:{}:{}".format(*address))
    if it["lost"] or it["corrupt"] or it["errors"]:
        raise AssertionError(f"not all was echoed: {it}")
    return _figures(it["received"], it["elapsed_ns"], it["cpu"]["user_ns"],
                    it["cpu"]["system_ns"])


def _print(measured, connections, size, seconds):
    ratio = rounds.ratios(measured, "echoping", "bare", "rate")
    user = rounds.values(measured, "echoping", "user")
    print(f"{connections} connections, {size} bytes, {len(measured)} rounds "
          f"of {seconds} s; medians (middle half)")
    for name in ("bare", "echoping"):
        columns = [rounds.text(rounds.values(measured, name, key))
                   for key in ("rate", "user", "system")]
        print("{:9} {} messages/s, user {} ns, system {} ns a message"
              .format(name, *columns))
    median = rounds.middle(ratio)[0]
    print(f"rate, echoping / bare: {rounds.text(ratio, 3)}, "
          f"target at least {RATE_TARGET}: "
          f"{'met' if median >= RATE_TARGET else 'MISSED'}")
    median = rounds.middle(user)[0]
    print(f"user time of echoping: {rounds.text(user)} ns a message, "
          f"target below {USER_TARGET}: "
          f"{'met' if median < USER_TARGET else 'MISSED'}")


def main():
    arguments = sys.argv[1:] + ["", "", "", ""]
    count = int(arguments[0] or 9)
    seconds = float(arguments[1] or 1.5)
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

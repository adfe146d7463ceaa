#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""What the guards cost: CPU time of echod for a message, with them beside
without them.

    guards.py [--rounds=N] [--milliseconds=N] [WORD...]

WORD: the cells with one of these in their names.  In each round two echods are
started, with and without, and serve in turns of some 50 messages; what counts
is the ratio of the two, its median and the middle half of all rounds.

Clients (sources.c) are behind a cable in a network namespace of its own, as
loopback has no limit, each in networks that no other one is in.  They share a
CPU with echod, and neither preempts the other: so echod always finds all that
they have sent, and waits only once for many messages, which makes most of what
the guards cost.

What cannot be switched off, and what the clock cannot see, is counted in
instructions, by callgrind.

$ECHOD names the program, $BENCH_BIN the directory of the others (default: in
../../build).  Needs root or user namespaces.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace

import rounds
from alone import COLLECTED
from process import Sample
from targets import verdict

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, "../functional"))

import daemon  # noqa: E402
import netspace  # noqa: E402
from echodtest import Skip  # noqa: E402

BENCH_BIN = os.environ.get("BENCH_BIN") or os.path.join(
    HERE, "../../build/tests/bench")
SKIPPED = 77
TARGET = 1.05
SIZE = 64

# The highest rate: all that is judged is within it.
LIMITED = ("--udp-rate=1000000/100000000",)
UNLIMITED = ("--udp-rate=0", "--allow-source-ports=all")
UNWATCHED = ("--min-progress=0",)
LOOP_TTL = (*LIMITED, "--loop-ttl")
# As options, but they are none: the same program with and without its sandbox,
# and under a filter that allows everything, without which there is no sandbox.
SANDBOX, NO_SANDBOX, ANY_FILTER = "sandbox", "no-sandbox", "any-filter"
HOW = (SANDBOX, NO_SANDBOX, ANY_FILTER)

WILDCARD = {4: "0.0.0.0", 6: "[::]"}
SERVER = {4: "10.7.0.1", 6: "fd07::1"}
NEXT_HOP = {4: "10.7.0.2", 6: "fd07::2"}
# Each is in a /16, or a /32, of its own.
CLIENT = {4: lambda number: f"10.{100 + number}.0.2",
          6: lambda number: f"fd{128 + number:x}::2"}
CLIENTS_MAX = 50

# Milliseconds of a shorter and of a longer run.
INSTRUCTION_MS = (200, 1200)
# What is counted by itself, with all that it calls.
PARTS = ("screen_refuses", "screen_is_forged6", "limiter_refuses")


@dataclass(frozen=True)
class Cell:
    """A kind of traffic, and what is compared."""
    name: str
    title: str
    transport: str
    family: int
    clients: int
    burst: int
    on: tuple = LIMITED
    off: tuple = UNLIMITED


def _traffic():
    for family in (4, 6):
        yield Cell(f"bursts-udp{family}", f"UDP/IPv{family}, bursts of 16 "
                   "from 4 clients", "udp", family, 4, 16)
        yield Cell(f"clients-udp{family}", f"UDP/IPv{family}, one at a time "
                   f"from {CLIENTS_MAX} clients", "udp", family,
                   CLIENTS_MAX, 1)


def _named(what, cell, **changes):
    return replace(cell, name=f"{what}-{cell.name}", **changes)


def _cells():
    traffic = list(_traffic())
    tcp = Cell("tcp", f"TCP, one at a time on {CLIENTS_MAX} connections",
               "tcp", 4, CLIENTS_MAX, 1, (), UNWATCHED)
    for cell in (*traffic, tcp):
        yield _named("guards", cell)
    for cell in traffic:
        yield _named("ttl", cell, on=LOOP_TTL, off=LIMITED)
    for cell in (*traffic[:2], tcp):
        full, bare = ((*cell.on, it) for it in (SANDBOX, NO_SANDBOX))
        yield _named("sandbox", cell, on=full, off=bare)
        yield _named("filter", cell, on=(*bare, ANY_FILTER), off=bare)
        yield _named("calls", cell, on=full, off=(*bare, ANY_FILTER))
    # What noise alone makes of it.
    yield _named("nothing", traffic[1], on=UNLIMITED)
    yield _named("nothing", tcp, on=UNWATCHED)


class Scene:
    """Who is at the other end of a cable."""

    def __init__(self):
        netspace.isolate()
        self._neighbour = netspace.Neighbour()
        for family, next_hop in NEXT_HOP.items():
            netspace.ip(f"-{family}", "route", "add", "default", "via",
                        next_hop)
        with self._neighbour:
            # None of those that echod may have, which it does not answer.
            netspace.set_sysctl("ipv4/ip_local_port_range", "20000 29999")
            for number in range(CLIENTS_MAX):
                netspace.ip("addr", "add", f"{CLIENT[4](number)}/32", "dev",
                            "there")
                netspace.ip("addr", "add", f"{CLIENT[6](number)}/128", "dev",
                            "there", "nodad")

    @contextlib.contextmanager
    def clients(self, cell, milliseconds, *ports):
        command = [os.path.join(BENCH_BIN, "sources"), cell.transport,
                   SERVER[cell.family], ",".join(map(str, ports)), cell.burst,
                   SIZE, milliseconds,
                   *map(CLIENT[cell.family], range(cell.clients))]
        with self._neighbour:
            process = subprocess.Popen(list(map(str, command)), text=True,
                                       stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE)
        with process:
            try:
                yield Clients(process)
            finally:
                process.kill()


class Clients:
    """A running sources; they have warmed up."""

    def __init__(self, process):
        self._process = process
        self._await("ready\n")

    def _line(self):
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError("sources ended early")
        return line

    def _await(self, expected):
        line = self._line()
        assert line == expected, line

    def run(self):
        """How many messages came back from each server."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return int(self._line())


@contextlib.contextmanager
def _opened(name):
    fd = os.open(os.path.join(BENCH_BIN, name), os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


def _is_filtered(pid):
    """Whether anything looks at its system calls: proc(5)."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return "Seccomp:\t2\n" in file


@contextlib.contextmanager
def serving(cell, options, **how):
    """echod and its port."""
    with contextlib.ExitStack() as stack:
        if SANDBOX in options:
            how["environment"] = {"KEEP_SANDBOX": "1"}
        if SANDBOX in options or NO_SANDBOX in options:
            how["preload"] = stack.enter_context(_opened("no_sandbox.so"))
        if ANY_FILTER in options:
            how["wrapper"] = (os.path.join(BENCH_BIN, "any-filter"),)
        echod = daemon.Echod(
            "-w", "1", "-l", f"{cell.transport}:{WILDCARD[cell.family]}:0",
            *(it for it in options if it not in HOW),
            dumpable=False, **how)
        stack.callback(echod.release)
        with echod:
            if any(it in options for it in HOW):
                filtered = SANDBOX in options or ANY_FILTER in options
                assert _is_filtered(echod.pid) == filtered, options
            yield echod, echod.address(cell.transport)[1]


def measure(scene, cell, milliseconds):
    """One round: CPU time of a message, by who served it."""
    with contextlib.ExitStack() as stack:
        echods, ports = zip(*(stack.enter_context(serving(cell, options))
                              for options in (cell.on, cell.off)))
        with scene.clients(cell, milliseconds, *ports) as clients:
            before = [Sample(echod.pid) for echod in echods]
            messages = clients.run()
            after = [Sample(echod.pid) for echod in echods]
        for echod in echods:
            refused = {name: value for name, value in echod.counters().items()
                       if "refused" in name and value}
            assert not refused, refused
    on, off = (now.since(then) for now, then in zip(after, before))
    return {"on": {"cpu": on / messages}, "off": {"cpu": off / messages}}


def compare(scene, cell, count, milliseconds):
    measured = [measure(scene, cell, milliseconds) for _ in range(count)]
    ratios = rounds.ratios(measured, "on", "off", "cpu")
    on, off = (rounds.text(rounds.values(measured, name, "cpu"))
               for name in ("on", "off"))
    print(f"{cell.name}: {cell.title}\n"
          f"    with {on} ns, without {off} ns; ratio "
          f"{rounds.text(ratios, 3)}, target ≤ {TARGET}: "
          f"{verdict(ratios, TARGET, False)}", flush=True)


# --- Instructions ---

def _collected(scene, cell, options, milliseconds, *only):
    """Instructions of a run, and the messages in it."""
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o777)  # for an ordinary user
        log = os.path.join(place, "log")
        wrapper = ("valgrind", "--tool=callgrind", *only,
                   "--callgrind-out-file=/dev/null", f"--log-file={log}")
        # Valgrind cannot live in the sandbox.
        with (_opened("echod-unconfined") as program,
              serving(cell, options, wrapper=wrapper,
                      program=program) as (_, port)):
            with scene.clients(cell, milliseconds, port) as clients:
                messages = clients.run()
        with open(log, encoding="utf-8") as file:
            found = COLLECTED.search(file.read())
    assert found, "callgrind counted nothing"
    return int(found[1]), messages


def _per_message(scene, cell, options, *only):
    """What a longer run has more."""
    (some, few), (more, many) = (
        _collected(scene, cell, options, milliseconds, *only)
        for milliseconds in INSTRUCTION_MS)
    assert many > few, "the longer run echoed no more than the shorter"
    return (more - some) / (many - few)


def count_instructions(scene, cell):
    on, off = (_per_message(scene, cell, options)
               for options in (cell.on, cell.off))
    print(f"{cell.name}: {cell.title}\n"
          f"    instructions: with {on:.0f}, without {off:.0f}", flush=True)
    for name in PARTS if cell.transport == "udp" else ():
        part = _per_message(scene, cell, cell.on, f"--toggle-collect={name}")
        print(f"    of these {name}: {part:.0f}", flush=True)


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--milliseconds", type=int, default=100)
    parser.add_argument("words", nargs="*")
    return parser.parse_args()


def main():
    arguments = parse()
    # All that is started inherits this.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    try:
        scene = Scene()
    except Skip as reason:
        rounds.say(f"bench-guards: {reason}")
        return SKIPPED

    def wanted(name):
        return not arguments.words or any(word in name
                                          for word in arguments.words)

    for cell in _cells():
        if wanted(cell.name):
            compare(scene, cell, arguments.rounds, arguments.milliseconds)
    for cell in _cells():
        name = cell.name.replace("guards", "instructions")
        if name != cell.name and wanted(name):
            count_instructions(scene, replace(cell, name=name))
    return 0


if __name__ == "__main__":
    sys.exit(main())

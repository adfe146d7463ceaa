#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""echod beside its peers: speed, and what it costs.

    bench.py [--quick] [--only=WORD[,WORD]...] [--save]

The server is pinned to one CPU, the client to another.  All of it runs in
namespaces of its own, which end with this program: nothing is left running.
What is measured goes to bench/results.jsonl in the build as soon as it is
known, the report (report.py) and its plots beside it; bench/log has what each
server said.  A server that fails is left out of that cell, with the reason.

--only: the cells with these words in their names.  --save: if all went well,
put the report and its plots beside this file, to be committed.

Environment: ECHOD, ECHOPING, top_builddir, CC; BENCH_LOCK, a file that is
locked (flock(2)) during each round, where several measure on one machine.
"""

import argparse
import contextlib
import fcntl
import json
import os
import platform
import resource
import shutil
import signal
import subprocess
import sys
import time

import alone
import cells
import generator
import report
import rounds
import servers
from process import Failed, Running

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.abspath(os.environ.get("top_builddir") or
                        os.path.join(HERE, "../../build"))
PLACE = os.path.join(BUILD, "bench")
ECHOD = os.environ.get("ECHOD") or os.path.join(BUILD, "echod")
UNCONFINED = os.path.join(BUILD, "tests/bench/echod-unconfined")
RESULTS = os.path.join(PLACE, "results.jsonl")
SERVERS = os.path.join(PLACE, "servers.json")
SKIPPED = 77
TRIES = 2

# Rounds, milliseconds of warm-up, and of measurement.
FULL, QUICK = (7, 150, 500), (3, 100, 400)
INSIDE = "--inside"

# Ends with this program, whatever ends it, and then ends all in it.
ISOLATED = ("setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--pid",
            "--fork", "--mount-proc", "--kill-child")


def say(text):
    rounds.say(f"bench: {text}")


class Plan:
    """One run: who is there, how long a round takes, where results go."""

    def __init__(self, quick, only):
        self.quick = quick
        self._only = [word for word in (only or "").split(",") if word]
        self.count, self._warmup, self._duration = QUICK if quick else FULL
        self.servers = servers.load(SERVERS)
        self.server_cpu, self.client_cpu = map(str, rounds.two_cpus())
        self._lock = os.environ.get("BENCH_LOCK")
        self._cell = None
        self._failed = {}

    def times(self):
        return (f"--warmup={self._warmup}ms", f"--duration={self._duration}ms",
                "--threads=1", "--timeout=200ms")

    def wants(self, name, quick):
        if self._only:
            return any(word in name for word in self._only)
        return quick or not self.quick

    def log(self, name):
        return os.path.join(PLACE, "log", name.replace(" ", "") + ".log")

    def start(self, name, both_cpus=False, **how):
        cpus = (f"{self.server_cpu},{self.client_cpu}" if both_cpus
                else self.server_cpu)
        return Running(self.servers[name], self.log(name), cpus=cpus, **how)

    @contextlib.contextmanager
    def _locked(self):
        with contextlib.ExitStack() as stack:
            if self._lock:
                file = stack.enter_context(open(self._lock, "ab"))
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _attempt(self, name, measure):
        """What it measures; None if this server is left out from now on."""
        for left in reversed(range(TRIES)):
            if name in self._failed:
                break
            try:
                return measure()
            except (Failed, OSError, subprocess.SubprocessError,
                    ValueError) as error:
                if left == 0:
                    self._failed[name] = str(error) or type(error).__name__
                    say(f"{name}: left out of {self._cell}: {error}")
        return None

    def interleave(self, measures, count=None):
        """Rounds, without those servers that failed in one of them."""
        guarded = {name: lambda name=name, measure=measure:
                   self._attempt(name, measure)
                   for name, measure in measures.items()}
        measured = rounds.interleave(guarded, count or self.count,
                                     around=self._locked)
        return [{name: figures for name, figures in it.items()
                 if name not in self._failed} for it in measured]

    def write(self, kind, **what):
        with open(RESULTS, "a", encoding="utf-8") as file:
            print(json.dumps({"type": kind, **what}), file=file)

    def run(self, name, work):
        """Measure one cell and write it down, whatever happens."""
        self._cell, self._failed = name, {}
        started = time.monotonic()
        try:
            for number, figures in enumerate(work(self)):
                for server, its in figures.items():
                    self.write("round", cell=name, round=number,
                               server=server, **its)
        except (Failed, OSError, subprocess.SubprocessError) as error:
            self._failed[name] = str(error)
            say(f"{name}: {error}")
        for server, reason in self._failed.items():
            self.write("failed", cell=name, server=server, reason=reason)
        say(f"{name}: {time.monotonic() - started:.0f} s")


def measure_once(plan, cell, name):
    with plan.start(name, cell.both_cpus, transport=cell.scheme) as server:
        return generator.measure(plan.client_cpu, server, *cell.options,
                                 *plan.times(), scheme=cell.scheme)


def cell_work(cell):
    return lambda plan: plan.interleave(
        {name: lambda name=name: measure_once(plan, cell, name)
         for name in cell.servers_for(plan.quick) if name in plan.servers})


def measure_all(plan):
    for cell in cells.CELLS:
        if plan.wants(cell.name, cell.quick):
            plan.run(cell.name, cell_work(cell))
    for name, work in alone.SCENES.items():
        if plan.wants(name, name in alone.QUICK):
            plan.run(name, work)


def _sysctl(name):
    return f"/proc/sys/net/ipv4/{name}"


def congestion_control():
    """Debian's default, if a network namespace may have it, or the one that
    every kernel has.  BBR, for one, paces by timers, and rounds then differ by
    a third."""
    with open(_sysctl("tcp_allowed_congestion_control"),
              encoding="ascii") as file:
        allowed = file.read().split()
    return "cubic" if "cubic" in allowed else "reno"


def inside(arguments):
    """As the first process of the namespaces."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for name, value in (("ip_local_port_range", "10000 65535"),
                        ("tcp_congestion_control", congestion_control())):
        with open(_sysctl(name), "w", encoding="ascii") as file:
            file.write(value)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    measure_all(Plan(arguments.quick, arguments.only))


# --- Outside ---

def _processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def _memory():
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def machine(arguments):
    """Where and when this was measured."""
    system = platform.freedesktop_os_release()
    count, warmup, duration = QUICK if arguments.quick else FULL
    return {"processor": _processor(), "cpus": os.cpu_count(),
            "memory": _memory(), "kernel": platform.release(),
            "congestion_control": congestion_control(),
            "system": f"{system['NAME']} {system.get('VERSION_ID', '')}",
            "date": time.strftime("%Y-%m-%d"), "rounds": count,
            "warmup_ms": warmup, "duration_ms": duration,
            "command": "make bench-quick" if arguments.quick
                       else "make bench"}


def prepare(arguments):
    """Make the servers; write down who and where."""
    shutil.rmtree(os.path.join(PLACE, "log"), ignore_errors=True)
    os.makedirs(os.path.join(PLACE, "log"))
    found, left_out = servers.gather(ECHOD, UNCONFINED, PLACE, say,
                                     lean=arguments.quick)
    with contextlib.suppress(servers.LeftOut):
        servers.provide("valgrind")
    servers.save(found, SERVERS)
    with open(RESULTS, "w", encoding="utf-8") as file:
        print(json.dumps({
            "type": "machine", **machine(arguments),
            "versions": {it.name: it.version for it in found},
            "left_out": left_out}), file=file)


def measure_isolated():
    """Run this again in namespaces; until it ends, or we do."""
    user = () if os.geteuid() == 0 else ("--map-root-user",)
    with subprocess.Popen([*ISOLATED, *user, sys.executable, "-B",
                           os.path.abspath(__file__), INSIDE, *sys.argv[1:]],
                          stdin=subprocess.DEVNULL,
                          start_new_session=True) as it:
        try:
            return it.wait()
        finally:
            it.kill()


def save():
    """Into the source: what the last full run found."""
    for name in ("REPORT.md", *report.plot_names()):
        with contextlib.suppress(FileNotFoundError):
            shutil.copy(os.path.join(PLACE, name), HERE)


def parse_arguments():
    parser = argparse.ArgumentParser(description="echod beside its peers")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", metavar="WORD[,WORD]...")
    parser.add_argument("--save", action="store_true")
    parser.add_argument(INSIDE, action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    if arguments.inside:
        inside(arguments)
        return 0
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    if not rounds.two_cpus():
        say("needs two CPUs, one for each side")
        return SKIPPED
    try:
        prepare(arguments)
        status = measure_isolated()
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except servers.LeftOut as reason:
        say(reason)
        return 1
    if status != 0:
        say(f"ended early ({status}); unshare(1) needs root or user "
            "namespaces")
    print(report.write(RESULTS, PLACE))
    say(f"the report is {os.path.join(PLACE, 'REPORT.md')}")
    if arguments.save and status == 0:
        save()
    return int(status != 0)


if __name__ == "__main__":
    sys.exit(main())

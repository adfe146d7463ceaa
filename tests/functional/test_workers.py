#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""Several workers share the work, whoever opened the sockets; and they stay on
the CPUs that they are given."""

import os
import re
import socket

import client
from daemon import Echod
from echodtest import Skip, case, main, note, until

WORKERS = 4
CONNECTIONS = 1000


def _spread(echod):
    """How many descriptors each worker waits for, the fewest first."""
    counts = []
    for name in os.listdir(f"/proc/{echod.pid}/fdinfo"):
        count = len(re.findall(r"^tfd:", echod.proc(f"fdinfo/{name}"), re.M))
        if count > 0:
            counts.append(count)
    return sorted(counts)[-WORKERS:]  # one more is the main thread's


def _expect_even(echod, before):
    """No worker has less than half of its share."""
    after = until(lambda: (now := _spread(echod)) and
                  sum(now) == sum(before) + CONNECTIONS and now,
                  "all connections are accepted")
    note(f"connections of the workers: {after}")
    assert after[0] - before[0] >= CONNECTIONS / WORKERS / 2, after


def _cpus(echod):
    """The CPUs that each thread may use: those of the main thread, and those
    of the others, sorted."""
    allowed = {}
    for thread in os.listdir(f"/proc/{echod.pid}/task"):
        status = echod.proc(f"task/{thread}/status")
        allowed[int(thread)] = re.search(r"^Cpus_allowed_list:\s+(\S+)$",
                                         status, re.M)[1]
    return allowed.pop(echod.pid), sorted(allowed.values())


def _connect_all(address, ping):
    socks = []
    for _ in range(CONNECTIONS):
        socks.append(client.connect(address))
        if ping:
            client.assert_echo(socks[-1])
    return socks


@case("own sockets: 1,000 connections are spread over 4 workers")
def own_sockets():
    with Echod("-l", "tcp:127.0.0.1:0", f"--workers={WORKERS}") as echod:
        before = _spread(echod)
        socks = _connect_all(echod.address("tcp"), ping=False)
        _expect_even(echod, before)
        del socks


@case("passed listener: 1,000 connections, one after the other, are spread")
def passed_listener():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(4096)
        with Echod(f"--workers={WORKERS}", sockets=[listener]) as echod:
            before = _spread(echod)
            socks = _connect_all(listener.getsockname(), ping=True)
            _expect_even(echod, before)
            del socks


@case("--cpu-affinity=no, and without it: workers run where they may")
def free():
    for options in ((), ("--cpu-affinity=auto", "--cpu-affinity=no")):
        with Echod("-l", "tcp:127.0.0.1:0", "--workers=2", *options) as echod:
            main_thread, others = _cpus(echod)
            assert set(others) == {main_thread}, (main_thread, others)


@case("--cpu-affinity=auto: workers are kept on one CPU each, in turn")
def pinned_to_all():
    cpus = sorted(os.sched_getaffinity(0))
    count = 2 * len(cpus)
    with Echod("-l", "127.0.0.1:0", "--cpu-affinity=auto",
               f"--workers={count}") as echod:
        main_thread, others = _cpus(echod)
        pinned = [it for it in others if it != main_thread]
        if len(cpus) > 1:
            assert pinned == sorted(2 * [str(cpu) for cpu in cpus]), others
        assert set(others) <= {main_thread, *map(str, cpus)}
        for _ in range(count):
            client.assert_echo(client.connect(echod.address("tcp")))


@case("--cpu-affinity=LIST: workers are kept on these CPUs")
def pinned_to_list():
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        raise Skip("needs two CPUs")
    first, last = cpus[0], cpus[-1]
    for text, expected in ((f"{last}", 3 * [last]),
                           (f"{last},{first}", [last, first, last])):
        with Echod("-l", "tcp:127.0.0.1:0", "--workers=3",
                   f"--cpu-affinity={text}") as echod:
            main_thread, others = _cpus(echod)
            pinned = [it for it in others if it != main_thread]
            assert pinned == sorted(map(str, expected)), (text, others)
            client.assert_echo(client.connect(echod.address("tcp")))


@case("--cpu-affinity with a CPU that is not there: 1, a line names it")
def no_such_cpu():
    if os.cpu_count() > 1000:
        raise Skip("all CPUs that can be named may be there")
    with Echod("-l", "tcp:127.0.0.1:0", "--workers=2",
               f"--cpu-affinity={min(os.sched_getaffinity(0))},1023",
               ready=False) as echod:
        assert echod.wait() == 1
        last = echod.log.splitlines()[-1]
        assert re.fullmatch(r"echod: cannot keep worker 2 on CPU 1023: .+ "
                            r"\(.+\)", last), echod.log
        assert "ready" not in echod.log


if __name__ == "__main__":
    main()

#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""A crash costs no client a connection or a byte, at whatever moment.

$ECHOD_KILLS: how many at random moments, chosen by $ECHOD_SEED, under a load of
$ECHOD_CONNECTIONS, and half as many at system calls, as long as there are so
many.
"""

import itertools
import os
import random
import re
import resource
import shutil
import signal
import time

import client
from daemon import sanitized
from echodtest import case, main, note, scratch_directory, Skip, until
from keeper import Keeper, listen_everywhere
from traffic import load, Traffic

KILLS = int(os.environ.get("ECHOD_KILLS", "500"))
SEED = int(os.environ.get("ECHOD_SEED", "0")) or random.randrange(1, 1 << 30)
# As many as the load may have descriptors for.
CONNECTIONS = min(int(os.environ.get("ECHOD_CONNECTIONS", "300")),
                  resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 100)
LIFE_MAX = 0.12  # seconds of a process, from its start
SHORT_LIFE_MAX = 0.015  # this ends before it has recovered, or just after
# Seconds for a system call to happen as often as is asked for; so many times as
# long while the machine is too busy for most.
CALL_WAIT, CALL_PATIENCE = 0.7, 8
LATE = 0.5  # seconds that a busy machine may not run it
AT_ONCE = ("--preserve-after=0",)


@case(f"{KILLS} SIGKILLs at random moments: every stream goes on, identical",
      limit=120 + KILLS)
def kills():
    note(f"ECHOD_SEED={SEED}, {CONNECTIONS} connections")
    moments = random.Random(SEED)
    sockets = listen_everywhere()
    with Keeper("-w", "2", *AT_ONCE, sockets=sockets) as keeper, \
            load(keeper, sockets, CONNECTIONS, visitors=10, seed=SEED,
                 preserve_after=0) as traffic:
        keeper.turn_for(0.5)
        begin, readies = time.monotonic(), keeper.readies
        for _ in range(KILLS):
            # A third of them are two in a row.
            keeper.turn_for(moments.uniform(0, moments.choice(
                (LIFE_MAX, LIFE_MAX, SHORT_LIFE_MAX))))
            traffic.strike()
            keeper.kill(ready=False)
            traffic.struck()
            assert traffic.faults < 1000, "too many faults"
        note(f"{KILLS} kills in {time.monotonic() - begin:.1f} s, "
             f"{KILLS - (keeper.readies - readies)} before READY=1")
        keeper.await_ready()
        keeper.turn_for(0.5)
        traffic.finish(keeper.turn)
        traffic.judge()


@case("SIGKILLs now and then: only younger ones than --preserve-after are "
      "lost", limit=120 + KILLS)
def kills_by_age():
    note(f"ECHOD_SEED={SEED}, {CONNECTIONS} connections")
    moments = random.Random(SEED)
    sockets = listen_everywhere()
    with Keeper(sockets=sockets) as keeper, \
            load(keeper, sockets, CONNECTIONS, visitors=30, seed=SEED,
                 preserve_after=1 + LATE) as traffic:
        keeper.turn_for(1 + LATE)
        for _ in range(max(3, KILLS // 60)):
            keeper.turn_for(moments.uniform(0.2, 1.5))
            traffic.strike()
            keeper.kill(ready=False)
            traffic.struck()
            keeper.await_ready()
        keeper.turn_for(1)
        traffic.finish(keeper.turn)
        traffic.judge()


def _strace():
    strace = shutil.which("strace")
    if not strace:
        raise Skip("strace is not installed")
    if sanitized():
        raise Skip("the daemon is built with a sanitizer")
    # -D: echod, not strace, is the manager's child.
    return (strace, "-D", "-f", "-q")


def _count_calls(keeper, strace, seconds):
    """How often a process makes each system call, which adopts connections
    and then serves them for a while."""
    path = os.path.join(scratch_directory(), "calls")
    keeper.how["wrapper"] = (*strace, "-c", "-o", path)
    keeper.kill()
    keeper.turn_for(seconds)
    keeper.how["wrapper"] = ()
    keeper.kill()

    def summary():
        if not os.path.exists(path):
            return ""
        with open(path, encoding="utf-8") as file:
            return file.read()

    text = until(lambda: "total" in summary() and summary(),
                 "the summary of strace")
    return {name: int(count) for count, name in re.findall(
        r"^ *\d+\.\d+ +\d+\.\d+ +\d+ +(\d+) +(?:\d+ +)?(\w+)$", text, re.M)
            if name not in ("total", "execve")}


def _plan(calls, size, chance):
    """Which call, for which time: each call's first, and some of the later
    ones, the further the fewer."""
    first, later = [], []
    for name, count in sorted(calls.items()):
        first.append((name, 1))
        number = 2
        while number <= count:
            later.append((name, number))
            number += max(1, number // 2)
    chance.shuffle(later)
    plan = first + later[:max(0, size - len(first))]
    chance.shuffle(plan)
    return plan


def _kill_at(keeper, strace, plan, workers=(1,)):
    """Have a process after the other end at its entry of the plan: which call,
    for which time in a thread; returns those that did.  `workers`: how many, in
    turn."""
    wrappers = [(*strace, "-o", "/dev/null", "-e", f"trace={name}", "-e",
                 f"inject={name}:signal=KILL:when={number}")
                for name, number in plan] + [()]
    keeper.how["wrapper"] = wrappers[0]
    keeper.kill(ready=False)
    reached = []
    for tried, (entry, wrapper, count) in enumerate(
            zip(plan, wrappers[1:], itertools.cycle(workers))):
        keeper.how["wrapper"] = wrapper
        keeper.arguments[1] = str(count)
        before = len(keeper.ends)
        deadline = time.monotonic() + CALL_WAIT * (
            CALL_PATIENCE if 3 * len(reached) < 2 * tried else 1)
        while len(keeper.ends) == before and time.monotonic() < deadline:
            keeper.turn(0.05)
        if len(keeper.ends) == before:
            keeper.kill(ready=False)
        else:
            reached.append(entry)
        status = keeper.ends[before].status
        assert status == -signal.SIGKILL, f"{entry}: exit status {status}"
    keeper.await_ready()
    return reached


def _kill_recovery(workers, share):
    note(f"ECHOD_SEED={SEED}")
    strace = _strace()
    sockets = listen_everywhere()
    with Keeper("-w", str(workers[0]), *AT_ONCE, sockets=sockets) as keeper, \
            load(keeper, sockets, 40, seed=SEED, preserve_after=0) as traffic:
        keeper.on_end = traffic.strike
        keeper.turn_for(0.3)
        total = sum(_count_calls(keeper, strace, 0).values())
        step = max(1, total * share // KILLS)
        numbers = range(1 + SEED % step, total + 1, step)
        reached = _kill_at(keeper, strace, [("all", it) for it in numbers],
                           workers)
        note(f"{len(reached)} of {len(numbers)} reached, of {total} calls")
        assert len(reached) > len(numbers) // 2
        keeper.turn_for(0.5)
        traffic.finish(keeper.turn)
        traffic.judge()


@case(f"SIGKILL at every call of a recovery in turn, up to {KILLS // 8} times",
      limit=120 + KILLS)
def every_call_of_recovery():
    _kill_recovery((2,), 8)


@case("the same while connections move to other workers, "
      f"up to {KILLS // 5} times", limit=120 + KILLS)
def every_call_of_move():
    _kill_recovery((4, 1, 3, 2), 5)


@case(f"SIGKILL at every system call in turn, up to {KILLS // 4} times",
      limit=120 + KILLS)
def every_call():
    note(f"ECHOD_SEED={SEED}")
    strace = _strace()
    sockets = listen_everywhere()
    with Keeper("-w", "1", *AT_ONCE, sockets=sockets) as keeper, \
            load(keeper, sockets, 60, visitors=30, seed=SEED,
                 preserve_after=0) as traffic:
        keeper.on_end = traffic.strike
        keeper.turn_for(0.3)
        calls = _count_calls(keeper, strace, 0.7)
        note(calls)
        assert {"recvfrom", "sendto", "sendmsg", "recvmsg",
                "epoll_wait"} <= set(calls), calls
        plan = _plan(calls, KILLS // 4, random.Random(SEED))
        reached = _kill_at(keeper, strace, plan)
        note(f"{len(reached)} of {len(plan)} reached")
        assert len(reached) > len(plan) // 2
        missed = set(calls) - {name for name, _ in reached}
        note(f"never reached: {sorted(missed)}")
        keeper.turn_for(0.5)
        traffic.finish(keeper.turn)
        traffic.judge()


def _wear_out(keeper, address, count):
    """Connections that come and go: they leave dead descriptors."""
    for _ in range(count):
        with client.connect(address) as sock:
            client.assert_echo(sock)
    keeper.turn()


@case("the dead are cleared away while others live on")
def compaction():
    sockets = listen_everywhere()
    address = sockets[0].getsockname()
    with Keeper(*AT_ONCE, sockets=sockets) as keeper:
        socks = [client.connect(address) for _ in range(50)]
        for sock in socks:
            client.assert_echo(sock)
        if keeper.parked() is None:
            raise Skip("this kernel does not tell what is in flight")
        assert keeper.parked() >= len(socks), keeper.parked()
        most = 0
        for _ in range(15):
            _wear_out(keeper, address, 100)
            most = max(most, keeper.parked())
        note(f"at most {most} descriptors parked")
        # As many dead as live, 256 more, and what goes at a time.
        assert 256 <= most <= 2 * 51 + 256 + 253, most
        keeper.kill()
        for sock in socks:
            client.assert_echo(sock)


@case("SIGKILL while the dead are cleared away", limit=120 + KILLS)
def compaction_killed():
    note(f"ECHOD_SEED={SEED}")
    strace = _strace()
    sockets = listen_everywhere()
    address = [it.getsockname()[:2] for it in sockets]
    chance = random.Random(SEED)
    with Keeper("-w", "1", *AT_ONCE, sockets=sockets) as keeper, \
            Traffic(address, {"paced": 40, "busy": 2, "bulk": 1,
                              "passer": 20}, 0, SEED) as traffic:
        keeper.on_ready, keeper.on_end = traffic.back, traffic.strike
        keeper.until(traffic.all_opened, "all are connected")
        plan = [("sendmsg", number) for number in
                chance.sample(range(20, 300), max(10, KILLS // 40))]
        plan += [("recvfrom", number) for number in
                 chance.sample(range(1000, 9000), max(5, KILLS // 80))]
        reached = _kill_at(keeper, strace, plan)
        note(f"{len(reached)} of {len(plan)} reached")
        assert len(reached) > len(plan) // 3
        keeper.turn_for(0.3)
        traffic.finish(keeper.turn)
        traffic.judge()


def _answers(sock):
    """Whether the stream goes on."""
    try:
        client.assert_echo(sock, client.pattern(3000))
        return True
    except ConnectionResetError:
        return False


@case("three faults within 10 s: connections are reset once, the service "
      "stays")
def faults():
    if sanitized():
        raise Skip("the daemon is built with a sanitizer, which has faults")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sockets = listen_everywhere()
    address = sockets[0].getsockname()
    with Keeper(*AT_ONCE, sockets=sockets) as keeper:
        def fault(number=signal.SIGSEGV):
            end = keeper.end(number)
            assert end.status == -number, end
            keeper.await_ready()

        for _ in range(2):
            socks = [client.connect(address) for _ in range(20)]
            for number, goes_on in ((signal.SIGSEGV, True),
                                    (signal.SIGABRT, True),
                                    (signal.SIGBUS, False)):
                for sock in socks:
                    client.assert_echo(sock)
                fault(number)
                assert [_answers(it) for it in socks] == 20 * [goes_on]
            client.assert_echo(client.connect(address))


@case("starts leave nothing behind in the lots")
def starts():
    sockets = listen_everywhere()
    with Keeper("-w", "2", *AT_ONCE, sockets=sockets) as keeper:
        socks = [client.connect(it.getsockname()[:2]) for it in 5 * sockets]
        for sock in socks:
            client.assert_echo(sock)
        before = keeper.queued()
        for _ in range(10):
            keeper.kill()
            keeper.hand_over()
        for sock in socks:
            client.assert_echo(sock)
        assert keeper.queued() <= before, (before, keeper.queued())


@case("SIGKILL is nobody's fault, however often")
def no_fault():
    sockets = listen_everywhere()
    with Keeper(*AT_ONCE, sockets=sockets) as keeper:
        sock = client.connect(sockets[0].getsockname())
        for _ in range(8):
            client.assert_echo(sock)
            keeper.kill()
        client.assert_echo(sock)


if __name__ == "__main__":
    main()

#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""The service manager is told what goes on: sd_notify(3)."""

import ctypes
import os
import signal
import time

import client
from daemon import Echod
from echodtest import case, main, note, Skip
from manager import ServiceManager

LISTEN = ("-l", "127.0.0.1:0")
PTRACE_ATTACH, PTRACE_DETACH = 16, 17
WALL = 0x40000000  # waitpid(2): threads, too


@case("READY=1 comes once, when all is served, with a STATUS=")
def ready():
    manager = ServiceManager()
    with Echod(*LISTEN, environment=manager.environment, ready=False) as echod:
        first = manager.messages[manager.await_field("READY")]
        others = [message for message in manager.messages
                  if not {"FDNAME", "BARRIER"} & set(message)]
        assert others == [first], manager.messages
        assert first["READY"] == "1" and first["STATUS"], first
        echod.await_line(r"^echod: ready\b")
        client.assert_echo(client.connect(echod.address("tcp")))
        client.assert_echo(client.datagrams(echod.address("udp")))
        echod.stop()
        manager.collect_for(0.1)
        assert manager.values("READY") == ["1"]


@case("nothing is told before a start that fails")
def not_ready():
    manager = ServiceManager()
    with Echod(*LISTEN, "-l", "tcp:192.0.2.1:7",
               environment=manager.environment, ready=False) as echod:
        assert echod.wait() == 1
        manager.collect_for(0.1)
        assert not manager.values("READY"), manager.messages


@case("STATUS= at most once a second, and only when something changed")
def status():
    manager = ServiceManager()
    with Echod(*LISTEN, environment=manager.environment) as echod:
        manager.await_field("READY")
        begin, before = time.monotonic(), len(manager.messages)
        while time.monotonic() < begin + 3:
            client.assert_echo(client.connect(echod.address("tcp")))
            client.assert_echo(client.datagrams(echod.address("udp")))
            manager.collect()
        busy = manager.values("STATUS", before)
        note("\n".join(busy))
        assert 1 <= len(busy) <= time.monotonic() - begin + 1, busy
        assert len(set(busy)) == len(busy), "told twice"

        before = len(manager.messages)
        sock = client.connect(echod.address("tcp"))
        manager.await_field("STATUS", before)
        while manager.collect(2.2):
            # The last of before, and the connection.
            told = manager.values("STATUS", before)
            assert len(told) <= 2, told
        client.assert_echo(sock)


@case("SIGHUP: RELOADING=1 with MONOTONIC_USEC=, then READY=1")
def reloading():
    manager = ServiceManager()
    with Echod(*LISTEN, environment=manager.environment) as echod:
        manager.await_field("READY")
        sock = client.connect(echod.address("tcp"))
        client.assert_echo(sock)
        for _ in range(2):
            begin, before = time.monotonic_ns(), len(manager.messages)
            echod.signal(signal.SIGHUP)
            reload = manager.await_field("RELOADING", before)
            moment = int(manager.messages[reload]["MONOTONIC_USEC"])
            assert begin // 1000 <= moment <= time.monotonic_ns() // 1000
            manager.await_field("READY", reload)
            client.assert_echo(sock)


@case("SIGTERM: STOPPING=1, and EXTEND_TIMEOUT_USEC= while it drains")
def stopping():
    manager = ServiceManager()
    with Echod(*LISTEN, "--drain-timeout=2s",
               environment=manager.environment) as echod:
        manager.await_field("READY")
        client.fill(client.connect(echod.address("tcp")))
        before = len(manager.messages)
        echod.signal(signal.SIGTERM)
        stop = manager.await_field("STOPPING", before)
        extend = manager.await_field("EXTEND_TIMEOUT_USEC", before)
        note(manager.messages[stop:])
        # Long enough to drain, and no longer than is meant.
        usec = int(manager.messages[extend]["EXTEND_TIMEOUT_USEC"])
        assert 2000000 <= usec <= 60000000, usec
        assert echod.wait() == 0
        manager.collect_for(0.1)
        assert len(manager.values("STOPPING")) == 1


@case("WATCHDOG=1 comes again and again when asked for, and else never")
def watchdog():
    manager = ServiceManager()
    environment = {**manager.environment, "WATCHDOG_USEC": "200000"}
    with Echod(*LISTEN, environment=environment):
        index = -1
        for _ in range(5):
            index = manager.await_field("WATCHDOG", index + 1)
            assert manager.messages[index]["WATCHDOG"] == "1"
    manager = ServiceManager()
    with Echod(*LISTEN, environment=manager.environment):
        manager.await_field("READY")
        manager.collect_for(0.5)
        assert not manager.values("WATCHDOG")


@case("WATCHDOG=1 stops when one worker hangs, and comes back with it")
def watchdog_hung_worker():
    manager = ServiceManager()
    environment = {**manager.environment, "WATCHDOG_USEC": "300000"}
    with Echod(*LISTEN, "-w", "2", environment=environment,
               ready=False) as echod:
        manager.await_field("WATCHDOG")
        echod.await_line(r"^echod: ready\b")
        worker = _busy_worker(echod)
        with _Hung(worker):
            manager.collect_for(1)  # what was under way when it stopped
            before = len(manager.messages)
            manager.collect_for(1)
            assert not manager.values("WATCHDOG", before)
        manager.await_field("WATCHDOG", len(manager.messages))
        client.assert_echo(client.connect(echod.address("tcp")))


def _busy_worker(echod):
    """The thread that serves: the one, other than the main thread, that most
    often gave up the processor."""
    for _ in range(200):
        client.assert_echo(client.connect(echod.address("tcp")))

    def switches(thread):
        path = f"/proc/{echod.pid}/task/{thread}/status"
        with open(path, encoding="utf-8") as file:
            return max(int(line.split()[1]) for line in file
                       if line.startswith("voluntary_ctxt_switches"))

    return max((thread for thread in echod.threads() if thread != echod.pid),
               key=switches)


class _Hung:
    """One thread stopped by a debugger, the others running."""

    def __init__(self, thread):
        self._thread = thread
        self._ptrace = ctypes.CDLL(None, use_errno=True).ptrace
        self._ptrace.argtypes = [ctypes.c_long] * 4

    def __enter__(self):
        if self._ptrace(PTRACE_ATTACH, self._thread, 0, 0) != 0:
            raise Skip(f"ptrace: {os.strerror(ctypes.get_errno())}")
        os.waitpid(self._thread, WALL)

    def __exit__(self, *_):
        self._ptrace(PTRACE_DETACH, self._thread, 0, 0)


if __name__ == "__main__":
    main(side_by_side=4)

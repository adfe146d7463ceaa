# SPDX-License-Identifier: MIT
"""What needs a scene of its own: growth, memory, starting, instructions.

Each function returns rounds like those of the cells: a list of dicts, from a
name to its figures.
"""

import contextlib
import mmap
import os
import re
import socket
import struct
import time

import generator
from process import Failed, Running
from servers import PORT, UNCONFINED

GROWTH = (10, 100, 1000, 10000)
GROWTH_BUSY = 10
IDLE_CONNECTIONS = 15000
FIRST_PORT = 7001
ECHO_LIMIT = 10.0  # seconds
INSTRUCTION_MS = (500, 3000)
COLLECTED = re.compile(r"Collected : (\d+)")


def growth(plan):
    """10 busy connections beside more and more idle ones."""
    load = (f"--connections={GROWTH_BUSY}", "--size=64", *plan.times())
    with contextlib.ExitStack() as stack:
        measures = {}
        for port, count in enumerate(GROWTH, FIRST_PORT):
            server = stack.enter_context(
                plan.start("echod", port=port))
            if count > GROWTH_BUSY:
                stack.enter_context(generator.Holding(
                    plan.client_cpu, count - GROWTH_BUSY, port=port))
            measures[f"{count:,}"] = lambda server=server, port=port: (
                generator.measure(plan.client_cpu, server, *load, port=port))
        return plan.interleave(measures)


def _idle_memory(plan, name):
    with plan.start(name) as server:
        before = server.memory()
        with generator.Holding(plan.client_cpu, IDLE_CONNECTIONS):
            after = server.memory()
    return {"each": (after["Anonymous:"] - before["Anonymous:"]) /
                    IDLE_CONNECTIONS,
            "rss": after["Rss:"]}


def idle(plan):
    """What 15,000 connections that say nothing cost the process."""
    return plan.interleave(
        {name: lambda name=name: _idle_memory(plan, name)
         for name in ("echod", "libuv", "libevent", "asio", "uring", "go")
         if name in plan.servers}, count=1)


# --- Start to first echo ---

def _execute(plan, name, started, listener=None):
    """In the child: what a service manager does between fork and exec."""
    try:
        command = [word.replace("{port}", str(PORT))
                   for word in plan.servers[name].command]
        environment = dict(os.environ)
        os.sched_setaffinity(0, {int(plan.server_cpu)})
        os.setsid()
        log = os.open(plan.log(name),
                      os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(log, 1)
        os.dup2(log, 2)
        if listener is not None:
            command = command[:1]
            environment.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
            if listener.fileno() == 3:
                os.set_inheritable(3, True)
            else:
                os.dup2(listener.fileno(), 3)
        started[:8] = struct.pack("=Q", time.monotonic_ns())
        os.execvpe(command[0], command, environment)
    finally:
        os._exit(126)


def _connect(deadline):
    while True:
        try:
            return socket.create_connection(("127.0.0.1", PORT), ECHO_LIMIT)
        except ConnectionRefusedError as error:
            if time.monotonic() > deadline:
                raise Failed("it does not listen") from error


def _first_echo(client):
    client.settimeout(ECHO_LIMIT)
    client.sendall(b"?")
    if client.recv(1) != b"?":
        raise Failed("no echo")
    return time.monotonic_ns()


def _start(plan, name, activated):
    """Time from exec to the first echo.  Activated, it gets a socket on which
    a client waits already; else it opens its own."""
    started = mmap.mmap(-1, mmap.PAGESIZE)
    with contextlib.ExitStack() as stack:
        listener = client = None
        if activated:
            listener = stack.enter_context(
                socket.create_server(("127.0.0.1", PORT), backlog=128))
            client = stack.enter_context(_connect(0))
        pid = os.fork()
        if pid == 0:
            _execute(plan, name, started, listener)
        try:
            client = client or stack.enter_context(
                _connect(time.monotonic() + ECHO_LIMIT))
            echoed = _first_echo(client)
        except OSError as error:
            raise Failed(str(error)) from error
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, 9)
            os.waitpid(pid, 0)
    return {"start": echoed - struct.unpack("=Q", started[:8])[0]}


def activation(plan):
    """echod with a passed socket, beside xinetd, which takes none."""
    measures = {"echod": lambda: _start(plan, "echod", True)}
    if "xinetd" in plan.servers:
        measures["xinetd"] = lambda: _start(plan, "xinetd", False)
    return plan.interleave(measures, count=plan.count * 3)


# --- Instructions ---

def _instructions(plan, scheme, load, milliseconds):
    """Instructions of a run, and the messages in it."""
    log = plan.log("callgrind")
    file = f"{log}.out"
    with plan.start(UNCONFINED, transport=scheme, wrapper=(
            "valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
            f"--log-file={file}")) as server:
        summary = generator.summarize(
            plan.client_cpu, *load, "--warmup=0",
            f"--duration={milliseconds}ms", scheme=scheme)
        server.terminate()
    with open(file, encoding="utf-8") as lines:
        found = COLLECTED.search(lines.read())
    if not found:
        raise Failed(f"callgrind counted nothing (see {file})")
    return int(found[1]), summary["received"]


def instructions(plan):
    """User-space instructions per message: what a longer run has more."""
    def per_message(scheme, load):
        (some, few), (more, many) = (
            _instructions(plan, scheme, load, milliseconds)
            for milliseconds in INSTRUCTION_MS)
        if many <= few:
            raise Failed("the longer run echoed no more than the shorter")
        return {"instructions": (more - some) / (many - few)}

    return plan.interleave(
        {"TCP": lambda: per_message(
            "tcp", ("--connections=50", "--size=64")),
         "UDP": lambda: per_message(
             "udp", ("--connections=4", "--size=64", "--pipeline=32")),
         }, count=1)


SCENES = {"growth": growth, "idle": idle, "activation": activation,
          "instructions": instructions}
QUICK = ("activation", "instructions")

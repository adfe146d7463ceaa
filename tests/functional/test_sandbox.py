#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""What the daemon can still do once it serves: few system calls, no files."""

import os
import re
import resource
import shutil
import signal
import socket

import client
from daemon import BINARY, Echod, sandboxed
from echodtest import case, main, note, scratch_directory, Skip, until
from keeper import Keeper, listen_everywhere, streams

CALLS_MAX = 26
SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                      "../../src/echod/sandbox_calls.c")

# Allowed, but not always made here: the clock is read without a call where the
# kernel offers that (vdso(7)); the heap seldom has to grow or shrink.
UNSEEN = {"clock_gettime", "brk"}

# Names by which strace knows those that the source has a macro for.
MACROS = {"EPOLL_WAIT": {"epoll_wait", "epoll_pwait"},
          "POLL": {"poll", "ppoll"}, "UNLINK": {"unlink", "unlinkat"}}


def _expect_sandbox():
    if not sandboxed():
        raise Skip("the daemon is built without its sandbox")


def _expect_seccomp():
    """What it is built with is not asked of it: it might not use it."""
    with open(os.path.join(os.path.dirname(os.path.abspath(BINARY)),
                           "config.h"), encoding="utf-8") as file:
        if "#define SECCOMP_IS_THERE 1\n" not in file.read():
            raise Skip("the daemon is built without libseccomp, or only logs")


def _strace():
    _expect_sandbox()
    _expect_seccomp()
    strace = shutil.which("strace")
    if not strace:
        raise Skip("strace is not installed")
    return strace


def _field(echod, name):
    """What all threads say of it."""
    return {re.search(rf"^{name}:\s*(\S+)$", echod.proc(
        f"task/{thread}/status"), re.M)[1] for thread in echod.threads()}


def _source():
    """The calls that the source allows, and those that it answers itself."""
    with open(SOURCE, encoding="utf-8") as file:
        text = re.sub(r"^#.*\n", "", file.read(), flags=re.M)
    text, _, rest = text.partition("} answers[]")
    answered, _, rest = rest.partition("};")
    found = r"\bSCMP_SYS\((\w+)\)|number = (EPOLL_WAIT|POLL|UNLINK)\b"
    allowed = {a or b for a, b in re.findall(found, text + rest)}
    return allowed, set(re.findall(r"SCMP_SYS\((\w+)\)", answered))


@case("each thread: no new privileges, a filter of system calls")
def threads():
    _expect_sandbox()
    with Echod("-l", "tcp:127.0.0.1:0", "-w", "3") as echod:
        assert len(echod.threads()) == 5
        assert _field(echod, "NoNewPrivs") == {"1"}
        _expect_seccomp()
        assert _field(echod, "Seccomp") == {"2"}
        # Others, of a container say, may be there too.
        assert all(int(it) >= 1 for it in _field(echod, "Seccomp_filters"))


@case("nobody but root can look into it")
def not_dumpable():
    _expect_sandbox()
    if os.geteuid() == 0:
        raise Skip("this is root")
    with Echod("-l", "tcp:127.0.0.1:0") as echod:
        assert os.listdir(f"/proc/{echod.pid}/fd")
    with Echod("-l", "tcp:127.0.0.1:0", dumpable=False) as echod:
        client.assert_echo(client.connect(echod.address("tcp")))
        try:
            os.listdir(f"/proc/{echod.pid}/fd")
            raise AssertionError("anybody can")
        except PermissionError:
            pass


@case("it does not start out of its sandbox: 1, and one line says why")
def fatal():
    wrapper = (_strace(), "-D", "-f", "-o", "/dev/null", "-e",
               "trace=seccomp", "-e", "inject=seccomp:error=EINVAL")
    with Echod("-l", "tcp:127.0.0.1:0", wrapper=wrapper,
               ready=False) as echod:
        assert echod.wait() == 1
        last = echod.log.splitlines()[-1]
        assert re.fullmatch(r"echod: cannot limit system calls: .+ \(.+\)",
                            last), echod.log
        assert "ready" not in echod.log


@case("without Landlock it serves all the same, and says so when asked")
def without_landlock():
    wrapper = (_strace(), "-D", "-f", "-o", "/dev/null", "-e",
               "trace=landlock_create_ruleset", "-e",
               "inject=landlock_create_ruleset:error=ENOSYS")
    with Echod("-l", "tcp:127.0.0.1:0", "--log-level=debug",
               wrapper=wrapper) as echod:
        client.assert_echo(client.connect(echod.address("tcp")))
        assert "sandbox: Landlock ABI 0" in echod.log, echod.log


def _calls_of(paths):
    """The calls that processes made after they had entered the sandbox."""
    calls = set()
    for path in paths:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = iter(file.read().splitlines())
        for line in lines:
            if re.search(r"\bseccomp\(SECCOMP_SET_MODE_FILTER,.*\{len=",
                         line):
                break
        calls |= {found[1] for line in lines if (found := re.match(
            r"^\d+ +(\w+)\(", line))}
    return calls


def _serve_all(trace):
    """Whatever a peer may do, and an operator."""
    path = os.path.join(scratch_directory(), "socket")
    with Echod("-l", "tcp:127.0.0.1:0", "-l", "udp:127.0.0.1:0", "-l",
               f"unix-seqpacket:{path}", "-l", f"unix-dgram:{path}2", "-w",
               "2", "--max-connections=3", wrapper=trace()) as echod:
        slow = client.connect(echod.address("tcp"))
        client.fill(slow)
        slow.close()
        # One more than may be there: it has to wait.
        socks = [client.connect(echod.address("tcp")) for _ in range(4)]
        for sock in socks[:3]:
            client.assert_echo(sock)
        echod.await_line("^echod: .*accept_limited")
        client.assert_echo(client.datagrams(echod.address("udp")))
        socks.clear()
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
            sock.connect(path)
            client.assert_echo(sock)
        for number in (signal.SIGHUP, signal.SIGUSR1):
            echod.signal(number)
        echod.await_line(r"^echod: counters:")
        echod.pause()
        echod.resume()
        echod.counters()


def _succeed_all(trace):
    """Connections that are parked, end, are reset, and handed over."""
    sockets = listen_everywhere()
    with Keeper("-w", "2", "--preserve-after=0", "--idle-timeout=1s",
                sockets=sockets, wrapper=trace()) as keeper:
        for sock in streams(sockets, 6):
            sock.close()
        held = client.connect(sockets[0].getsockname())
        client.fill(held)
        keeper.turn_for(1.5)
        keeper.how["wrapper"] = trace()
        keeper.hand_over()
        for sock in streams(sockets, 2):
            client.assert_echo(sock)
        keeper.how["wrapper"] = trace()
        keeper.kill()


def _fault(trace):
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with Echod("-l", "tcp:127.0.0.1:0", wrapper=trace()) as echod:
        echod.signal(signal.SIGABRT)
        assert echod.wait() == -signal.SIGABRT


@case(f"at most {CALLS_MAX} system calls, each of which is needed")
def list_of_calls():
    strace = _strace()
    allowed, answered = _source()
    note(f"{len(allowed)} allowed, {len(answered)} answered")
    assert len(allowed) <= CALLS_MAX, sorted(allowed)
    directory = scratch_directory()
    paths = []

    def trace():
        paths.append(os.path.join(directory, str(len(paths))))
        # -D: echod, not strace, is the manager's child.
        return strace, "-D", "-f", "-q", "-o", paths[-1]

    for scenario in (_serve_all, _succeed_all, _fault):
        scenario(trace)
    until(lambda: all("+++" in open(it, encoding="utf-8", errors="replace")
                      .read()[-4000:] for it in paths), "strace has ended")
    calls = _calls_of(paths)
    names = {name for it in allowed for name in MACROS.get(it, {it})}
    note(f"made: {sorted(calls)}")
    assert calls <= names | answered, sorted(calls - names - answered)
    unseen = {it for it in allowed if not MACROS.get(it, {it}) & calls}
    assert unseen <= UNSEEN, sorted(unseen - UNSEEN)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: MIT
"""Cases about real echod processes, reported in the Test Anything Protocol.

A test file registers functions with @case and ends with main().  Each case has
a process of its own, as an ordinary user even when root starts the tests, so
that nothing it does (limits, namespaces, descriptors) outlives it.
"""

import os
import shutil
import signal
import sys
import tempfile
import time
import traceback

import daemon

CASE_LIMIT = 120  # seconds: ends a hung case
SKIPPED = 77

_cases = []
_scratch = []


class Skip(Exception):
    """The machine does not offer what the case needs."""


def case(name, keep_root=False):
    """Register a case; keep_root: its process stays root if it is (to make
    namespaces), while its daemons run as an ordinary user all the same."""
    def register(function):
        _cases.append((name, function, keep_root))
        return function
    return register


def note(text):
    """Say something in the test's log."""
    for line in str(text).splitlines():
        print("#", line)


def until(condition, what):
    """Await a condition that nothing announces; returns its value."""
    deadline = time.monotonic() + daemon.LIMIT
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain: {what}")
        time.sleep(0.005)
    return value


def scratch_directory():
    """A new directory that the daemon may write to, whoever it is."""
    path = tempfile.mkdtemp(prefix="echod-test-", dir="/tmp")
    os.chmod(path, 0o777)
    _scratch.append(path)
    return path


def _without_repetition(log):
    """The lines of a log, but of the counters only the last."""
    lines = log.splitlines()
    counters = [line for line in lines if daemon.COUNTERS.match(line)]
    return [line for line in lines
            if line not in counters or line is counters[-1]]


def _expire(_number, _frame):
    raise AssertionError(f"the case took more than {CASE_LIMIT} s")


def _case_process(function, keep_root, reason):
    """Run one case; returns the exit status that tells its outcome."""
    signal.signal(signal.SIGALRM, _expire)
    signal.alarm(CASE_LIMIT)
    try:
        if not keep_root and not daemon.KEEP_USER:
            daemon.become_ordinary()
        function()
        return 0
    except Skip as skip:
        os.write(reason, str(skip).encode())
        return SKIPPED
    except BaseException:
        note(traceback.format_exc())
        for echod in daemon.started:
            echod.read_log()
            note(f"what process {echod.pid} ({' '.join(echod.arguments)}; "
                 f"exit status {echod.status}) wrote:")
            note("\n".join("  " + line for line in
                           _without_repetition(echod.log)[-40:]))
        return 1
    finally:
        for echod in daemon.started:
            echod.kill()
        for path in _scratch:
            shutil.rmtree(path, ignore_errors=True)
        sys.stdout.flush()


def _run_case(function, keep_root):
    """Fork the case; whatever it leaves behind ends with its process group."""
    read_end, write_end = os.pipe()
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        os._exit(_case_process(function, keep_root, write_end))
    os.close(write_end)
    try:
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    finally:
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    with open(read_end, encoding="utf-8") as pipe:
        return status, pipe.read()


def main():
    """Run all cases, or those whose names contain one of the arguments."""
    words = sys.argv[1:]
    cases = [it for it in _cases
             if not words or any(word in it[0] for word in words)]
    failures = 0
    print(f"1..{len(cases)}")
    for number, (name, function, keep_root) in enumerate(cases, 1):
        status, reason = _run_case(function, keep_root)
        failures += status not in (0, SKIPPED)
        print("ok" if status in (0, SKIPPED) else "not ok", number, "-",
              name + (f" # SKIP {reason}" if status == SKIPPED else ""),
              flush=True)
    sys.exit(failures > 0)

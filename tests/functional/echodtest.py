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


def case(name, keep_root=False, limit=CASE_LIMIT):
    """Register a case; keep_root: its process stays root if it is (to make
    namespaces), while its daemons run as an ordinary user all the same; limit:
    seconds that end it if it hangs."""
    def register(function):
        _cases.append((name, function, keep_root, limit))
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
    raise AssertionError("the case took longer than its limit")


def _case_process(function, keep_root, limit, reason):
    """Run one case; returns the exit status that tells its outcome."""
    signal.signal(signal.SIGALRM, _expire)
    signal.alarm(limit)
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


class _Run:
    """A case in a process of its own, what it prints kept until it is its
    turn; whatever it leaves behind ends with its process group."""

    def __init__(self, function, keep_root, limit):
        self.output = tempfile.TemporaryFile()
        self.reason, reason = os.pipe()
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os.setpgid(0, 0)
            os.dup2(self.output.fileno(), 1)
            os.dup2(self.output.fileno(), 2)
            os._exit(_case_process(function, keep_root, limit, reason))
        os.close(reason)

    def end(self, status):
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.status = os.waitstatus_to_exitcode(status)

    def tell(self, number, name):
        """Print what it printed, and the line of TAP; whether it passed."""
        self.output.seek(0)
        sys.stdout.write(self.output.read().decode(errors="replace"))
        with open(self.reason, encoding="utf-8") as pipe:
            reason = pipe.read()
        if self.status == SKIPPED:
            name += f" # SKIP {reason}"
        passed = self.status in (0, SKIPPED)
        print("ok" if passed else "not ok", number, "-", name, flush=True)
        return passed


def _run_all(cases, side_by_side):
    """Run them, so many at a time; yields the runs, in the order of cases."""
    runs, running = [], {}
    for index in range(len(cases)):
        while not (index < len(runs) and hasattr(runs[index], "status")):
            while len(running) < side_by_side and len(runs) < len(cases):
                runs.append(_Run(*cases[len(runs)][1:]))
                running[runs[-1].pid] = runs[-1]
            pid, status = os.wait()
            running.pop(pid).end(status)
        yield runs[index]


def main(side_by_side=1):
    """Run all cases, or those whose names contain one of the arguments.

    side_by_side: so many at a time, for cases that wait most of their time and
    compare no speeds."""
    words = sys.argv[1:]
    cases = [it for it in _cases
             if not words or any(word in it[0] for word in words)]
    failures = 0
    print(f"1..{len(cases)}")
    for number, run in enumerate(_run_all(cases, side_by_side), 1):
        failures += not run.tell(number, cases[number - 1][0])
    sys.exit(failures > 0)

# SPDX-License-Identifier: MIT
"""A copy of the tree in which a mistake is built, and the tests that may
notice it are run.

Each test is a session of its own, so that all it started can be ended: a
mistake may hang, spin, or take all memory.
"""

import json
import os
import re
import resource
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time

COPIED = ("Makefile.am", "Makefile.in", "aclocal.m4", "build-aux",
          "completions", "config.h.in", "configure", "configure.ac", "m4",
          "man", "src", "systemd", "tests")

# What of the functional tests may notice a mistake in files that begin so; the
# first that fits.  The others are asked for no mutant, nor are the slow ones of
# other modules' unit tests: to leave a test out can only let more survive.
FUNCTIONAL = (
    ("limiter record_limiter", "limiter record"),
    ("screen fence foreigners guard", "screen screen_loop"),
    ("quota room held watch connection_watch", "sources limits stream"),
    ("sandbox", "sandbox"),
    ("datagram offload packet_info", "datagram datagram_train addresses"),
    ("parking lot position succession record drain", "store record restart"),
    ("intake socket", "activation unix addresses"),
    ("affinity crew worker", "workers limits stream"),
    ("log report stats", "log signals"),
    ("options descriptors privilege main", "options signals"),
    ("server service watchdog", "notify signals"),
    ("", "stream limits signals"),
)
SLOW = 4  # seconds

MEMORY_MAX = 4 << 30


class Expired(Exception):
    """The time of this piece of work is over."""


def _in_session(leader):
    """The processes of a session."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8",
                      errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader and fields[0] != "Z":
            found.append(int(name))
    return found


def _end_session(leader):
    while pids := _in_session(leader):
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.01)


def _ask_to_end(process):
    """So that make removes what is not whole."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        pass


def _await_failure(process, expires):
    """Read what it says until a case fails, it ends, or it is too late:
    whether one failed, and how."""
    poll = select.poll()
    poll.register(process.stdout, select.POLLIN)
    rest = b""
    while (left := expires - time.monotonic()) > 0:
        if not poll.poll(1000 * left):
            break
        piece = os.read(process.stdout.fileno(), 65536)
        if not piece:
            break
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line.startswith((b"not ok", b"Bail out!")):
                return True, line.decode(errors="replace")[:200]
    return False, None


def _limit():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class Seconds(dict):
    """How long each test takes, kept in a file."""

    def __init__(self, path):
        super().__init__()
        self.path, self.lock = path, threading.Lock()
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                self.update(json.load(file))

    def note(self, test, seconds):
        with self.lock:
            self[test] = seconds
            with open(self.path, "w", encoding="utf-8") as file:
                json.dump(self, file, indent=1)


def words_in_common(stem, test):
    """How many words of a module's name a test's begins with: of lot_look,
    check_lot has one."""
    name = re.sub(r"^(check|fuzz)_", "", os.path.basename(test)).split("_")
    count = 0
    for ours, theirs in zip(stem.split("_"), name):
        if ours != theirs:
            break
        count += 1
    return count


class Bench:
    """One copy; `deadline` (time.monotonic()) ends what takes longer."""

    def __init__(self, source, path, tests, deadline):
        self.source, self.deadline = source, deadline
        self.tree = os.path.join(path, "tree")
        self.build = os.path.join(path, "build")
        self.mark, self.state = os.path.join(path, "prepared"), None
        self.unit = [test for test in tests if not test.endswith(".py")]
        asked = {f"tests/functional/test_{name}.py"
                 for _, names in FUNCTIONAL for name in names.split()}
        self.functional = [test for test in tests if test in asked]
        self.symbols, self.defined = {}, {}
        self.environment = dict(
            os.environ, srcdir=self.tree, top_srcdir=self.tree,
            top_builddir=self.build,
            ECHOD=os.path.join(self.build, "echod"), ECHOPING="",
            PYTHONDONTWRITEBYTECODE="1", CK_TIMEOUT_MULTIPLIER="2")

    # --- Building ---

    def _left(self):
        left = self.deadline - time.monotonic()
        if left < 1:
            raise Expired
        return left

    def _command(self, *command):
        """None if it succeeded, or what it says."""
        left = self._left()
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(
                command, cwd=self.build, stdin=subprocess.DEVNULL,
                stdout=output, stderr=output, start_new_session=True)
            try:
                if process.wait(left) == 0:
                    return None
            except subprocess.TimeoutExpired:
                _ask_to_end(process)
                raise Expired from None
            finally:
                _end_session(process.pid)
                process.wait()
            output.seek(0)
            return output.read().decode(errors="replace")

    def make(self, *targets):
        """Whether it could be built."""
        return self._command("make", "-s", *targets) is None

    def _copy(self, name):
        """With its time, so that make sees what is new."""
        here = os.path.join(self.source, name)
        there = os.path.join(self.tree, name)
        if os.path.isdir(here):
            os.makedirs(there, exist_ok=True)
            for inner in os.listdir(here):
                if inner != "__pycache__":
                    self._copy(os.path.join(name, inner))
            return
        if os.path.exists(there):
            with open(here, "rb") as old, open(there, "rb") as new:
                if old.read() == new.read():
                    return
            shutil.copyfile(here, there)  # new to make
            return
        shutil.copy2(here, there)

    def _state(self):
        """Of the source: it changes when a file does."""
        found = []
        for name in COPIED:
            here = os.path.join(self.source, name)
            files = [here] if not os.path.isdir(here) else [
                os.path.join(folder, file)
                for folder, _, files in os.walk(here) for file in files
                if not file.endswith(".pyc")]
            for file in filter(os.path.exists, files):
                status = os.stat(file)
                found.append((file, status.st_mtime_ns, status.st_size))
        return repr(sorted(found))

    def prepare(self):
        """Bring it up to date, and build all, unless it was left like that."""
        state, left = self._state(), None
        if os.path.exists(self.mark):
            with open(self.mark, encoding="utf-8") as file:
                left = file.read()
            os.unlink(self.mark)
        if state != left:
            self._bring_up_to_date()
        self.state = state

    def leave(self):
        """Nothing of a mistake is left: next time it is prepared."""
        if self.state:
            with open(self.mark, "w", encoding="utf-8") as file:
                file.write(self.state)

    def _bring_up_to_date(self):
        for name in COPIED:
            if os.path.exists(os.path.join(self.source, name)):
                os.makedirs(self.tree, exist_ok=True)
                self._copy(name)
        os.makedirs(self.build, exist_ok=True)
        if not os.path.exists(os.path.join(self.build, "Makefile")):
            failed = self._command(
                os.path.join(self.tree, "configure"), "-q", "CC=gcc",
                "CFLAGS=-O2 -g0", "--disable-echoping")
            if failed is not None:
                raise SystemExit(f"mutate: configure failed: {failed}")
        failed = self._command("make", "-s", f"-j{os.cpu_count()}", "echod",
                               "tests/functional/dumpable.so", *self.unit)
        if failed is not None:
            raise SystemExit("mutate: what is to be changed does not build: "
                             f"{failed}")

    # --- Which tests ---

    def _names(self, path):
        """Global functions and data that it defines."""
        text = subprocess.run(
            ["nm", "-g", "--defined-only", os.path.join(self.build, path)],
            stdout=subprocess.PIPE, check=True, text=True).stdout
        return {line.split()[-1] for line in text.splitlines()
                if re.search(r" [TDBRV] \w+$", line)} - {"main"}

    def links(self, test, unit):
        """Whether the test contains this object."""
        if test not in self.symbols:
            self.symbols[test] = self._names(test)
        if unit not in self.defined:
            self.defined[unit] = self._names(unit)
        return bool(self.defined[unit]) and (
            self.defined[unit] <= self.symbols[test])

    def tests_for(self, name, seconds):
        """Those that may notice a mistake in this file, in the order in which
        to ask: unit tests, those of the module first, and functional ones."""
        stem = os.path.basename(name)[:-len(".c")]
        unit = [test for test in self.unit
                if (seconds[test] < SLOW or words_in_common(stem, test)) and
                self.links(test, name[:-len("c")] + "o")]
        unit.sort(key=lambda test: (-words_in_common(stem, test),
                                    seconds[test]))
        names = next(tests for stems, tests in FUNCTIONAL if not stems or
                     any(stem.startswith(it) for it in stems.split()))
        wanted = [f"tests/functional/test_{it}.py" for it in names.split()]
        return unit, [test for test in wanted if test in self.functional]

    # --- Running ---

    def run(self, test, limit):
        """None if it passed, or what failed first."""
        self._left()
        command = [os.path.join(self.build, test)]
        if test.endswith(".py"):
            command = [os.environ.get("PYTHON", "python3"), "-B",
                       os.path.join(self.tree, test)]
        expires = min(time.monotonic() + limit, self.deadline)
        process = subprocess.Popen(
            command, cwd=self.build, env=self.environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True,
            preexec_fn=_limit)
        try:
            failed, text = _await_failure(process, expires)
            late = time.monotonic() >= expires
            status = None if failed or late else process.wait(self._left())
        except subprocess.TimeoutExpired:
            raise Expired from None
        finally:
            _end_session(process.pid)
            process.stdout.close()
            process.wait()
        if failed:
            return text
        if late and expires == self.deadline:
            raise Expired
        return ("took too long" if late else
                f"exit status {status}" if status != 0 else None)

    def measure(self, test, seconds):
        """Note how long it takes: with a mistake it may take so much longer.
        It has to pass."""
        begin = time.monotonic()
        failed = self.run(test, 600)
        if failed:
            raise SystemExit(f"mutate: {test} fails without any mistake: "
                             f"{failed}")
        seconds.note(test, time.monotonic() - begin)

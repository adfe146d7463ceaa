# SPDX-License-Identifier: MIT
"""A running echod: started as a service manager would, as an ordinary user,
watched from outside, and ended whatever happens.

$ECHOD names the program (default: ../../build/echod).  ECHOD_TEST_KEEP_USER=1
leaves root root, for builds that must write files at exit (coverage).
"""

import ctypes
import fcntl
import os
import re
import resource
import select
import signal
import sys
import time
import traceback

LIMIT = 30.0  # seconds: ends a hung wait; nothing is measured against it
NOBODY = 65534
KEEP_USER = os.environ.get("ECHOD_TEST_KEEP_USER") == "1"
BINARY = os.environ.get("ECHOD") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "../../build/echod")

# What a service manager sets: never inherited from whoever runs the tests.
MANAGER_VARIABLES = ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES",
                     "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID",
                     "JOURNAL_STREAM")

# The line that answers SIGUSR1.
COUNTERS = re.compile(r"^echod: .*connections_accepted\b", re.M)

PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_LAST = 24, 1, 40


def open_binary(path):
    """Open it while we may: an ordinary user perhaps cannot reach it, nor, if
    root's umask is strict, execute it."""
    binary = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    status = os.fstat(binary)
    if status.st_mode & 0o005 != 0o005:
        copy = os.memfd_create(os.path.basename(path))
        os.sendfile(copy, binary, 0, status.st_size)
        return copy
    return binary


_binary = open_binary(BINARY)
started = []

# With it the daemon can be looked into by an ordinary user: see dumpable.c.
# There is none of a build without the sandbox.
_DUMPABLE = os.path.join(os.path.dirname(os.path.abspath(BINARY)),
                         "tests/functional/dumpable.so")
_dumpable = open_binary(_DUMPABLE) if os.path.exists(_DUMPABLE) else None


def sandboxed():
    """Whether the daemon is built with its sandbox, of which this is a
    part."""
    return _dumpable is not None


def readable(*files, timeout=0.0):
    """Those of the files that have something to read, or their end; unlike
    select(), for any number of them."""
    poll = select.poll()
    by_number = {}
    for file in files:
        poll.register(file, select.POLLIN)
        by_number[file if isinstance(file, int) else file.fileno()] = file
    return [by_number[fd] for fd, _ in poll.poll(timeout * 1000)]


def is_sanitized(binary):
    """Whether an open program is instrumented."""
    content = os.pread(binary, os.fstat(binary).st_size, 0)
    return b"__asan_init" in content or b"__tsan_init" in content


def sanitized():
    """Whether the daemon is: its memory and calls say nothing."""
    return is_sanitized(_binary)


def become_ordinary():
    """Give root up for good.  Where there is no other user to become (a user
    namespace), or it is to be kept, at least all its privileges go."""
    if os.geteuid() != 0:
        return
    try:
        if KEEP_USER:
            raise PermissionError
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    except OSError:
        prctl = ctypes.CDLL(None).prctl
        for capability in range(CAP_LAST + 1):
            if capability != CAP_DAC_OVERRIDE:
                prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


class Ended(AssertionError):
    """It is not there to be stopped."""


class Echod:
    """One echod process; leaving the `with` block ends it, and expects that it
    ends well."""

    def __init__(self, *arguments, sockets=(), names=None, environment=None,
                 descriptors_max=None, keep_root=False, wrapper=(),
                 ready=True, dumpable=True, preload=None, program=None):
        self.status = None
        self.log = ""
        self.arguments = ["echod", *arguments]
        self._sockets = [s if isinstance(s, int) else s.fileno()
                         for s in sockets]
        self._environment = dict(environment or {})
        if names:
            self._environment["LISTEN_FDNAMES"] = ":".join(names)
        self._descriptors_max = descriptors_max
        self._keep_root = keep_root
        self._wrapper = list(wrapper)
        self._preload = _dumpable if dumpable else preload
        self._program = _binary if program is None else program
        self._stdout, stdout = os.pipe()
        self.stderr, stderr = os.pipe()
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            self._become_echod(stdout, stderr)
        os.close(stdout)
        os.close(stderr)
        os.set_blocking(self.stderr, False)
        self._log_open = True
        self._pidfd = os.pidfd_open(self.pid)
        started.append(self)
        if ready:
            self.await_line(r"^echod: ready\b")

    def _become_echod(self, stdout, stderr):
        """In the child: what a service manager does between fork and exec."""
        try:
            high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 200)
                    for fd in (self._program, stdout, stderr,
                              *self._sockets)]
            if self._preload is not None:
                # Where it is, an ordinary user perhaps cannot go.
                self._environment["LD_PRELOAD"] = "/proc/self/fd/%d" % \
                    fcntl.fcntl(self._preload, fcntl.F_DUPFD, 200)
            os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
            for number, fd in enumerate(high[1:]):
                os.dup2(fd, number + 1)
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            signal.alarm(0)
            if self._descriptors_max:
                resource.setrlimit(resource.RLIMIT_NOFILE,
                                   (self._descriptors_max,) * 2)
            if not self._keep_root:
                become_ordinary()
            self._exec(high[0])
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(126)

    def _exec(self, binary):
        environment = {name: value for name, value in os.environ.items()
                       if name not in MANAGER_VARIABLES}
        if self._sockets:
            environment["LISTEN_FDS"] = str(len(self._sockets))
            environment["LISTEN_PID"] = str(os.getpid())
        environment.update(self._environment)
        if "WATCHDOG_USEC" in environment:
            environment["WATCHDOG_PID"] = str(os.getpid())
        if self._wrapper:
            os.set_inheritable(binary, True)
            command = [*self._wrapper, f"/proc/self/fd/{binary}"]
            os.execvpe(command[0], command + self.arguments[1:], environment)
        os.execve(binary, self.arguments, environment)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        try:
            if kind is None and self.status is None:
                status = self.stop()
                assert status == 0, f"SIGTERM: exit status {status}"
        finally:
            self.kill()

    # Its log

    def read_log(self, timeout=0.0):
        """Take in what it wrote; False once it can write no more."""
        if not readable(self.stderr, timeout=timeout):
            return True
        text = os.read(self.stderr, 65536)
        self.log += text.decode(errors="replace")
        return bool(text)

    def await_line(self, pattern, after=0):
        """Await a line of the log; returns the match.  `after` is a position
        in .log, to see only what came later."""
        deadline = time.monotonic() + LIMIT
        opened = True
        while not (match := re.compile(pattern + r".*\n", re.M).search(
                self.log, after)):
            if not opened:
                raise AssertionError(
                    f"echod ended ({self.wait()}) without saying {pattern!r}")
            if time.monotonic() > deadline:
                raise AssertionError(f"echod does not say {pattern!r}")
            opened = self.read_log(timeout=0.1)
        return match

    def addresses(self, scheme):
        """Where it listens: (host, port) pairs, or names of Unix sockets."""
        found = re.findall(rf"^echod: listening on {scheme}:(\S+)", self.log,
                           re.M)
        return [_address(text) for text in found]

    def address(self, scheme):
        return self.addresses(scheme)[0]

    def counters(self):
        """The counters that it logs on SIGUSR1."""
        self.read_log()
        after = len(self.log)
        self.signal(signal.SIGUSR1)
        line = self.await_line(COUNTERS.pattern, after)
        return {name: int(value) for name, value
                in re.findall(r"\b([a-z_]+)[=: ]+(\d+)", line.group(0))}

    def await_counters(self, **expected):
        """Await these values, no more and no less: what a call did is counted
        after it has returned, when the peer may have seen it already."""
        deadline = time.monotonic() + LIMIT
        while True:
            counters = self.counters()
            got = {name: counters[name] for name in expected}
            if got == expected:
                return counters
            if (time.monotonic() > deadline or
                    any(got[name] > expected[name] for name in expected)):
                raise AssertionError(f"{got} instead of {expected}")
            time.sleep(0.005)

    # Its life

    def signal(self, number):
        signal.pidfd_send_signal(self._pidfd, number)

    def pause(self):
        """Stop it for a while, to let things happen behind its back."""
        self.signal(signal.SIGSTOP)
        status = os.waitpid(self.pid, os.WUNTRACED)[1]
        if not os.WIFSTOPPED(status):
            self.status = os.waitstatus_to_exitcode(status)
            raise Ended(f"echod ended ({self.status})")

    def resume(self):
        self.signal(signal.SIGCONT)

    def running(self):
        return not readable(self._pidfd)

    def await_change(self, *files, timeout=0.0):
        """Await its end, something in its log, or in these files; returns
        those of the files, and takes in the log."""
        files = [*files, self._pidfd]
        if self._log_open:
            files.append(self.stderr)
        ready = readable(*files, timeout=timeout)
        if self.stderr in ready:
            self._log_open = self.read_log()
        return ready

    def wait(self):
        """Await its end; the exit status, or -N when signal N ended it."""
        deadline = time.monotonic() + LIMIT
        open_files = [self._pidfd, self.stderr]
        while self._pidfd not in (ready := readable(*open_files, timeout=1)):
            if time.monotonic() > deadline:
                raise AssertionError("echod does not end")
            if ready and not self.read_log():
                open_files.remove(self.stderr)
        if self.status is None:
            self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        while readable(self.stderr) and self.read_log():
            pass
        return self.status

    def stop(self):
        self.signal(signal.SIGTERM)
        return self.wait()

    def output(self):
        """What it wrote on standard output; to be asked after its end."""
        return os.read(self._stdout, 65536).decode()

    def kill(self):
        if self.status is None:
            self.signal(signal.SIGKILL)
            self.wait()

    def release(self):
        """Give up what is kept of it, once it has ended: its log stays."""
        for fd in (self._stdout, self.stderr, self._pidfd):
            os.close(fd)
        started.remove(self)

    # What it uses

    def proc(self, name):
        with open(f"/proc/{self.pid}/{name}", encoding="utf-8") as file:
            return file.read()

    def resident(self, kind="Rss"):
        """Resident memory in bytes, page by page: exact at any moment, which
        is not so in /proc/PID/status.  "Anonymous" leaves out what is in files,
        such as the program, of which there is more with each part that runs for
        the first time."""
        return 1024 * int(re.search(rf"^{kind}:\s+(\d+) kB",
                                    self.proc("smaps_rollup"), re.M)[1])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def threads(self):
        return sorted(int(name) for name in os.listdir(
            f"/proc/{self.pid}/task"))

    def cpu_seconds(self):
        fields = self.proc("stat").rpartition(")")[2].split()
        return ((int(fields[11]) + int(fields[12])) /
                os.sysconf("SC_CLK_TCK"))

    def user_ids(self):
        """Real, effective, saved and file system user."""
        return [int(word) for word in re.search(
            r"^Uid:(.*)$", self.proc("status"), re.M)[1].split()]


def _address(text):
    if text.startswith("@"):
        return "\0" + text[1:]
    if text.startswith("/"):
        return text
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)

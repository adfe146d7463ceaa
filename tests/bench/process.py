# SPDX-License-Identifier: MIT
"""A server while it is measured: started, awaited, its CPU time, its end."""

import os
import signal
import socket
import subprocess
import threading
import time

from rounds import pinned
from servers import PORT, PRESERVING
from store import Store

START_LIMIT = 15.0  # seconds
ANSWER_LIMIT = 0.05  # seconds, for a datagram
SAMPLE_EVERY = 0.05  # seconds
TICK = 10 ** 9 // os.sysconf("SC_CLK_TCK")
UTIME = 11  # of the fields of stat after the name; see proc(5)


class Failed(Exception):
    """Why a server could not be measured."""


def _read(*parts):
    with open("/".join(("/proc", *map(str, parts))), encoding="utf-8",
              errors="replace") as file:
        return file.read()


def _stat(pid):
    """The fields of stat after the name, from the state on."""
    return _read(pid, "stat").rpartition(")")[2].split()


def family(root):
    """A process and all its descendants, with their fields of stat."""
    fields = {}
    for name in os.listdir("/proc"):
        try:
            if name.isdigit():
                fields[int(name)] = _stat(name)
        except OSError:  # it has ended
            pass
    found, wanted = {}, [root]
    while wanted:
        pid = wanted.pop()
        if pid in fields:
            found[pid] = fields[pid]
            wanted += [it for it, its in fields.items() if int(its[1]) == pid]
    return found


def _thread_times(pids):
    """CPU time in ns, exact, by thread."""
    times = {}
    for pid in pids:
        try:
            for thread in os.listdir(f"/proc/{pid}/task"):
                times[thread] = int(_read(pid, "task", thread,
                                          "schedstat").split()[0])
        except OSError:  # it has ended, or the kernel does not count
            pass
    return times


class Sample:
    """How much CPU time a server has had, at a moment."""

    def __init__(self, root):
        self.when = time.time_ns()
        processes = family(root)
        # Both of its two times are cut to whole ticks.
        self._slack = 2 * TICK * len(processes)
        self._threads = _thread_times(processes)
        # In ticks, but with threads and children that have ended.
        self._ticks = sum(int(number) for its in processes.values()
                          for number in its[UTIME:UTIME + 4])

    def since(self, other):
        """CPU time in ns since another one: exact, if those that live now
        account for all of it."""
        ticks = (self._ticks - other._ticks) * TICK
        if not self._threads or self._threads.keys() != other._threads.keys():
            return ticks
        exact = sum(self._threads.values()) - sum(other._threads.values())
        return exact if ticks - exact <= self._slack else ticks


class Sampler(threading.Thread):
    """Samples a server's CPU time; what counts is chosen afterwards."""

    def __init__(self, root):
        super().__init__(daemon=True)
        self._root = root
        self._end = threading.Event()
        self.samples = []

    def run(self):
        while not self._end.is_set():
            self.samples.append(Sample(self._root))
            self._end.wait(SAMPLE_EVERY)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self.join()

    def share(self, began, ended):
        """CPU time by time, between these moments (CLOCK_REALTIME, ns)."""
        inside = [it for it in self.samples if began <= it.when <= ended]
        if len(inside) < 2:
            raise Failed("there was no time to read its CPU time")
        return (inside[-1].since(inside[0]) /
                (inside[-1].when - inside[0].when))


class Running:
    """A server in a session of its own; leaving the `with` block ends it."""

    def __init__(self, server, log, cpus="0", port=PORT, wrapper=(),
                 transport="tcp"):
        self._address, self._log = ("127.0.0.1", port), log
        command = [word.replace("{port}", str(port))
                   for word in server.command]
        self._store = Store() if PRESERVING in command else None
        environment = self._store.environment if self._store else {}
        with open(log, "ab") as file:
            self._process = subprocess.Popen(
                [*pinned(cpus), *wrapper, *command], stdout=file, stderr=file,
                stdin=subprocess.DEVNULL, start_new_session=True,
                env={**os.environ, **environment})
        self.pid = self._process.pid
        try:
            self._await_answer(transport)
        except BaseException:
            self.kill()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def _await_answer(self, transport):
        answers = {"tcp": self._answers_stream,
                   "udp": self._answers_datagram}[transport]
        deadline = time.monotonic() + START_LIMIT
        while not answers():
            if self._process.poll() is not None:
                raise Failed(f"it ended ({self._process.returncode}): "
                             f"{self._last_words()}")
            if time.monotonic() > deadline:
                raise Failed(f"no echo within {START_LIMIT:.0f} s")

    def _last_words(self):
        with open(self._log, encoding="utf-8", errors="replace") as file:
            return ([f"see {self._log}"] + file.read().splitlines())[-1]

    def _answers_stream(self):
        try:
            with socket.create_connection(self._address,
                                          timeout=START_LIMIT) as sock:
                sock.sendall(b"?")
                return sock.recv(1) == b"?"
        except OSError:
            time.sleep(0.002)
            return False

    def _answers_datagram(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(ANSWER_LIMIT)
            try:
                sock.connect(self._address)
                sock.send(b"?")
                return sock.recv(1) == b"?"
            except TimeoutError:
                return False
            except OSError:
                time.sleep(0.002)
                return False

    def memory(self):
        """Bytes by name, as in /proc/PID/smaps_rollup, of all processes."""
        total = {}
        for pid in family(self.pid):
            for line in _read(pid, "smaps_rollup").splitlines()[1:]:
                name, amount = line.split()[:2]
                total[name] = total.get(name, 0) + 1024 * int(amount)
        return total

    def terminate(self):
        """As an operator does; waits for it."""
        self._process.terminate()
        self._process.wait(START_LIMIT)

    def kill(self):
        """All of it, also what has left the session."""
        pids = family(self.pid)
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        for pid in pids:
            try:
                if pid != self.pid:
                    os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self._process.wait()
        if self._store:
            self._store.close()

# SPDX-License-Identifier: MIT
"""One scenario during which a call fails, and what has to hold afterwards:

* the service still answers newcomers at once;
* nothing came back corrupt or twice, and no clean FIN hid a loss;
* datagrams that did not come back are counted;
* no descriptor and no connection is left when the clients are gone;
* while the fault lasted, and nobody could be served, it did not spin;
* it is still the same process, unless there was no going on.
"""

import signal
import time

import manual
from clients import Finding
from daemon import LIMIT
from fault import Attached, EVERYTHING, failure, Started
from scenarios import ALL
from talk import Talk

BRIEF = 0.12  # seconds without news, after which a scenario goes on
CALM = 1.0  # the same if nothing fails
QUIET = 0.4  # seconds in which nobody can be served, and nothing is done
CPU_MAX = 0.05  # of a CPU then
CALLS_MAX = 500  # a second that fail then: sockets are looked at ten times
# Seconds, and TIMES those of an unharmed service.  It is a second at most (see
# what torture.py sums up), but for a machine that is busy with other things.
ANSWER_MAX = 5.0
TIMES = 10
STOPS_MAX = 2500  # a second while nothing can be done: see Service.stops()



class Trial:
    """A scenario with a service; `control` is another that is unharmed."""

    def __init__(self, service, control, scenario, path):
        self._service = service
        self._control = control
        self._scenario = ALL[scenario]
        self._path = path  # of what strace writes
        self._keeper = service.keeper
        self._deaths = len(self._keeper.ends)
        self._datagrams = 0
        self.answer = self.cpu = None
        self.struck = 0
        self.died = False
        self.spoiled = False  # something is left, though nobody is to blame
        self._talk = None
        self._silent = False

    # With, and without a fault

    def rehearse(self):
        """Nothing fails: the calls that are made."""
        self._begin(CALM)
        with self._trace(EVERYTHING) as trace:
            self._play()
            calls = trace.calls()
        if self._talk.resets() and not self._talk.expects_reset:
            raise Finding("a reset, though nothing failed")
        failed = [end.status for end in self._keeper.ends[self._deaths:]
                  if end.status not in (0, -signal.SIGKILL)]
        if failed:
            raise Finding(f"exit status {failed}, though nothing failed")
        self._end()
        if self._scenario.role == "start":
            return {name: count for name, count in calls.items()
                    if name in manual.RECOVERY}
        calls = {name: count for name, count in calls.items()
                 if name not in manual.NO_ERRNO}
        unknown = [name for name in calls if not manual.errnos(name)]
        if unknown:
            raise Finding(f"not in the table: {unknown}")
        return calls

    def suffer(self, call, errno, when):
        """The call fails."""
        self._begin(BRIEF)
        fault = self._trace(failure(call, errno, when))
        try:
            with fault:
                self._play()
                if "+" in when and not self._scenario.ends:
                    self._expect_rest(fault)
        finally:
            self.struck = fault.struck()  # to the end: strace has written it
        if self._has_died():
            self._expect_orderly(
                manual.is_fatal(call, errno) or
                fault.is_cut_short() and manual.is_fatal(call, "ENOSYS"))
        self._service.nudges = errno == "EAGAIN"
        self._silent = manual.silences(call, errno)
        # No edge follows that was promised by a lie.
        excuse = manual.is_undone(call) or errno == "EAGAIN"
        self._end(excuse, left=self.struck if excuse else 0)

    def _trace(self, expressions):
        if self._scenario.role == "start":
            return Started(self._keeper, self._path, expressions)
        return Attached(self._service.threads(self._scenario.role), self._path,
                        expressions)

    def _begin(self, patience):
        self._service.nudges = False
        self._before = None
        while self._before != (now := self._service.counters()):
            self._before = now  # what was done may be counted a little later
        self._descriptors = self._service.descriptors()
        self._talk = Talk(self._service, patience)
        self._steps = self._scenario.run(self._talk)
        next(self._steps)

    def _play(self):
        for _ in self._steps:
            raise AssertionError("a scenario yields twice")

    def close(self):
        if self._talk:
            self._talk.close()

    # While it lasts

    def _expect_rest(self, fault):
        """What cannot be done is not tried all the time."""
        for _ in range(8):
            before = self._measure(fault)
            self._keeper.turn_for(QUIET)
            if self._has_died():
                return
            seconds, cpu, calls, stops = (
                now - then for now, then in zip(self._measure(fault), before))
            self.cpu = cpu / seconds
            if (self.cpu <= CPU_MAX and calls <= CALLS_MAX * seconds and
                    stops <= STOPS_MAX * seconds):
                return
        raise Finding(f"it spins: {100 * self.cpu:.0f} % of a CPU, "
                      f"{calls / seconds:.0f} calls a second that fail, "
                      f"{stops / seconds:.0f} stops")

    def _measure(self, fault):
        try:
            return (time.monotonic(), self._service.cpu_seconds(),
                    fault.struck(), self._service.stops())
        except (FileNotFoundError, ProcessLookupError):  # it has just died
            return time.monotonic(), 0.0, 0, 0

    # Afterwards

    def _has_died(self):
        self._service.turn()
        self.died = len(self._keeper.ends) > self._deaths
        return self.died

    def _expect_orderly(self, fatal):
        """It ends when it was told to, or when there is no going on."""
        for end in self._keeper.ends[self._deaths:]:
            if end.status == -signal.SIGKILL:  # which nobody but us sends
                continue
            if (end.status < 0 or not self._scenario.ends) and not fatal:
                raise Finding(f"it ended: exit status {end.status}")
            if end.status == 0 and not self._scenario.ends:
                raise Finding("it ended as if all were well")

    def _end(self, excuse=False, left=0):
        if self._scenario.ends:
            self._expect_end()
        self._expect_answer()
        self._talk.finish(BRIEF if excuse else LIMIT / 5, excuse,
                          torn=self.died and self._is_shared())
        if not self._has_died() and not self._silent:
            self._expect_counted()
        self._talk.close()
        if not self._has_died() and not self._silent:
            self._expect_nothing_left(left)

    def _is_shared(self):
        """Whether there are other workers, which an abort finds between
        receiving and sending: the kernel then ends with a FIN, as at any crash
        of a service that does not preserve its connections."""
        return self._scenario.kind == "shared"

    def _expect_end(self):
        deadline = time.monotonic() + LIMIT
        if self._service.nudges:
            self._talk.signal(signal.SIGHUP)
        while not self._has_died():
            if time.monotonic() > deadline - (LIMIT / 2) * self._silent:
                self._keeper.echod.kill()
                if not self._silent:
                    raise Finding("it does not stop")
            self._keeper.turn(0.1)

    def _expect_answer(self):
        self._keeper.await_ready()
        usual = self._control.answers(LIMIT)[0]
        self.answer, self._datagrams = self._service.answers(LIMIT)
        if self._service.stuck:
            self._silent = self.spoiled = True
        if self.answer > ANSWER_MAX + TIMES * usual:
            raise Finding(f"it answers only after {self.answer:.1f} s, an "
                          f"unharmed service after {usual:.1f} s")

    def _expect_counted(self):
        sent, got = self._talk.datagrams()
        sent, got = sent + self._datagrams, got + self._datagrams

        def problem():
            now = self._service.counters()
            more = {name: now[name] - self._before[name] for name in now}
            received = more["datagrams_received"]
            refused = sum(value for name, value in more.items()
                          if name.startswith("datagrams_refused"))
            if (received + more["datagrams_overflowed"] != sent or
                    more["datagrams_sent"] != got or
                    received != got + refused + more["datagrams_unsent"]):
                return (f"{sent} datagrams sent, {got} came back, counted "
                        f"{ {name: it for name, it in more.items() if it} }")
            return None

        self._expect(problem)

    def _expect_nothing_left(self, left):
        def problem():
            descriptors = self._service.descriptors() - self._descriptors
            connections = self._service.counters()["connections"]
            self.spoiled |= descriptors > 0 or connections > 0
            if descriptors > left or connections > left:
                return (f"{descriptors} descriptors and {connections} "
                        "connections are left")
            return None

        self._expect(problem)

    def _expect(self, problem):
        """Nothing tells when it has happened."""
        deadline = time.monotonic() + LIMIT / 3
        while what := problem():
            if time.monotonic() > deadline:
                raise Finding(what)
            self._keeper.turn_for(0.05)

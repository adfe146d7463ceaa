# SPDX-License-Identifier: MIT
"""Processes that torture side by side, as most of the time they wait; each has
services of its own."""

import multiprocessing
import os
import signal
import traceback

import manual
from clients import Finding
from fault import remove
from judge import Trial
from scenarios import ALL
from service import Service

TRIAL_LIMIT = 150  # seconds: ends one that hangs


class _Member:
    """One of the processes."""

    def __init__(self, path):
        self._path = path  # of what strace writes
        self._services = {}

    def _service(self, name, kind):
        if name not in self._services:
            self._services[name] = Service(kind)
        return self._services[name]

    def _give_up(self, name):
        service = self._services.pop(name, None)
        if service:
            service.close()

    def close(self):
        for name in list(self._services):
            self._give_up(name)

    def work(self, job):
        """What has become of a job: a dict."""
        kind = ALL[job["scenario"]].kind
        result = {**job, "finding": None}
        trial = None
        signal.alarm(TRIAL_LIMIT)
        try:
            control = self._service("control", "plain")
            trial = Trial(self._service(kind, kind), control, job["scenario"],
                          self._path)
            if "call" in job:
                trial.suffer(job["call"], job["errno"], job["when"])
                result.update(struck=trial.struck, answer=trial.answer,
                              cpu=trial.cpu, died=trial.died)
            else:
                result["calls"] = trial.rehearse()
        except BaseException as error:
            result.update(finding=self._tell(error, kind), died=False,
                          struck=trial.struck if trial else 0)
        finally:
            signal.alarm(0)
            self._clean_up(trial, kind, result)
        return result

    def _tell(self, error, kind):
        text = str(error)
        if not isinstance(error, Finding):
            text = traceback.format_exc()
        service = self._services.get(kind)
        if service:
            text += service.last_words()
        return text

    def _clean_up(self, trial, kind, result):
        """Who was harmed is not used again."""
        try:
            if trial:
                trial.close()
        finally:
            if (result["finding"] or not trial or trial.spoiled or
                    manual.silences(result.get("call"),
                                    result.get("errno"))):
                self._give_up(kind)


def _expire(_number, _frame):
    raise Finding("it takes too long")


def _run(jobs, results, directory):
    signal.signal(signal.SIGALRM, _expire)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    path = os.path.join(directory, f"strace-{os.getpid()}")
    member = _Member(path)
    try:
        while job := jobs.get():
            results.put(member.work(job))
    finally:
        member.close()
        remove(path)


def torture(jobs, size, directory):
    """What has become of the jobs, in any order."""
    context = multiprocessing.get_context("fork")
    queue, results = context.Queue(), context.Queue()
    for job in jobs:
        queue.put(job)
    members = [context.Process(target=_run, args=(queue, results, directory))
               for _ in range(min(size, len(jobs)))]
    for member in members:
        queue.put(None)
        member.start()
    for _ in jobs:
        yield results.get()
    for member in members:
        member.join()

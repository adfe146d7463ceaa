# SPDX-License-Identifier: MIT
"""The generator: echoping --load, and what is read from its JSON.

$ECHOPING names the program (default: ../../build/echoping).
"""

import json
import os
import signal
import subprocess

from process import Failed, Sampler
from rounds import pinned
from servers import PORT

HERE = os.path.dirname(os.path.abspath(__file__))
ECHOPING = os.environ.get("ECHOPING") or os.path.join(HERE,
                                                      "../../build/echoping")
LIMIT = 60  # seconds, above the duration
LOSS_MAX = 1.0  # percent: a closed loop that loses waits, and measures that


def _command(cpu, target, options):
    return [*pinned(cpu), ECHOPING, "--load", "--json", *options, target]


def _run(command):
    """The objects that it prints."""
    try:
        it = subprocess.run(command, text=True, stdin=subprocess.DEVNULL,
                            capture_output=True, timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired as error:
        raise Failed(f"echoping did not end within {LIMIT} s") from error
    objects = [json.loads(line) for line in it.stdout.splitlines()]
    if it.returncode == 2 or not objects or objects[-1]["type"] != "summary":
        words = it.stderr.strip().splitlines() or ["echoping said nothing"]
        raise Failed(words[-1])
    return objects


def _expect_echoed(summary):
    wrong = {key: summary[key] for key in ("corrupt", "errors", "truncated")
             if summary[key]}
    if summary["loss_percent"] > LOSS_MAX:
        wrong["loss_percent"] = summary["loss_percent"]
    if wrong:
        raise Failed(f"not all was echoed: {wrong}")


def summarize(cpu, *options, scheme="tcp", port=PORT):
    """Run it; the summary."""
    summary = _run(_command(cpu, f"{scheme}:127.0.0.1:{port}", options))[-1]
    _expect_echoed(summary)
    return summary


def _moments(objects):
    """When the measurement began and ended: CLOCK_REALTIME, ns."""
    measured = [it for it in objects
                if it["type"] == "interval" and not it["warmup"]]
    if not measured:
        raise Failed("echoping printed no interval")
    began = measured[-1]["time_ns"] - measured[-1]["elapsed_ns"]
    return began, began + objects[-1]["elapsed_ns"]


def _per_unit(summary, share):
    """Server CPU per message in ns; of bulk, per byte."""
    bulk = summary["kind"] == "bulk"
    rate = summary["bytes_per_second" if bulk else "messages_per_second"]
    if rate == 0:
        raise Failed("nothing came back")
    return 1e9 * share / rate


def measure(cpu, server, *options, scheme="tcp", port=PORT):
    """Run it against a running server; the figures of one round."""
    with Sampler(server.pid) as sampler:
        objects = _run(_command(cpu, f"{scheme}:127.0.0.1:{port}", options))
    summary = objects[-1]
    _expect_echoed(summary)
    share = sampler.share(*_moments(objects))
    return {
        "rate": summary["messages_per_second"],
        "bytes": summary["bytes_per_second"],
        "cpu": _per_unit(summary, share),
        "share": share,
        "p50": summary["rtt"]["p50_ns"],
        "p99": summary["rtt"]["p99_ns"],
        "loss": summary["loss_percent"],
        "client_limited": summary["client_limited"] is not None,
    }


class Holding:
    """Idle connections, while in the `with` block."""

    def __init__(self, cpu, count, port=PORT):
        self._count = count
        self._process = subprocess.Popen(
            _command(cpu, f"tcp:127.0.0.1:{port}",
                     ["--hold", f"--connections={count}", "--threads=1",
                      "--duration=1h"]),
            text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)

    def __enter__(self):
        try:
            self._await_all()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate()

    def _await_all(self):
        """Until all stand, and each has been echoed on once."""
        for line in self._process.stdout:
            it = json.loads(line)
            if it["type"] == "interval" and not it["warmup"]:
                if it["connections"] < self._count:
                    raise Failed(f"{it['connections']} of {self._count} "
                                 "connections stand")
                return
        words = self._process.stderr.read().strip().splitlines()
        raise Failed((words or ["it ended"])[0])

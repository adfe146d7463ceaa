#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""What the benchmark makes of its figures: tests/bench."""

import json
import os
import signal
import sys
import threading
import time
import xml.etree.ElementTree

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)),
                             "../bench"))

import cells  # noqa: E402
import plots  # noqa: E402
import process  # noqa: E402
import reasons  # noqa: E402
import report  # noqa: E402
import rounds  # noqa: E402
import targets  # noqa: E402
from echodtest import case, main, scratch_directory, until  # noqa: E402

BURN = 0.15  # seconds of CPU time, each


def burn(seconds=BURN):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def in_child(function):
    """Run it in a child; returns its pid."""
    pid = os.fork()
    if pid == 0:
        try:
            function()
        finally:
            os._exit(0)
    return pid


def burn_and_wait(told, go_on):
    """When told, use CPU time in a thread that ends, and in a child that ends;
    say how much in all, and wait."""
    os.read(go_on, 1)
    thread = threading.Thread(target=burn)
    thread.start()
    thread.join()
    os.waitpid(in_child(burn), 0)
    os.write(told, str(sum(os.times()[:4])).encode())
    os.read(go_on, 1)


def in_rounds(**figures):
    """Rounds, from lists of rates by server."""
    return [dict(zip(figures, ({"rate": it, "cpu": 1e9 / it} for it in its)))
            for its in zip(*figures.values())]


@case("ratios are those within the rounds, not those of medians")
def _():
    measured = in_rounds(echod=[1, 10, 100], libuv=[1, 5, 200])
    ratios = targets.ratios(measured, "echod", "libuv", "rate")
    assert ratios == [1, 2, 0.5], ratios
    assert rounds.middle(ratios) == (1, 0.75, 1.5), rounds.middle(ratios)
    assert targets.ratios(measured, "echod", "go", "rate") == []


@case("a target is met by the median, or near by the middle half")
def _():
    numbers = [0.8, 1.0, 1.2, 1.4, 1.6]  # the middle half: 1.0 to 1.4
    for target, verdict in ((1.2, targets.MET), (1.3, targets.NEAR),
                            (1.5, targets.SHORT)):
        assert targets.verdict(numbers, target, True) == verdict, target
    for target, verdict in ((1.2, targets.MET), (1.1, targets.NEAR),
                            (0.9, targets.SHORT)):
        assert targets.verdict(numbers, target, False) == verdict, target


@case("the best peer is neither echod nor what was not measured")
def _():
    measured = in_rounds(**{"echod": [9, 9], "echod -w 2": [8, 8],
                            "libuv": [5, 7], "go": [6, 6.5]})
    measured[0]["asio"] = {"rate": None}
    assert targets.best(measured, "rate") == "go"
    assert targets.best(measured, "cpu", lowest=True) == "go"
    assert targets.best([], "rate") is None
    assert targets.best(in_rounds(echod=[1]), "rate") is None


@case("of many cells the worst is told; the mean is a geometric one")
def _():
    results = {
        "rr-64-1": in_rounds(echod=[8, 8], libuv=[2, 2], go=[1, 1]),
        "rr-1000-50": in_rounds(echod=[3, 3], libuv=[4, 4], go=[3, 3])}
    rows = targets.rows(results)
    assert rows[0].measured.startswith("0.75 "), rows[0]
    assert rows[0].measured.endswith("libuv, 1000 B × 50"), rows[0]
    assert rows[0].verdict == targets.SHORT
    # 4, 8, 0.75 and 1: their product is 24.
    assert rows[1].measured.startswith(f"{24 ** 0.25:.2f} "), rows[1]
    assert rows[1].verdict == targets.MET
    # Of CPU time the inverse, alike here.
    assert rows[2].measured == rows[0].measured, rows[2]
    assert {it.verdict for it in rows[4:]} == {targets.UNKNOWN}


@case("growth is judged at each size, and two workers wherever they run")
def _():
    rows = targets.rows({
        "growth": [{name: {"p50": value, "cpu": 2 * value} for name, value in
                    {"10": 10, "100": 11, "1,000": 15, "10,000": 12}.items()}],
        "workers": in_rounds(echod=[10], **{cells.TWO_WORKERS: [9.5]}),
        "workers-both": in_rounds(echod=[10], **{cells.TWO_WORKERS: [8],
                                                 cells.PINNED: [10]})})
    judged = [it for it in rows if it.verdict != targets.UNKNOWN]
    assert [it.measured.split()[0] for it in judged] == [
        "1.10", "1.50", "1.20", "1.10", "1.50", "1.20", "1.05", "1.25",
        "1.00"], judged
    assert [it.verdict for it in judged] == 2 * [
        targets.MET, targets.SHORT, targets.MET] + [
        targets.MET, targets.SHORT, targets.MET], judged
    assert len(set(it.work for it in judged)) == 9, judged


@case("a round without a figure is left out of the ratios")
def _():
    measured = in_rounds(echod=[4, 6], libuv=[2, 2])
    del measured[0]["libuv"]["rate"]
    assert targets.ratios(measured, "echod", "libuv", "rate") == [3]
    del measured[1]["libuv"]
    assert targets.ratios(measured, "echod", "libuv", "rate") == []


@case("a report tells what falls short, what failed and who is missing")
def _():
    directory = scratch_directory()
    results = os.path.join(directory, "results.jsonl")
    cell = next(it for it in cells.CELLS if it.name == "pipelined")
    machine = {
        "type": "machine", "command": "make bench", "date": "2000-01-01",
        "processor": "P", "cpus": 2, "memory": 2 ** 30, "kernel": "6",
        "system": "S", "rounds": 2, "warmup_ms": 1, "duration_ms": 2,
        "congestion_control": "cubic",
        "versions": {"echod": "1", "libuv": "2"},
        "left_out": {"go": "no compiler"}}
    with open(results, "w", encoding="utf-8") as file:
        print(json.dumps(machine), file=file)
        for number, figures in enumerate(in_rounds(echod=[9, 9],
                                                   libuv=[10, 10])):
            for server, its in figures.items():
                print(json.dumps({
                    "type": "round", "cell": cell.name, "round": number,
                    "server": server, "p50": 1000, **its}), file=file)
        print(json.dumps({"type": "failed", "cell": cell.name,
                          "server": "asio", "reason": "it ended"}), file=file)
    reasons.REASONS = (("TCP pipelined", "It is slow."),)
    table = report.write(results, directory)
    with open(os.path.join(directory, "REPORT.md"), encoding="utf-8") as file:
        text = file.read()
    assert ("| ≥ 1.1 | 0.90 (0.90 to 0.90), libuv | **SHORT** |"
            in table), table
    assert table in text
    work = "TCP pipelined, 16 × 64 B, 50 connections, rate against the best"
    assert (f"\n* {work}; {work}, per second of server CPU. It is slow.\n\n"
            in text), text
    assert "Left out: go: no compiler." in text
    assert "| pipelined | asio | it ended |" in text
    assert f"### {cell.title}" in text
    assert "| libuv | 10 (10 to 10) |" in text, text
    plot = "pipelined-cpu.svg"
    assert f"]({plot})" in text
    xml.etree.ElementTree.parse(os.path.join(directory, plot))


@case("a plot is SVG, its bars as long as the medians")
def _():
    drawing = xml.etree.ElementTree.fromstring(plots.bars(
        "a < b", "ns & µs", {"echod": (2, 1, 4), "go": (1, 1, 1)},
        {"echod": "2", "go": "1"}).encode())
    bars = drawing.findall("{*}rect")[1:]
    widths = [float(it.get("width")) for it in bars]
    assert abs(widths[0] - 2 * widths[1]) < 0.2, widths
    texts = [it.text for it in drawing.findall("{*}text")]
    assert texts[:2] == ["a < b", "ns & µs"], texts


@case("CPU time is that of threads and children, also when they have ended")
def _():
    hears, told = os.pipe()
    go_on, says = os.pipe()
    pid = in_child(lambda: burn_and_wait(told, go_on))
    try:
        before = process.Sample(pid)
        os.write(says, b"!")
        used = float(os.read(hears, 100))
        found = process.Sample(pid).since(before) / 1e9
    finally:
        os.write(says, b"!")
        os.waitpid(pid, 0)
    # Without either of both it would be about a half.
    assert 0.8 * used < found + 0.05 < 1.5 * used, (found, used)


@case("CPU time of those that live is read to the nanosecond")
def _():
    pid = in_child(lambda: burn(30))
    try:
        first = process.Sample(pid)
        until(lambda: process.Sample(pid).since(first) % process.TICK,
              "CPU time between two ticks")
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main()

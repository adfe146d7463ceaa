#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""From what bench.py measured to REPORT.md and its plots.

    report.py RESULTS.jsonl DIRECTORY
"""

import json
import os
import sys

import cells
import plots
import reasons
import rounds
import targets

# Metric: what it says, how much of it is one, digits, is less better?
METRICS = {
    "rate": ("messages a second", 1, 0, False),
    "bytes": ("GB/s echoed", 1e9, 2, False),
    "cpu": ("server CPU per message, ns", 1, 0, True),
    "p50": ("RTT p50, µs", 1e3, 1, True),
}

# Plot: the cell and the metric.
PLOTS = (("rr-64-50", "rate"), ("rr-64-50", "cpu"), ("rtt", "p50"),
         ("rr-64-5000", "cpu"), ("pipelined", "cpu"), ("bulk-1", "bytes"),
         ("connect", "rate"), ("udp-burst-64-64", "cpu"),
         ("udp-train-1200-32", "cpu"))

MEANING = """\
Each cell was measured in {rounds} rounds, all servers in turn within a round,
each with {warmup_ms} ms of warm-up and {duration_ms} ms of measurement, the
server pinned to one CPU and `echoping --load` to another, over loopback, TCP
with {congestion_control}. A figure is the median of the rounds with the middle half of them in brackets; a
ratio is the median of the ratios within each round. *Within noise*: the target
lies in the middle half, though not at the median. Machines differ, and so do
the figures; ratios are what this is about.

Where the client was the limit, a rate says nothing about the servers. So there
are two ratios: of what the client saw, and of the same per second of server
CPU time (what a core could serve if the client were no limit).
"""


def read(file_name):
    """The machine, rounds by the cell's name, and who failed."""
    machine, results, failed = {}, {}, []
    with open(file_name, encoding="utf-8") as file:
        for line in file:
            it = json.loads(line)
            kind = it.pop("type")
            if kind == "machine":
                machine = it
            elif kind == "failed":
                failed.append(it)
            else:
                measured = results.setdefault(it.pop("cell"), [])
                number, name = it.pop("round"), it.pop("server")
                while len(measured) <= number:
                    measured.append({})
                measured[number][name] = it
    return machine, results, failed


def table(heading, lines):
    yield "| " + " | ".join(heading) + " |"
    yield "|" + "---|" * len(heading)
    for line in lines:
        yield "| " + " | ".join(line) + " |"


def target_lines(results):
    """Target and measured, side by side."""
    rows = targets.rows(results)
    emphasis = {targets.SHORT: "**{}**", targets.NEAR: "*{}*"}
    yield from table(
        ("work", "target", "measured", ""),
        [(it.work, it.target, it.measured,
          emphasis.get(it.verdict, "{}").format(it.verdict)) for it in rows])
    counts = {it.verdict: 0 for it in rows}
    for it in rows:
        counts[it.verdict] += 1
    yield ""
    yield ", ".join(f"{count} {name}" for name, count in counts.items()) + "."


def reason_lines(results):
    """Why that is not reached which is not."""
    short = {}
    for it in targets.rows(results):
        if not it.work.startswith(targets.SAME):
            work = it.work
        if it.verdict in (targets.SHORT, targets.NEAR):
            reason = reasons.reason_for(work) or "Not known."
            short.setdefault(reason, []).append(it.work.replace(targets.SAME,
                                                                work))
    for reason, works in short.items():
        yield f"* {'; '.join(works)}. {reason}"
    if not short:
        yield "Nothing."


def _figure(measured, name, key):
    _, unit, digits, _ = METRICS[key]
    found = [number / unit for number in targets.values(measured, name, key)]
    return rounds.text(found, digits) if found else targets.NONE


def _against(measured, name, key):
    numbers = targets.ratios(measured, name, "echod", key)
    return rounds.text(numbers, 2) if numbers else targets.NONE


def _in_order(measured, key):
    """Servers, the best first."""
    names = [name for name in measured[0]
             if targets.values(measured, name, key)]
    return sorted(names, key=lambda name: rounds.middle(
        targets.values(measured, name, key))[0],
                  reverse=not METRICS[key][3])


def _limited(measured):
    """Was the client at its limit in most rounds of the best servers?"""
    return sum(it["echod"].get("client_limited", False) for it in measured
               if "echod" in it) * 2 > len(measured)


def cell_lines(cell, measured):
    """All servers of a cell."""
    main = "bytes" if cell.metric == "bytes" else "rate"
    columns = [main, "cpu"] + (["p50"] if main == "rate" else [])
    yield f"### {cell.title}"
    yield ""
    yield f"`echoping --load {' '.join(cell.options)}`" + (
        "; the client was at its limit" if _limited(measured) else "")
    yield ""
    heading = [METRICS[key][0] for key in columns]
    if main == "bytes":
        heading[1] = "server CPU, ns a byte"
    yield from table(
        ("server", *heading, "rate, of echod's", "CPU, of echod's"),
        [(name, *(_figure_small(measured, name, key, main)
                  for key in columns),
          _against(measured, name, main), _against(measured, name, "cpu"))
         for name in _in_order(measured, cell.metric)])
    yield ""


def _figure_small(measured, name, key, main):
    if main == "bytes" and key == "cpu":
        return rounds.text(targets.values(measured, name, key), 3)
    return _figure(measured, name, key)


def _scene(results, name, title, heading, columns):
    """A table of a scene; columns: the figure, its unit, digits."""
    measured = results.get(name)
    if not measured or not measured[0]:
        return
    yield from ("", f"### {title}", "")
    yield from table(heading, [
        (server, *(rounds.text([it / unit for it in found], digits)
                   if (found := targets.values(measured, server, key))
                   else targets.NONE
                   for key, unit, digits in columns))
        for server in measured[0]])


def scene_lines(results):
    yield from _scene(
        results, "growth", "Growth: 10 busy connections of so many",
        ("connections", "RTT p50, µs", "RTT p99, µs", "CPU per message, ns"),
        (("p50", 1e3, 1), ("p99", 1e3, 1), ("cpu", 1, 0)))
    yield from _scene(
        results, "idle", "15,000 idle connections",
        ("server", "user space, B each", "RSS in all, MiB"),
        (("each", 1, 0), ("rss", 2 ** 20, 1)))
    yield from _scene(
        results, "activation", "From exec to the first echo (echod is passed "
        "a socket on which a client waits, xinetd opens its own)",
        ("server", "ms"), (("start", 1e6, 2),))
    yield from _scene(
        results, "instructions", "User-space instructions per echo "
        "(callgrind)", ("transport", "instructions"),
        (("instructions", 1, 0),))


def plot_names():
    return [f"{name}-{key}.svg" for name, key in PLOTS]


def plot_files(results, directory):
    """Draw what there is; the names of the files."""
    for (name, key), file_name in zip(PLOTS, plot_names()):
        measured = results.get(name)
        if not measured or not measured[0]:
            continue
        title = next(it.title for it in cells.CELLS if it.name == name)
        unit_text, unit, digits, less = METRICS[key]
        spreads = {server: [it / unit for it in rounds.middle(
            targets.values(measured, server, key))]
                   for server in _in_order(measured, key)}
        texts = {server: f"{its[0]:,.{digits}f}"
                 for server, its in spreads.items()}
        with open(os.path.join(directory, file_name), "w",
                  encoding="utf-8") as file:
            file.write(plots.bars(
                title, unit_text + (" (less is better)" if less else ""),
                spreads, texts))
        yield title, file_name


def machine_lines(machine):
    versions = ", ".join(f"{name} {version}".strip() for name, version
                         in machine["versions"].items())
    yield (f"`{machine['command']}`, {machine['date']}: "
           f"{machine['processor']}, {machine['cpus']} CPUs, "
           f"{machine['memory'] / 2 ** 30:.0f} GiB, Linux "
           f"{machine['kernel']}, {machine['system']}.")
    yield from ("", f"Servers: {versions}.")
    for name, reason in machine["left_out"].items():
        yield from ("", f"Left out: {name}: {reason}.")
    yield from ("", MEANING.format(**machine))


def lines(machine, results, failed, drawn):
    yield from ("# echod beside its peers", "")
    yield from machine_lines(machine)
    yield from ("## Targets", "")
    yield from target_lines(results)
    yield from ("", "## What falls short, and why", "")
    yield from reason_lines(results)
    yield ""
    for title, file_name in drawn:
        yield f"![{title}]({file_name})"
    yield from ("", "## Cells", "")
    for cell in cells.CELLS:
        if results.get(cell.name) and results[cell.name][0]:
            yield from cell_lines(cell, results[cell.name])
    yield from scene_lines(results)
    if failed:
        yield from ("", "## What failed", "")
        yield from table(("cell", "server", "reason"),
                         [(it["cell"], it["server"], it["reason"])
                          for it in failed])


def write(results_file, directory):
    """Write the report and the plots; returns the table of targets."""
    machine, results, failed = read(results_file)
    drawn = list(plot_files(results, directory))
    with open(os.path.join(directory, "REPORT.md"), "w",
              encoding="utf-8") as file:
        for line in lines(machine, results, failed, drawn):
            print(line, file=file)
    return "\n".join(target_lines(results))


if __name__ == "__main__":
    print(write(*sys.argv[1:3]))

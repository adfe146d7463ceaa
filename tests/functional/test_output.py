#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""What echoping prints and writes: for people, for programs, as in 1996."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import xml.etree.ElementTree as xml

import openmetrics
import schema
from daemon import Echod, LIMIT, readable
from echodtest import case, main, scratch_directory, Skip, until
from pinger import Echoping, echoping

TIME = r"\d+(?:\.\d+)? (?:ns|us|ms|s)"
FAST = ("-i", "1ms", "-W", "20s")


def _service():
    return Echod("-l", "tcp:127.0.0.1:0", "-l", "udp:127.0.0.1:0")


def _target(echod, scheme):
    return f"{scheme}:127.0.0.1:{echod.address(scheme)[1]}"


@contextlib.contextmanager
def _silence():
    """A UDP port that takes what comes, and never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        yield f"udp:127.0.0.1:{silent.getsockname()[1]}"


@contextlib.contextmanager
def _refusal():
    """A TCP port that is taken, so that nobody listens there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"tcp:127.0.0.1:{taken.getsockname()[1]}"


def _matches(pattern, text):
    assert re.fullmatch(pattern, text), f"{text!r} is not {pattern}"


# --- For people ---

@case("text: what is done, a line for each reply, a summary")
def text_lines():
    with _service() as echod:
        target = _target(echod, "udp")
        it = echoping("-c", 3, *FAST, target)
        assert (it.status, it.errors) == (0, "")
        lines = it.output.split("\n")
        assert lines[0] == f"echoping {target}: 64 bytes every 1ms"
        for number in (1, 2, 3):
            _matches(rf"64 bytes from {target[4:]}: seq={number} time={TIME} "
                     r"clock=(kernel|user)", lines[number])
        assert lines[4:6] == ["", f"--- {target} echoping statistics ---"]
        _matches(rf"3 sent, 3 received, 0 lost \(0\.0 %\), {TIME}", lines[6])
        _matches(rf"rtt min {TIME}, p50 {TIME}, p90 -, p95 -, p99 -, "
                 rf"p99\.9 -, max {TIME}, 3 samples, "
                 r"clock (kernel|user|kernel \d, user \d)", lines[7])
        assert lines[8:] == [""]


@case("text: what is lost is told, and the summary has statistics all the same")
def text_lost():
    with _silence() as target:
        it = echoping("-c", 2, "-i", "1ms", "-W", "10ms", target)
    assert it.status == 1, it.status
    assert it.output.count(f"no reply from {target[4:]}: seq=") == 2
    assert "2 sent, 0 received, 2 lost (100.0 %), " in it.output
    assert "rtt min -, p50 -" in it.output and "0 samples" in it.output


@case("text: -q prints the summary alone, -D the time of day")
def text_quiet():
    with _service() as echod:
        target = _target(echod, "tcp")
        it = echoping("-q", "-c", 2, *FAST, target)
        assert it.output.startswith("\n--- "), it.output
        assert len(it.output.splitlines()) == 4
        it = echoping("-D", "-c", 2, *FAST, target)
        assert len(re.findall(r"^\[\d{10,}\.\d{6}\] 64 bytes from ",
                              it.output, re.M)) == 2


@case("text: flows have a table, the worst first")
def text_flows():
    with _service() as echod:
        it = echoping("-c", 8, "--flows=4", *FAST, _target(echod, "udp"))
        assert len(re.findall(r" seq=\d flow=\d port=\d+ time=",
                              it.output)) == 8
        rows = it.output.split("\n")[13:-1]
        assert rows[0].split() == ["flow", "port", "sent", "lost", "loss",
                                   "p50", "p99", "max"]
        assert sorted(row.split()[0] for row in rows[1:]) == list("0123")
        assert all(len(row) == len(rows[0]) for row in rows)


def _takes_signals(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        blocked = re.search(r"^SigBlk:\s+(\w+)$", file.read(), re.M)[1]
    return int(blocked, 16) & 1 << (signal.SIGQUIT - 1)


@case("SIGQUIT prints where it stands, on standard error, and goes on")
def status_line():
    for mode in ((), ("--json",), ("--openmetrics",)):
        with _service() as echod, Echoping(
                *mode, "-i", "30ms", "-W", "20s",
                _target(echod, "udp")) as it:
            until(lambda: _takes_signals(it.pid), "it takes signals itself")
            it.signal(signal.SIGQUIT)
            line = it.read_error()
            _matches(r"\d+/\d+ replies, 0\.0 % loss, p50 (-|" + TIME +
                     r"), p99 -, max (-|" + TIME + r")\n", line)
            # Without a reply the exit status would tell of it.
            until(lambda: echod.counters()["datagrams_sent"] > 2, "replies")
            it.interrupt()
            assert it.status == 0 and it.errors == line, it.errors


def _on_terminal(*arguments, environment):
    """What it writes on a terminal."""
    master, slave = os.openpty()
    try:
        with Echoping(*arguments, stdout=slave,
                      environment=environment) as it:
            it.wait()
        written = b""
        while readable(master):
            written += os.read(master, 65536)
        return written.decode()
    finally:
        os.close(slave)
        os.close(master)


@case("colors: on a terminal that has them, unless they are not wanted")
def colors():
    with _silence() as target:
        run = ("-c", 1, "-W", "10ms", target)
        terminal = {"TERM": "xterm"}
        assert "\033[31mno reply" in _on_terminal(*run, environment=terminal)
        for arguments, variables in (
                ((), {"TERM": "dumb"}), ((), {}),
                ((), {"TERM": "xterm", "NO_COLOR": "1"}),
                (("--color=never",), terminal)):
            text = _on_terminal(*arguments, *run, environment=variables)
            assert "no reply" in text and "\033" not in text, (
                arguments, variables, text)
        it = echoping(*run, environment=terminal)
        assert "\033" not in it.output
        it = echoping("--color=always", *run)
        assert "\033[31mno reply" in it.output


# --- As in 1996 ---

@case("-n: as SmokePing reads it, failures on standard error only")
def historical():
    with _service() as echod:
        target = _target(echod, "tcp")
        it = echoping("-n", 5, "-w", "0.001", target)
        assert (it.status, it.errors) == (0, "")
        lines = it.output.splitlines()
        for line in lines[:5]:
            _matches(r"Elapsed time: \d+\.\d{6} seconds", line)
        assert [line.split(":")[0] for line in lines[5:]] == [
            "---", "Minimum time", "Maximum time", "Average time",
            "Standard deviation", "Median time"]
        it = echoping("-n", 1, target)
        _matches(r"Elapsed time: \d+\.\d{6} seconds\n", it.output)
    with _refusal() as target:
        it = echoping("-n", 2, "-w", "0.001", target)
        assert (it.status, it.output) == (1, "")
        assert it.errors == 2 * f"echoping: {target}: Connection refused\n"


# --- For programs ---

ADDS_UP = """
    if .mode == "ping" then
        .sent == .received + .lost + .under_way
        and .received == .clock.kernel + .clock.user
        and .received == .rtt.count
        and .sent == ([.flows[].sent] | add)
        and .lost == ([.flows[].lost] | add)
    else .sent >= .received + .lost end
    and .rtt.count == ([.rtt.histogram[][2]] | add // 0)
    and ([.rtt.histogram[] | .[0] <= .[1]] | all)
    and (.rtt.histogram | . == sort)
    and (.rtt.count == 0 or .rtt.min_ns <= .rtt.mean_ns
                         and .rtt.mean_ns <= .rtt.max_ns)
"""


def _jq(program, text):
    if not shutil.which("jq"):
        raise Skip("jq is missing")
    done = subprocess.run(["jq", "-c", program], input=text, text=True,
                          check=False, capture_output=True, timeout=LIMIT)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def _check_json(it):
    for one in it.objects():
        schema.check(one)
    summaries = len(it.objects("summary"))
    held = _jq(f'select(.type == "summary") | ({ADDS_UP})', it.output)
    assert held == summaries * ["true"], (held, it.output)


@case("--json: each line is as the schema says, and the numbers add up")
def json_lines():
    with _service() as echod, _silence() as silent, _refusal() as refusing:
        tcp, udp = _target(echod, "tcp"), _target(echod, "udp")
        for count, arguments in (
                (8, ("-c", 3, *FAST, udp)),
                (0, ("-q", "-c", 200, *FAST, tcp)),
                (0, ("-c", 40, "--flows=4", *FAST, udp)),
                (0, ("-c", 2, "--connect", *FAST, tcp)),
                (0, ("-c", 3, "-i", "1ms", "-W", "20ms", silent, udp)),
                (0, ("-c", 2, "-i", "1ms", refusing))):
            it = echoping("--json", *arguments)
            _check_json(it)
            kinds = [one["type"] for one in it.objects()]
            if "-q" in arguments:
                assert kinds == ["summary"], kinds
                continue
            targets = sum(":" in str(word) for word in arguments)
            assert kinds.count("start") == kinds.count("summary") == targets
            assert kinds[0] == "start" and kinds[-1] == "summary", kinds
            if count == 8:
                assert kinds.count("reply") == 3, kinds


@case("--json: a histogram of many samples has the percentiles it tells")
def json_percentiles():
    with _service() as echod:
        it = echoping("--json", "-c", 1000, *FAST, _target(echod, "udp"))
    rtt = it.summary()["rtt"]
    for key, share in (("p50_ns", .5), ("p90_ns", .9), ("p99_ns", .99),
                       ("p99_9_ns", .999)):
        seen = 0
        for lower, upper, count in rtt["histogram"]:
            seen += count
            if seen >= share * rtt["count"] - 1e-6:
                assert lower <= rtt[key] <= upper, (key, rtt[key])
                break


@case("--json: lines come as things happen, the summary at Ctrl-C")
def json_interrupted():
    with _service() as echod, Echoping(
            "--json", "-i", "5ms", "-W", "20s", _target(echod, "udp")) as it:
        for kind in ("start", "reply", "reply"):
            assert f'"type":"{kind}"' in it.read_line()
        it.interrupt()
        assert it.status == 0, it.status
        _check_json(it)
        assert it.summary()["received"] >= 2


@case("--openmetrics: nothing before the end, and then what the grammar asks")
def metrics():
    with _service() as echod, _silence() as silent:
        udp = _target(echod, "udp")
        it = echoping("--openmetrics", "-c", 20, "-i", "1ms", "-W", "300ms",
                      udp, silent)
        assert it.errors == ""
        families = openmetrics.parse(it.output)
        sent = families["echoping_sent"]
        assert sent.samples == [("_total", {"target": udp}, 20),
                                ("_total", {"target": silent}, 20)]
        lost = families["echoping_loss_ratio"].samples
        assert lost[1] == ("", {"target": silent}, 1), lost
        rtt = families["echoping_rtt_seconds"]
        assert (rtt.type, rtt.unit) == ("summary", "seconds")
        samples = {(suffix, labels.get("quantile")): value
                   for suffix, labels, value in rtt.samples
                   if labels["target"] == udp}
        received = families["echoping_received"].samples[0][2]
        assert samples["_count", None] == received
        assert samples["", "0.5"] <= samples["", "0.9"] < LIMIT
        assert samples["", "0.99"] != samples["", "0.99"], "not a number"
    for arguments in (("--openmetrics", silent, silent),):
        it = echoping(*arguments)
        assert it.status == 2 and "give each once" in it.errors, it.errors


# --- Files ---

@case("--hdr: the columns that HdrHistogram's plotters read")
def hdr_file():
    path = scratch_directory() + "/run.hdr"
    with _service() as echod:
        it = echoping("-q", "-c", 200, *FAST, f"--hdr={path}",
                      _target(echod, "udp"))
    assert it.status == 0, it.errors
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    assert lines[0].split() == ["Value", "Percentile", "TotalCount",
                                "1/(1-Percentile)"]
    rows = [[float(word) for word in line.split()]
            for line in lines[2:] if not line.startswith("#")]
    assert all(len(row) == 4 for row in rows)
    for column in range(4):
        values = [row[column] for row in rows]
        assert values == sorted(values)
    assert rows[-1][1:] == [1, 200, float("inf")]
    assert re.match(r"#\[Mean +=", lines[-4])
    assert re.match(r"#\[Max +=.*, Total count += +200\]", lines[-3])
    assert lines[-1] == "#[Unit    = microseconds]"


def _curves(path):
    """The legend of a plot: parsed, so that it is well-formed."""
    tag = "{http://www.w3.org/2000/svg}"
    root = xml.parse(path).getroot()
    assert root.tag == tag + "svg"
    dots = root.findall(tag + "circle")
    texts = [text.text for text in root.findall(tag + "text")]
    assert "Latency by percentile" in texts and "50 %" in texts
    return len(dots), texts


@case("--plot: what was measured, and what --json told of other runs")
def plots():
    directory = scratch_directory()
    svg = f"--plot={directory}/a.svg"
    with _service() as echod:
        tcp, udp = _target(echod, "tcp"), _target(echod, "udp")
        it = echoping("-c", 20, *FAST, svg, tcp, udp)
        assert it.status == 0, it.errors
        count, texts = _curves(directory + "/a.svg")
        assert count == 2 and tcp in texts and udp in texts, texts
        for name, target in (("one", tcp), ("two", udp)):
            with open(f"{directory}/{name}.json", "wb") as file:
                echoping("--json", "-c", 20, *FAST, target, stdout=file)
    runs = [f"{directory}/{name}.json" for name in ("one", "two")]
    it = echoping(svg, *runs)
    assert (it.status, it.output, it.errors) == (0, "", "")
    count, texts = _curves(directory + "/a.svg")
    assert count == 2 and f"one: {tcp}" in texts and f"two: {udp}" in texts
    assert sorted(os.listdir(directory)) == ["a.svg", "one.json", "two.json"]


@case("--plot: what cannot be drawn is told, and nothing is left half-done")
def plots_refused():
    directory = scratch_directory()
    svg = f"--plot={directory}/a.svg"
    run = f"{directory}/run.json"
    with open(run, "w", encoding="utf-8") as file:
        file.write('{"format":1,"type":"start"}\n64 bytes from\n')
    for arguments, reason in (
            ((svg, run), f"{run}: line 2 is no JSON object"),
            ((svg, f"{directory}/none.json"), "cannot read"),
            ((svg, run, "127.0.0.1"), "give only operands that end in .json"),
            ((svg, "--load", run), "no --load")):
        it = echoping(*arguments)
        assert it.status == 2, (arguments, it.status)
        assert reason in it.errors, (reason, it.errors)
        _matches(r"echoping: .*\n", it.errors)
    with _service() as echod:
        it = echoping("-c", 1, f"--plot={directory}/none/a.svg",
                      _target(echod, "udp"))
        assert it.status == 2
        _matches(rf"echoping: cannot write {directory}/none/a\.svg: "
                 r"No such file or directory\n", it.errors)
    assert os.listdir(directory) == ["run.json"]


# --- Nobody takes it ---

@case("a full disk and a closed pipe are errors, and end an endless run")
def write_errors():
    with _service() as echod:
        target = _target(echod, "udp")
        for mode in ((), ("-q",), ("--json",), ("--openmetrics",),
                     ("-n", 2, "-w", "0.001")):
            count = () if "-n" in mode else ("-c", 2)
            with open("/dev/full", "wb") as full:
                it = echoping(*mode, *count, "-i", "1ms", target, stdout=full)
            assert it.status == 2, (mode, it.status)
            assert it.errors == ("echoping: cannot write standard output: "
                                 "No space left on device\n"), it.errors
        for mode in ((), ("--json",)):
            read_end, write_end = os.pipe()
            os.close(read_end)
            it = echoping(*mode, "-i", "1ms", target, stdout=write_end)
            os.close(write_end)
            assert it.status == 2, (mode, it.status)
            assert it.errors == ("echoping: cannot write standard output: "
                                 "Broken pipe\n"), it.errors
    for option in ("--help", "--version"):
        with open("/dev/full", "wb") as full:
            it = echoping(option, stdout=full)
        assert it.status == 2, (option, it.status)


if __name__ == "__main__":
    main(side_by_side=4)

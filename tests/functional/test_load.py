#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""Load mode against echod: every kind of load, and every option."""

import os
import re
import resource
import signal
import socket

import faulty
import netspace
from client import connect, nobody
from daemon import Echod, sanitized
from echodtest import case, main, note, scratch_directory, until
from pinger import Echoping, echoping

UNIX_KINDS = ("unix", "unix-dgram", "unix-seqpacket")


def _load(target, *options, status=0, duration="400ms", warmup="50ms"):
    """Run it; returns the summary."""
    it = echoping("--load", "--json", f"--duration={duration}",
                  f"--warmup={warmup}", *options, target)
    assert it.status == status, (it.status, it.errors)
    return it.summary()


def _target(echod, scheme="tcp"):
    return "{}:{}:{}".format(scheme, *echod.address(scheme))


def _listens():
    return Echod("-l", "tcp:127.0.0.1:0", "-l", "udp:127.0.0.1:0")


def _counted(echod):
    """The counters when all connections have ended, hence all is counted."""
    return until(lambda: (counters := echod.counters())["connections_closed"]
                 == counters["connections_accepted"] and counters,
                 "all connections closed")


def _all_is_well(summary):
    """Nothing was lost or wrong, and the counts add up."""
    for name in ("lost", "late", "duplicate", "corrupt", "truncated",
                 "foreign", "errors", "socket_drops"):
        assert summary[name] == 0, (name, summary[name])
    assert summary["received"] == summary["sent"] > 0
    assert summary["rtt"]["count"] == summary["received"]
    assert summary["elapsed_ns"] > 0


def _all_is_echoed(summary):
    _all_is_well(summary)
    assert summary["echoed_bytes"] == summary["received"] * summary["bytes"]


def _as_many_as_due(it):
    """In the measurement; what was late may be of the time before (also the
    first, for the schedule begins when its thread is called, and the
    measurement when it heard that), and what is, is sent after."""
    due = it["rate"] * it["elapsed_ns"] / 1e9
    late = it["rate"] * it["lag"]["max_ns"] / 1e9
    assert abs(it["sent"] + it["unsent"] - due) <= 2 + late, (it["sent"], due)


def _says(target, what, *options, status=2):
    """It ends with one line that says what is wrong."""
    it = echoping("--load", "--duration=100ms", *options, target)
    assert it.status == status, (it.status, it.output, it.errors)
    lines = it.errors.splitlines()
    assert len(lines) == 1 and re.search(what, lines[0]), it.errors


@case("closed loop, TCP: all come back, on all connections at once")
def closed():
    with _listens() as echod:
        summary = _load(_target(echod), "--connections=20")
        _all_is_echoed(summary)
        assert summary["connections"] == 20
        assert echod.counters()["connections_accepted"] == 20
        assert summary["intended"] is None and summary["lag"] is None


@case("--busy-poll never sleeps, and is no limit for that")
def busy_poll():
    with _listens() as echod:
        for target in (_target(echod), _target(echod, "udp")):
            summary = _load(target, "--busy-poll")
            _all_is_echoed(summary)
            assert summary["client_limited"] is None, summary
            asleep, awake = (
                sum(_load(target, "--rate=100", *options)["cpu"].values())
                for options in ((), ("--busy-poll",)))
            note(f"CPU at 100 messages a second: {asleep} ns, {awake} ns")
            # With a sanitizer each message takes some of what there is.
            assert awake > (2 if sanitized() else 5) * asleep, (asleep, awake)


@case("sizes from 1 byte to 1 MiB, deep pipelines, TCP")
def sizes():
    with _listens() as echod:
        for size, depth in (("1", 1), ("1", 100), ("64", 1024), ("1000", 7),
                            ("70000", 3), ("1M", 2)):
            _all_is_echoed(_load(_target(echod), f"--size={size}",
                                 f"--pipeline={depth}", "--connections=3"))


@case("what the service counted is what was sent: warm-up is not counted")
def warmup():
    with _listens() as echod:
        summary = _load(_target(echod), "--rate=500", duration="600ms",
                        warmup="400ms")
        _all_is_echoed(summary)
        sent = _counted(echod)["bytes_received"] // 64
        # 500 messages, of which 200 are warm-up; the machine may be late.
        note(f"{summary['sent']} of {sent}")
        assert summary["sent"] < sent, "warm-up was counted"
        summary = _load(_target(echod), "--rate=500", warmup="0")
        again = _counted(echod)["bytes_received"] // 64 - sent
        assert summary["sent"] == again, (summary["sent"], again)


@case("datagrams, UDP and Unix: all come back")
def datagrams():
    with _listens() as echod:
        for options in ((), ("--pipeline=32",), ("--size=0",),
                        ("--size=1", "--pipeline=4"), ("--size=9000",)):
            _all_is_echoed(_load(_target(echod, "udp"), "--connections=5",
                                 *options))


@case("Unix streams, datagrams and records")
def unix():
    place = scratch_directory()
    names = {kind: f"{kind}:{place}/{kind}" for kind in UNIX_KINDS}
    arguments = [word for name in names.values() for word in ("-l", name)]
    with Echod(*arguments):
        for name in names.values():
            _all_is_echoed(_load(name, "--connections=3", "--pipeline=4"))


def _received(echod):
    counters = echod.counters()
    return counters["bytes_received"] + counters["datagrams_received"]


@case("Unix datagrams and records: a service that comes again is found again")
def unix_again():
    place = scratch_directory()
    for kind in UNIX_KINDS:
        name = f"{kind}:{place}/{kind}"
        with Echod("-l", name) as echod:
            it = Echoping("--load", "--json", "--duration=1h", "--warmup=0",
                          "--timeout=300ms", "--connections=3", name)
            until(lambda: _received(echod) > 0, "load")
            echod.stop()
        with it, Echod("-l", name) as echod:
            until(lambda: _received(echod) > 0, "load")
            it.interrupt()
        summary = it.summary()
        # Not each socket need have noticed before the end.
        assert 1 <= summary["errors"], summary["errors"]
        assert summary["received"] + summary["lost"] == summary["sent"]
        for fault in ("duplicate", "truncated", "corrupt", "foreign"):
            assert summary[fault] == 0, (kind, fault, summary[fault])


@case("trains where the device cannot cut them: told, and without",
      keep_root=True)
def no_trains():
    netspace.isolate()
    netspace.ip("link", "set", "lo", "mtu", "1500")
    with Echod("-l", "udp:127.0.0.1:7007") as echod:
        it = echoping("--load", "--json", "--gso", "--pipeline=16",
                      "--size=2000", "--duration=300ms", "--warmup=0",
                      _target(echod, "udp"))
        assert re.search("--gso: .*going on without", it.errors), it.errors
        assert len(it.errors.splitlines()) == 1
        _all_is_echoed(it.summary())


@case("trains of datagrams (--gso): all come back")
def trains():
    with _listens() as echod:
        target = _target(echod, "udp")
        for size in ("64", "1200", "40000"):
            _all_is_echoed(_load(target, "--gso", "--pipeline=64",
                                 f"--size={size}", "--connections=2"))
        _all_is_echoed(_load(target, "--gso", "--pipeline=16", "--rate=5000"))


@case("open loop: as many as were due, timed from when they were")
def open_loop():
    with _listens() as echod:
        for scheme in ("tcp", "udp"):
            it = _load(_target(echod, scheme), "--rate=2K",
                       "--connections=10", "--pipeline=200", "--threads=2",
                       duration="1s")
            _all_is_echoed(it)
            _as_many_as_due(it)
            for name in ("intended", "lag"):
                assert it[name]["count"] == it["received"]
            assert it["intended"]["mean_ns"] >= it["rtt"]["mean_ns"]


def _times_asleep(it):
    """How often the thread that sends went to sleep."""
    for number in os.listdir(f"/proc/{it.pid}/task"):
        with open(f"/proc/{it.pid}/task/{number}/status",
                  encoding="utf-8") as file:
            status = file.read()
        if "\tload-" in status:
            return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status,
                                 re.M)[1])
    return 0


@case("open loop at a low rate: it sleeps between messages, and is no busy "
      "loop")
def open_loop_sleeps():
    with _listens() as echod:
        with Echoping("--load", "--json", "--rate=20", "--duration=60s",
                      "--warmup=0", _target(echod)) as it:
            until(lambda: _times_asleep(it) > 30, "sleep")
            it.interrupt()
        summary = it.summary()
        cpu = summary["cpu"]["user_ns"] + summary["cpu"]["system_ns"]
        note(f"busy {100 * cpu / summary['elapsed_ns']:.1f} %")
        assert cpu < 0.3 * summary["elapsed_ns"]


@case("open loop, a service that stands still: what was due waits, counted "
      "from then, and what was never sent is told")
def open_loop_waits():
    with _listens() as echod:
        with Echoping("--load", "--json", "--rate=100", "--duration=3s",
                      "--warmup=0", "--timeout=20s",
                      _target(echod)) as it:
            until(lambda: echod.counters()["bytes_received"] > 64 * 20,
                  "messages")
            echod.pause()
            received = len(it.read_line())
            assert received
            it.read_line()
            it.read_line()
            echod.resume()
            it.wait()
        summary = it.summary()
        assert it.status == 0
        assert summary["lost"] == 0
        # One is under way meanwhile; those behind it wait for it.
        note(f"{summary['sent']} sent, {summary['unsent']} unsent, lag "
             f"{summary['lag']}")
        assert summary["intended"]["p90_ns"] > 10 * summary["rtt"]["p50_ns"]
        assert summary["lag"]["max_ns"] > 5e8
        assert summary["client_limited"] is None


@case("open loop, a service that never resumes: what is due and unsent")
def open_loop_never():
    with _listens() as echod:
        with Echoping("--load", "--json", "--rate=1000", "--duration=2s",
                      "--warmup=0", "--timeout=1s", "--connections=2",
                      "--threads=1", _target(echod)) as it:
            assert it.read_line()
            until(lambda: echod.counters()["bytes_received"] > 64 * 20,
                  "messages")
            echod.pause()
            it.wait()
            echod.resume()
        summary = it.summary()
        assert summary["lost"] == 2, summary["lost"]
        _as_many_as_due(summary)
        assert summary["unsent"] > 0


@case("a rate that the client cannot keep is said to be the client's limit")
def client_limited():
    with _listens() as echod:
        it = _load(_target(echod, "udp"), "--rate=50M", "--threads=1",
                   "--pipeline=1000", "--connections=50")
        assert "client" in it["client_limited"], it
        assert it["unsent"] > 0
        text = echoping("--load", "--rate=50M", "--duration=200ms",
                        "--threads=1", "--pipeline=1000",
                        "--connections=50", _target(echod, "udp"))
        assert re.search("warning: .*client", text.output), text.output


@case("connect, echo, close: each is measured whole, and by its connect")
def connects():
    with _listens() as echod:
        it = _load(_target(echod), "--connect", "--connections=5",
                   "--threads=1")
        _all_is_echoed(it)
        assert it["connect"]["count"] == it["received"]
        assert it["connect"]["mean_ns"] < it["rtt"]["mean_ns"]
        counters = echod.counters()
        assert counters["connections_accepted"] >= it["received"]
        it = _load(_target(echod), "--connect", "--rate=100",
                   "--connections=20", duration="1s")
        _all_is_echoed(it)
        _as_many_as_due(it)


@case("no free source port is told to be the client's limit",
      keep_root=True)
def no_port():
    netspace.isolate()
    netspace.set_sysctl("ipv4/ip_local_port_range", "50000 50009")
    with _listens() as echod:
        holders = [connect(echod.address("tcp")) for _ in range(6)]
        it = echoping("--load", "--json", "--connect", "--connections=10",
                      "--duration=300ms", "--warmup=0", _target(echod))
        assert "source port" in it.summary()["client_limited"], it.output
        assert it.errors.count("no source port is free") == 1, it.errors
        assert it.summary()["received"] > 0 and it.status == 0
        assert len(holders) == 6


@case("bulk: streams both ways, all is verified")
def bulk():
    with _listens() as echod:
        it = _load(_target(echod), "--bulk", "--connections=3")
        assert it["sent"] == it["received"] == 3 and it["lost"] == 0
        assert it["corrupt"] == it["errors"] == 0
        assert it["echoed_bytes"] > 1 << 20
        assert _counted(echod)["bytes_received"] >= it["echoed_bytes"]
        text = echoping("--load", "--bulk", "--duration=200ms",
                        _target(echod))
        assert re.search(r"[MG]B/s", text.output), text.output


@case("hold: many stand, each echoes once, and the count of those that still "
      "stand is told")
def hold():
    with _listens() as echod:
        it = _load(_target(echod), "--hold", "--connections=1500",
                   duration="300ms")
        _all_is_echoed(it)
        assert it["sent"] == 1500 == it["connections"]
        assert it["connect"]["count"] == 1500
        echod.await_counters(connections_accepted=1500,
                             bytes_received=1500 * 64)


@case("hold --busy: some of them go on, the others stay idle")
def hold_busy():
    with _listens() as echod:
        it = echoping("--load", "--json", "--hold", "--connections=300",
                      "--busy=20", "--size=100", "--duration=400ms",
                      _target(echod))
        assert it.status == 0, (it.status, it.errors)
        summary = it.summary()
        echod.await_counters(connections_accepted=300, bytes_received=(
            300 + summary["sent"]) * 100)
    _all_is_echoed(summary)
    assert summary["connections"] == summary["connect"]["count"] == 300
    assert summary["busy"] == 20 and summary["sent"] > 40, summary
    intervals = it.objects("interval")
    first = sum(one["messages"] for one in intervals if one["warmup"])
    assert first == 300, intervals


@case("hold --busy: as many as asked for, evenly spread")
def hold_busy_spread():
    counts = {}

    def serve(sock, number):
        while data := sock.recv(64, socket.MSG_WAITALL):
            counts[number] = counts.get(number, 0) + 1
            sock.sendall(data)

    with faulty.Streams(serve) as service:
        for busy in (3, 10):
            it = _load(service.target, "--hold", "--connections=10",
                       f"--busy={busy}", "--threads=1", duration="300ms")
            _all_is_echoed(it)
            went_on = [number for number in range(10)
                       if counts[len(counts) - 10 + number] > 1]
            assert len(went_on) == busy, counts
            assert all(b - a in (1, 3, 4) and (busy == 10 or b - a > 1)
                       for a, b in zip(went_on, went_on[1:])), went_on


@case("hold: what the service ends does not stand any more")
def hold_ends():
    with _listens() as echod:
        with Echoping("--load", "--json", "--hold", "--connections=10",
                      "--duration=60s", _target(echod)) as it:
            until(lambda: echod.counters()["bytes_received"] == 640, "echoes")
            echod.signal(signal.SIGTERM)
            assert re.search("has closed a connection", it.read_error())
            echod.wait()
            until(lambda: _intervals(it)[-1]["connections"] == 0, "an end")
            it.interrupt()
        assert it.summary()["connections"] == 0
        assert it.summary()["errors"] == 10
        assert it.summary()["received"] == 10


def _intervals(it):
    it.read_line()
    return it.objects("interval") or [{"connections": -1}]


@case("hold: from as many addresses of 127/8 as needed", keep_root=True)
def hold_addresses():
    netspace.isolate()
    netspace.set_sysctl("ipv4/ip_local_port_range", "50000 50099")
    sources = set()

    def serve(sock, _number):
        sources.add(sock.getpeername()[0])
        faulty.echo(sock)

    with faulty.Streams(serve) as service:
        it = _load(service.target, "--hold", "--connections=300",
                   duration="100ms")
        _all_is_echoed(it)
        assert it["connections"] == 300
    # Four of ten ports are used before the next address is.
    assert sources == {f"127.0.0.{n}" for n in range(1, 9)}, sources


@case("the limit on descriptors is raised, and what exceeds it refused")
def descriptors():
    with _listens() as echod:
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 400))
        it = _load(_target(echod), "--connections=200", duration="100ms")
        assert it["connections"] == 200
        _says(_target(echod), "more descriptors than the limit of 400 .*-Hn",
              "--connections=1000")
        note(limits)


def _threads(it):
    """Those that send; others are the main one and perhaps a sanitizer's."""
    count = 0
    for number in os.listdir(f"/proc/{it.pid}/task"):
        with open(f"/proc/{it.pid}/task/{number}/comm", "rb") as file:
            count += file.read().startswith(b"load-")
    return count


@case("threads: as many as asked for, at most one for each connection")
def threads():
    with _listens() as echod:
        for connections, asked, made in ((5, 3, 3), (2, 8, 2), (1, "auto", 1)):
            with Echoping("--load", "--json", f"--connections={connections}",
                          f"--threads={asked}", "--duration=60s",
                          _target(echod)) as it:
                it.read_line()
                until(lambda: _threads(it) == made, "threads")
                it.interrupt()
                assert it.summary()["threads"] == made


@case("SIGQUIT prints an interval at once; SIGINT and SIGTERM the summary")
def signals():
    with _listens() as echod:
        for number in (signal.SIGINT, signal.SIGTERM):
            with Echoping("--load", "--json", "--duration=1h", "--warmup=0",
                          _target(echod)) as it:
                it.read_line()
                until(lambda: echod.counters()["bytes_received"] > 0, "load")
                it.signal(signal.SIGQUIT)
                # It is shorter than those that come by themselves.
                until(lambda: _intervals(it)[-1].get("length_ns", 1e9) < 1e9,
                      "an interval")
                it.signal(number)
                it.wait()
            assert it.status == 0, it.errors
            _all_is_echoed(it.summary())


@case("intervals come about once a second, and add up")
def intervals():
    with _listens() as echod:
        it = echoping("--load", "--json", "--duration=2500ms", "--warmup=0",
                      "--rate=200", _target(echod))
        found = it.objects("interval")
        assert 2 <= len(found) <= 4, found
        total = sum(one["messages"] for one in found)
        # The last ones are awaited after the last interval.
        assert 0 <= it.summary()["received"] - total < 100, total
        assert all(one["latency"]["count"] == one["messages"]
                   for one in found)


@case("--deadline ends it earlier than --duration")
def deadline():
    with _listens() as echod:
        it = _load(_target(echod), "--deadline=400ms", duration="1h")
        _all_is_echoed(it)


@case("thresholds are missed or kept")
def thresholds():
    with _listens() as echod:
        target = _target(echod)
        _load(target, "--max-rtt-p99=1us", status=1)
        _load(target, "--max-rtt-p99=1us", "--rate=500", status=1)
        _load(target, "--max-rtt-p99=30s", "--max-loss=0")


@case("nobody listens: a line says so, and the exit status is 2")
def refused():
    with nobody() as unused:
        target = "tcp:127.0.0.1:{}".format(unused.getsockname()[1])
        for options in ((), ("--bulk",), ("--hold",), ("--connect",)):
            _says(target, "connect: Connection refused .*running",
                  "--connections=3", *options)
    _says("unix:/nonexistent/echo", "connect: No such file.*running")


@case("UDP, nobody listens: told once, counted, and it goes on")
def refused_datagrams():
    with nobody(socket.SOCK_DGRAM) as unused:
        it = echoping("--load", "--json", "--timeout=100ms",
                      "--duration=500ms", "--warmup=0", "--connections=2",
                      "udp:127.0.0.1:{}".format(unused.getsockname()[1]))
    assert it.status == 1, it.status
    assert it.errors.count("Connection refused") <= 2, it.errors
    summary = it.summary()
    assert summary["errors"] >= 4 and summary["received"] == 0
    assert summary["lost"] == summary["sent"] >= 4


@case("what contradicts the target is refused with the remedy")
def conflicts():
    for options, what in (
            (("-u", "--connect"), "--connect needs a stream"),
            (("-u", "--bulk"), "--bulk needs a stream"),
            (("-u", "--hold"), "--hold needs a stream"),
            (("--gso",), "--gso is for datagrams .*udp:"),
            (("--size=0",), "no empty messages .*--size=1"),
            (("--bulk", "--rate=5"), "--rate is for messages"),
            (("--hold", "--rate=5"), "--rate is for messages"),
            (("--connect", "--pipeline=2"), "--pipeline is for messages"),
            (("-u", "--size=65508"), "--size=65508 is too long .*65507")):
        _says("127.0.0.1:9", what, *options)


@case("a name with several addresses: the first that answers")
def candidates():
    with _listens() as echod:
        try:
            socket.getaddrinfo(b"localhost", 7)
        except socket.gaierror:
            return
        _, port = echod.address("tcp")
        _all_is_echoed(_load(f"localhost:{port}"))
        _, port = echod.address("udp")
        _all_is_echoed(_load(f"udp:localhost:{port}"))


@case("--source is where it comes from")
def source():
    with Echod("-l", "tcp:127.0.0.1:0", "--log-connections") as echod:
        _load(_target(echod), "--source=127.0.0.77", "--connections=2")
        echod.stop()
        assert len(re.findall(r"127\.0\.0\.77:", echod.log)) >= 2, echod.log


@case("--hdr and --plot write files")
def files():
    place = scratch_directory()
    with _listens() as echod:
        _load(_target(echod), f"--hdr={place}/a.hdr", f"--plot={place}/a.svg")
        for name in ("a.hdr", "a.svg"):
            assert os.path.getsize(f"{place}/{name}") > 100
        _load(_target(echod), f"--hdr={place}/none/a.hdr", status=2)


@case("text: rate, latency and client CPU are told")
def text():
    with _listens() as echod:
        it = echoping("--load", "--duration=300ms", _target(echod))
        assert re.search(r"echoed and verified", it.output), it.output
        assert it.errors == "", it.errors


if __name__ == "__main__":
    main(side_by_side=4)

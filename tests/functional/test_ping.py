#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""echoping against echod: every kind of target, all sizes, flows, sources,
signals, and how it ends."""

import os
import re
import signal
import socket

import client
from daemon import Echod, LIMIT
from echodtest import Skip, case, main, scratch_directory, until
from pinger import Echoping, assert_tally, echoping

PIPE_SIZE = 65536
FAST = ("--json", "-i", "2ms", "-W", "20s")


def text(scheme, address):
    """The target for where a daemon listens."""
    if isinstance(address, str):
        return f"{scheme}:{address}"
    host, port = address
    return f"{scheme}:[{host}]:{port}" if ":" in host else \
        f"{scheme}:{host}:{port}"


def daemon(*schemes):
    return Echod(*[word for scheme in schemes
                   for word in ("-l", f"{scheme}:127.0.0.1:0")])


def target(echod, scheme):
    return text(scheme, echod.address(scheme))


def answered(count, *arguments):
    """Run it; all that it sent has come back as it was."""
    it = echoping(*FAST, "-c", count, *arguments)
    assert it.status == 0 and it.errors == "", (it.status, it.errors)
    for summary in it.objects("summary"):
        assert_tally(summary, received=count)
    return it


@case("UDP, TCP and MPTCP")
def internet():
    schemes = ["udp", "tcp"]
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262).close()
        schemes.append("mptcp")
    except OSError:
        pass
    with daemon(*schemes) as echod:
        for scheme in schemes:
            it = answered(20, target(echod, scheme))
            assert {reply["target"] for reply in it.objects("reply")} == {
                target(echod, scheme)}


@case("Unix streams, datagrams and records; by our own clock")
def unix():
    directory = scratch_directory()
    schemes = {"unix": "stream", "unix-dgram": "dgram",
               "unix-seqpacket": "records"}
    options = [word for scheme, name in schemes.items()
               for word in ("-l", f"{scheme}:{directory}/{name}")]
    with Echod(*options):
        for scheme, name in schemes.items():
            it = answered(20, f"{scheme}:{directory}/{name}")
            assert it.summary()["clock"] == {"kernel": 0, "user": 20}
            assert {reply["port"] for reply in it.objects("reply")} == {None}


@case("vsock, if there is a loopback of it")
def vsock():
    with socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM) as sock:
        try:
            sock.bind((socket.VMADDR_CID_ANY, socket.VMADDR_PORT_ANY))
            sock.listen()
            with socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM) as other:
                other.settimeout(1)
                other.connect((1, sock.getsockname()[1]))
        except OSError as error:
            raise Skip(f"no vsock loopback: {error}") from error
        port = sock.getsockname()[1]
    with Echod("-l", f"vsock:{port}"):
        answered(5, f"vsock:1:{port}")


@case("IPv6, and host names with -4, -6 and -u")
def families():
    with Echod("-l", "udp:[::1]:0", "-l", "tcp:[::1]:0",
               "-l", "udp:127.0.0.1:0", "-l", "tcp:127.0.0.1:0") as echod:
        by_family = {
            (scheme, ":" in host): port for scheme in ("udp", "tcp")
            for host, port in echod.addresses(scheme)}
        for scheme in ("udp", "tcp"):
            answered(3, f"{scheme}:[::1]:{by_family[scheme, True]}")
            option = ["-u"] if scheme == "udp" else []
            answered(3, *option, "-4",
                     f"localhost:{by_family[scheme, False]}")
            answered(3, *option, f"127.0.0.1:{by_family[scheme, False]}")
    it = echoping("-c", 1, "-4", "udp:[::1]:7")
    assert it.status == 2 and "IPv4" in it.errors, it.errors
    assert it.errors.count("\n") == 1


@case("sizes of datagrams, from none to the longest")
def datagram_sizes():
    with Echod("-l", "udp:127.0.0.1:0", "-l", "udp:[::1]:0") as echod:
        for address in echod.addresses("udp"):
            longest = 65527 if ":" in address[0] else 65507
            for size in (0, 1, 7, 8, 15, 16, 17, 1400, longest):
                it = answered(3, "-s", size, text("udp", address))
                assert {reply["bytes"] for reply in it.objects("reply")} == {
                    size}
            it = echoping("-c", 1, "-s", longest + 1, text("udp", address))
            assert it.status == 2 and "--size" in it.errors
            assert it.errors.count("\n") == 1 and it.output == ""


@case("sizes on streams, up to a megabyte")
def stream_sizes():
    with daemon("tcp") as echod:
        for size in (1, 7, 8, 15, 16, 17, "64K", 65537, "1M"):
            answered(5, "-s", size, target(echod, "tcp"))
        it = echoping("-c", 1, "-s", 0, target(echod, "tcp"))
        assert it.status == 2 and "--size=0" in it.errors


@case("--fill: what is sent is this, again and again, behind the header")
def fill():
    for option, expected in (("x", b"x" * 20), ("0xff00aa",
                                                bytes.fromhex("ff00aa") * 8)):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            sock.settimeout(LIMIT)
            with Echoping(*FAST, "-c", 2, "-s", 36, "-f", option,
                          f"udp:127.0.0.1:{sock.getsockname()[1]}") as it:
                for _ in range(2):
                    data, peer = sock.recvfrom(100)
                    assert data[16:] in (expected[at:at + 20] for at in
                                         range(len(expected) - 19)), data
                    sock.sendto(data, peer)
                it.wait()
            assert_tally(it.summary(), received=2)


@case("--count with several targets, one of them dead")
def several():
    with daemon("udp", "tcp") as echod:
        with client.nobody() as stream, \
                client.nobody(socket.SOCK_DGRAM) as datagram:
            it = echoping(*FAST, "-c", 10, target(echod, "udp"),
                          text("tcp", stream.getsockname()),
                          target(echod, "tcp"),
                          text("udp", datagram.getsockname()))
    assert it.status == 1
    udp, dead_tcp, tcp, dead_udp = it.objects("summary")
    assert_tally(udp, received=10)
    assert_tally(tcp, received=10)
    assert_tally(dead_tcp, lost=10, errors=10)
    assert_tally(dead_udp, lost=10, errors=10)


@case("--flows: as many ports, probes spread evenly, counted for each")
def flows():
    with daemon("udp", "tcp") as echod:
        for scheme in ("udp", "tcp"):
            it = answered(40, "--flows=8", target(echod, scheme))
            flows_told = it.summary()["flows"]
            ports = {flow["port"] for flow in flows_told}
            assert len(ports) == 8 and None not in ports
            assert all(flow["sent"] == flow["received"] == 5 and
                       flow["rtt"]["count"] == 5 for flow in flows_told)
            for reply in it.objects("reply"):
                assert reply["flow"] == (reply["sequence"] - 1) % 8
            slowest = [flow["rtt"]["max_ns"] for flow in flows_told]
            assert slowest == sorted(slowest, reverse=True)


@case("--flows: the one that loses is the first of the summary")
def bad_flow():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(LIMIT)
        with Echoping("--json", "-i", "2ms", "-W", "500ms", "-c", 40,
                      "--flows=4",
                      f"udp:127.0.0.1:{sock.getsockname()[1]}") as it:
            bad = None
            for _ in range(40):
                data, peer = sock.recvfrom(100)
                if int.from_bytes(data[:8], "little") == 3:
                    bad = peer[1]
                if peer[1] != bad:
                    sock.sendto(data, peer)
            it.wait()
    assert_tally(it.summary(), received=30, lost=10)
    first, *others = it.summary()["flows"]
    assert first["port"] == bad and first["flow"] == 2
    assert first["lost"] == first["sent"] == 10
    assert first["loss_percent"] == 100
    assert all(flow["lost"] == 0 for flow in others)


@case("--source: address, address and port, interface")
def sources():
    with daemon("udp", "tcp") as echod:
        for scheme in ("udp", "tcp"):
            answered(3, "-I", "127.0.0.5", target(echod, scheme))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            sock.settimeout(LIMIT)
            probed = f"udp:127.0.0.1:{sock.getsockname()[1]}"
            for base in free_ports(3):
                with Echoping("--json", "-i", "1ms", "-c", 3, "-W", "50ms",
                              "--flows=3", "-I", f"127.0.0.6:{base}",
                              probed) as it:
                    peers = {sock.recvfrom(100)[1] for _ in range(3)}
                    it.wait()
                assert peers == {("127.0.0.6", base + flow)
                                 for flow in range(3)}
                assert {flow["port"] for flow in it.summary()["flows"]} == {
                    base + flow for flow in range(3)}
        it = echoping(*FAST, "-c", 3, "-I", "lo", target(echod, "udp"))
        assert it.status == 0 or "needs root" in it.errors, it.errors


def free_ports(count):
    """The first of so many ports that nobody uses on 127.0.0.6."""
    begin = 20000 + os.getpid() % 1000 * 10  # others look for some, too
    for base in range(begin, begin + 1000, count):
        socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                 for _ in range(count)]
        try:
            for number, sock in enumerate(socks):
                sock.bind(("127.0.0.6", base + number))
        except OSError:
            continue
        finally:
            for sock in socks:
                sock.close()
        return [base]
    raise Skip("no free ports in a row")


@case("--source that cannot be: one line, exit status 2")
def wrong_sources():
    with daemon("udp", "tcp") as echod:
        for source in ("192.0.2.77", "nonsense.invalid", "::1", "127.0.0.1:x",
                       "eth99", ":7"):
            for scheme in ("udp", "tcp"):
                it = echoping(*FAST, "-c", 3, "-I", source,
                              target(echod, scheme))
                assert it.status == 2, (source, it.status, it.output)
                assert it.errors.count("\n") == 1, it.errors
                assert "--source" in it.errors
                assert it.objects("reply") == it.objects("lost") == []


@case("SIGINT and SIGTERM: the summary, and the exit status of it")
def interrupted():
    with daemon("udp") as echod:
        for number in (signal.SIGINT, signal.SIGTERM):
            with Echoping("--json", "-i", "10ms", target(echod, "udp")) as it:
                for _ in range(3):
                    it.read_line()
                it.signal(number)
                it.wait()
            assert it.status == 0
            summary = it.summary()
            assert summary["received"] >= 2 and summary["lost"] == 0


@case("SIGQUIT: a status line, and it goes on; SIGINT twice is no harm")
def status():
    with daemon("udp") as echod:
        with Echoping("--json", "-i", "10ms", target(echod, "udp")) as it:
            for _ in range(2):
                for _ in range(3):
                    it.read_line()
                it.signal(signal.SIGQUIT)
                line = it.read_error()
                assert re.search(r"^\d+/\d+ replies", line), line
            it.read_line()
            it.signal(signal.SIGINT)
            it.signal(signal.SIGINT)
            it.wait()
    assert it.status == 0 and it.errors.count("\n") == 2, it.errors
    assert it.summary()["received"] >= 5


@case("signals while it connects: the summary at once")
def while_connecting():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        filler = client.connect(listener.getsockname())
        with Echoping("--json", "-W", "1h",
                      text("tcp", listener.getsockname())) as it:
            it.read_line()
            it.signal(signal.SIGQUIT)
            line = it.read_error()
            assert line.startswith("0/0 replies"), line
            it.interrupt()
        filler.close()
    assert it.status == 1
    assert_tally(it.summary())


@case("--deadline ends it, also while it connects")
def deadline():
    with socket.socket() as listener, daemon("udp") as echod:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        filler = client.connect(listener.getsockname())
        it = echoping("--json", "-W", "1h", "--deadline", "100ms",
                      text("tcp", listener.getsockname()))
        assert it.status == 1
        filler.close()
        it = echoping("--json", "-i", "10ms", "--deadline", "200ms",
                      target(echod, "udp"))
    assert it.status == 0
    assert it.summary()["elapsed_ns"] >= 200e6
    assert 0 < it.summary()["received"] <= 21


@case("a pipe whose reader is gone ends it, soon and quietly")
def broken_pipe():
    with daemon("udp") as echod:
        with Echoping("--json", "-i", "10ms", target(echod, "udp")) as it:
            it.read_line()
            it.close_output()
            it.wait()
    assert it.status in (2, -signal.SIGPIPE), it.status
    assert it.errors.count("\n") <= 1, it.errors


@case("a reader that is slow stops nothing for good")
def slow_reader():
    with daemon("udp") as echod:
        with Echoping("--json", "-i", "100us", "-c", 3000, "-W", "3s",
                      target(echod, "udp")) as it:
            until(lambda: it.unread() > PIPE_SIZE - 4096 or it.ended(), "a full pipe")
            it.wait()
    assert it.status == 0, (it.status, it.errors)
    assert_tally(it.summary(), received=3000)


@case("-n: as -c COUNT --connect, one after the other")
def historical():
    with daemon("tcp") as echod:
        before = echod.counters()["connections_accepted"]
        it = echoping("-n", 3, "-w", "10ms", target(echod, "tcp"))
        assert it.status == 0, it.errors
        assert echod.counters()["connections_accepted"] - before == 3


@case("the lines of ping without --json, with the reply's address")
def plain():
    with daemon("udp") as echod:
        it = echoping("-c", 2, "-i", "1ms", target(echod, "udp"))
        port = echod.address("udp")[1]
    assert it.status == 0
    assert it.output.count(f"127.0.0.1:{port}") >= 2, it.output


if __name__ == "__main__":
    main(side_by_side=4)

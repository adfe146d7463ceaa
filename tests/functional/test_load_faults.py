#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""Load mode against services that do wrong: each counter counts exactly."""

import re
import signal
import socket
import struct
import threading

import daemon
import faulty
from echodtest import case, main, note, until
from pinger import Echoping, echoping

FAULTS = ("lost", "late", "duplicate", "reordered", "corrupt", "truncated",
          "foreign")


def _datagrams(rule, *options, timeout="1s"):
    """A run against the faulty service: (summary, what it did)."""
    with faulty.Datagrams(rule) as service:
        it = echoping("--load", "--json", "--rate=100", "--pipeline=64",
                      "--duration=3s", "--warmup=0", f"--timeout={timeout}",
                      *options, service.target)
        assert it.status == 0, it.errors
        summary = it.summary()
        assert summary["sent"] == service.received
    assert summary["sent"] == summary["received"] + summary["lost"]
    assert summary["rtt"]["count"] == summary["received"]
    note({name: summary[name] for name in FAULTS})
    return summary, service.did


def _expect(summary, **counts):
    """These counters, and no other."""
    for name in FAULTS:
        assert summary[name] == counts.get(name, 0), \
            (name, summary[name], counts.get(name, 0))


def _every(count, fault):
    return lambda number: fault if number % count == 0 else None


@case("datagrams that are dropped are lost, and free their place")
def dropped():
    summary, did = _datagrams(_every(3, "drop"))
    assert did["drop"] == 20
    _expect(summary, lost=20)


@case("a pipeline of one goes on after a loss")
def pipeline_of_one():
    with faulty.Datagrams(_every(30, "drop")) as service:
        it = echoping("--load", "--json", "--timeout=200ms", "--duration=2s",
                      "--warmup=0", service.target)
        assert it.summary()["lost"] == service.did["drop"] == 2
        assert it.summary()["sent"] == service.received


@case("datagrams that are doubled are duplicates")
def doubled():
    summary, did = _datagrams(_every(2, "double"))
    _expect(summary, duplicate=did["double"])
    assert did["double"] == 30


@case("a reply that is overtaken is reordered")
def overtaken():
    summary, did = _datagrams(_every(5, "overtake"))
    _expect(summary, reordered=did["overtake"])
    assert did["overtake"] == 12


@case("a reply after the timeout is lost and late")
def delayed():
    summary, did = _datagrams(_every(4, "delay"))
    _expect(summary, late=did["delay"], lost=did["delay"])
    assert did["delay"] == 15


@case("another byte is corrupt, and so is a byte too many; both are lost")
def corrupted():
    summary, did = _datagrams(_every(4, "corrupt"))
    _expect(summary, corrupt=did["corrupt"], lost=did["corrupt"])
    summary, did = _datagrams(_every(4, "lengthen"))
    _expect(summary, corrupt=did["lengthen"], lost=did["lengthen"])


@case("a reply that is too short is truncated and lost")
def truncated():
    summary, did = _datagrams(_every(6, "truncate"))
    _expect(summary, truncated=did["truncate"], lost=did["truncate"])


@case("what answers nothing is foreign, and harms nothing")
def intruded():
    summary, did = _datagrams(_every(3, "intrude"))
    _expect(summary, foreign=did["intrude"])


@case("all faults at once are told apart")
def all_at_once():
    faults = ("drop", "double", "delay", "corrupt", "truncate", "intrude",
              None)
    summary, did = _datagrams(lambda number: faults[number % len(faults)])
    _expect(summary, duplicate=did["double"], late=did["delay"],
            corrupt=did["corrupt"], truncated=did["truncate"],
            foreign=did["intrude"],
            lost=did["drop"] + did["delay"] + did["corrupt"] +
            did["truncate"])


@case("more than --max-loss: exit status 1")
def too_much_loss():
    for limit, status in (("1", 1), ("50", 0)):
        with faulty.Datagrams(_every(3, "drop")) as service:
            it = echoping("--load", "--json", "--rate=200", "--duration=1s",
                          "--warmup=0", "--timeout=1s", "--pipeline=64",
                          f"--max-loss={limit}", service.target)
            assert it.status == status, (it.status, it.errors)


FLOOD = 40000  # of 1000 bytes: more than any receive buffer holds


@case("drops at our own sockets are counted")
def socket_drops():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(daemon.LIMIT)
        with Echoping("--load", "--json", "--duration=60s", "--warmup=0",
                      "--timeout=1s", "--size=1000", "--threads=1",
                      "udp:127.0.0.1:{}".format(
                          sock.getsockname()[1])) as it:
            data, peer = sock.recvfrom(65536)
            it.signal(signal.SIGSTOP)
            for _ in range(FLOOD):
                sock.sendto(bytes(1000), peer)
            it.signal(signal.SIGCONT)
            # Once it goes on it has read what it had; then there is room.
            sock.sendto(data, peer)
            until(lambda: _answered(sock, data, peer), "the next message")
            it.interrupt()
    summary = it.summary()
    note((summary["foreign"], summary["socket_drops"]))
    assert summary["socket_drops"] >= FLOOD // 4
    assert FLOOD <= summary["foreign"] + summary["socket_drops"] \
        <= FLOOD + 1000


def _answered(sock, data, peer):
    """Whether another message comes; if not, the last may be lost."""
    sock.settimeout(0.05)
    try:
        sock.recvfrom(65536)
        return True
    except TimeoutError:
        sock.sendto(data, peer)
        return False


def _streams(serve, *options, status=0):
    with faulty.Streams(serve) as service:
        it = echoping("--load", "--json", "--duration=500ms", "--warmup=0",
                      "--timeout=2s", *options, service.target)
        assert it.status == status, (it.status, it.errors)
        return it.summary(), it.errors, service.accepted


@case("a wrong byte on a stream: counted, its place told, made again")
def corrupt_stream():
    def serve(sock, number):
        if number == 0:
            faulty.echo(sock, 1000)
            data = bytearray(sock.recv(64))
            data[5] ^= 0x20
            sock.sendall(data)
        faulty.echo(sock)

    summary, errors, accepted = _streams(serve, "--size=64", "--threads=1")
    note(errors)
    assert summary["corrupt"] == summary["errors"] == 1, summary
    assert accepted == 2 and summary["received"] > 15
    assert summary["lost"] == 1
    assert re.search(r"connection 0: byte 1005 came back", errors), errors
    assert len(errors.splitlines()) == 1


@case("bytes of another connection are corrupt")
def crossed_streams():
    """The first bytes of each connection are sent back on the other."""
    pair, met = {}, threading.Barrier(2)

    def serve(sock, number):
        if number < 2:
            data = sock.recv(64)
            pair[number] = sock
            met.wait(10)
            pair[1 - number].sendall(data)
            met.wait(10)
        faulty.echo(sock)

    summary, errors, _ = _streams(serve, "--connections=2")
    assert summary["corrupt"] == 2, summary["corrupt"]
    assert "instead of" in errors, errors


@case("more comes back than was sent: corrupt")
def too_much():
    def serve(sock, number):
        data = sock.recv(64)
        sock.sendall(data + (b"more" if number == 0 else b""))
        faulty.echo(sock)

    summary, errors, _ = _streams(serve)
    assert summary["corrupt"] == 1, summary["corrupt"]
    assert "more than the 64 bytes" in errors, errors


@case("a service that closes: counted, told once, made again, nothing else "
      "lost than what was under way")
def closing():
    def serve(sock, number):
        faulty.echo(sock, 640 if number < 3 else None)

    summary, errors, accepted = _streams(serve, "--pipeline=1")
    assert accepted == 4, accepted
    assert summary["errors"] == 3 and summary["lost"] <= 3
    assert summary["received"] >= 30
    assert summary["sent"] == summary["received"] + summary["lost"]
    assert len(errors.splitlines()) == 1, errors


@case("a service that resets: the same")
def resetting():
    def serve(sock, number):
        if number == 0:
            sock.recv(64)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                            struct.pack("ii", 1, 0))
            return
        faulty.echo(sock)

    summary, errors, accepted = _streams(serve)
    assert accepted == 2 and summary["errors"] == 1 and summary["lost"] == 1
    assert re.search("Connection reset", errors), errors


@case("a reply on a stream after the timeout is lost and late")
def late_stream():
    def serve(sock, number):
        data = sock.recv(64)
        threading.Event().wait(0.7)
        sock.sendall(data)
        faulty.echo(sock)

    with faulty.Streams(serve) as service:
        it = echoping("--load", "--json", "--duration=1500ms", "--warmup=0",
                      "--timeout=500ms", service.target)
    summary = it.summary()
    assert summary["late"] == summary["lost"] >= 1, summary
    assert summary["received"] > 0


@case("what is under way at the end and never comes is lost")
def never_answered():
    def serve(sock, number):
        faulty.echo(sock, 640)
        threading.Event().wait(5)

    with faulty.Streams(serve) as service:
        it = echoping("--load", "--json", "--duration=300ms", "--warmup=0",
                      "--timeout=1s", "--pipeline=4", service.target)
    summary = it.summary()
    assert summary["received"] == 10 and summary["lost"] == 4, summary


@case("connect: corrupt, closed early, never answered")
def connect_faults():
    def serve(sock, number):
        data = sock.recv(64)
        if number == 3:
            data = b"x" + data[1:]
        if number == 4:
            return
        if number == 5:
            threading.Event().wait(5)
        sock.sendall(data)
        faulty.echo(sock)

    summary, errors, _ = _streams(serve, "--connect", "--timeout=1s")
    assert summary["corrupt"] == 1, summary["corrupt"]
    assert summary["lost"] == 3 and summary["errors"] == 3, summary
    assert summary["received"] > 0
    assert "not what was sent" in errors and "timed out" in errors.lower() \
        or "before all came back" in errors, errors


@case("bulk: a wrong byte is found; a service that reads nothing is no "
      "deadlock")
def bulk_faults():
    def corrupt(sock, number):
        if number == 0:
            faulty.echo(sock, 300000)
            data = bytearray(sock.recv(1000))
            data[-1] ^= 1
            sock.sendall(data)
        faulty.echo(sock)

    summary, errors, accepted = _streams(corrupt, "--bulk")
    assert summary["corrupt"] == 1 and accepted == 2, summary
    assert re.search(r"connection 0: byte 30\d\d\d\d", errors), errors
    assert summary["lost"] == 1

    def silent(sock, number):
        threading.Event().wait(5)

    summary, _, _ = _streams(silent, "--bulk", "--timeout=300ms", status=1)
    assert summary["lost"] == 1 and summary["echoed_bytes"] == 0


@case("hold: one that does not echo is lost, and stands; a wrong one falls")
def hold_faults():
    def serve(sock, number):
        data = sock.recv(64)
        if number == 1:
            threading.Event().wait(10)
        sock.sendall(data[::-1] if number == 2 else data)
        faulty.echo(sock)

    summary, errors, _ = _streams(serve, "--hold", "--connections=5",
                                  "--timeout=1s")
    assert summary["lost"] == 2 and summary["corrupt"] == 1, summary
    assert summary["received"] == 3 and summary["connections"] == 4, summary
    assert "not what was sent" in errors


@case("hold: at the end the other side has to end each connection, too")
def hold_end():
    def serve(sock, number):
        sock.sendall(sock.recv(64))
        while sock.recv(64):
            pass
        ended.release()
        if number == behaviour.get("silent"):
            released.wait(20)
        if number == behaviour.get("reset"):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                            struct.pack("ii", 1, 0))

    for behaviour, told in (
            ({}, ""), ({"silent": 5}, "did not end a connection"),
            ({"reset": 5}, "end of a connection: Connection reset by peer")):
        ended, released = threading.Semaphore(0), threading.Event()
        summary, errors, accepted = _streams(
            serve, "--hold", "--connections=10", "--timeout=1s")
        released.set()
        assert summary["connections"] == summary["received"] == 10, summary
        assert told in errors and len(errors.splitlines()) == bool(told), errors
        for _ in range(10):
            assert ended.acquire(timeout=daemon.LIMIT), "it was not ended in order"


@case("hold --busy: silence is a loss, late is late, what is old or wrong falls")
def hold_busy_faults():
    def serve(sock, number):
        first = sock.recv(64)
        sock.sendall(first)
        second = sock.recv(64)
        if number == 1:
            threading.Event().wait(20)
        if number == 2:
            threading.Event().wait(0.8)
        sock.sendall({3: second[::-1], 4: first}.get(number, second))
        faulty.echo(sock)

    summary, errors, _ = _streams(
        serve, "--hold", "--connections=6", "--busy=5", "--threads=1",
        "--timeout=400ms", "--duration=2s")
    note(errors)
    # Connection 0 is the one that stays idle.
    assert summary["corrupt"] == summary["errors"] == 2, summary
    assert summary["late"] == 1 and summary["lost"] == 4, summary
    assert summary["sent"] == summary["received"] + summary["lost"], summary
    assert summary["connections"] == 4, summary
    assert summary["received"] > 20
    assert summary["rtt"]["max_ns"] < 400e6 <= 1e9, summary["rtt"]


if __name__ == "__main__":
    main(side_by_side=6)

#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""What echoping costs and keeps to: memory, descriptors, system calls, pace,
the clock."""

import collections
import os
import re
import shutil
import socket
import time

from daemon import Echod, LIMIT
from echodtest import Skip, case, main, note, scratch_directory
from pinger import Echoping, assert_tally, echoping, sanitized

HISTOGRAM_SIZE = 1 << 17  # rather less than four bytes a probe
PAGE = os.sysconf("SC_PAGE_SIZE")


def bad_service(sock, count):
    """Answer so many probes, but not all, and some twice or late."""
    held = collections.deque()
    for number in range(count):
        data, peer = sock.recvfrom(100)
        if number % 10 == 1:
            held.append((data, peer))
        elif number % 10 != 0:
            sock.sendto(data, peer)
        if number % 10 == 2:
            sock.sendto(data, peer)
        if len(held) > 50:  # by then they are lost
            sock.sendto(*held.popleft())


@case("memory and descriptors are the same however long it runs")
def constant_memory():
    if sanitized():
        raise Skip("the memory of an instrumented program says nothing")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, \
            open(f"{scratch_directory()}/summary", "w+",
                 encoding="utf-8") as output:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(LIMIT)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        with Echoping("--json", "-q", "-i", "100us", "-W", "20ms",
                      f"udp:127.0.0.1:{sock.getsockname()[1]}",
                      stdout=output) as it:
            bad_service(sock, 2000)
            early = it.resident(), it.heap(), it.descriptors()
            bad_service(sock, 38000)
            later = it.resident(), it.heap(), it.descriptors()
            it.interrupt()
        output.seek(0)
        it.output = output.read()
    note(f"resident, heap, descriptors: {early}, then {later}")
    summary = it.summary()
    assert summary["sent"] >= 40000 - summary["lost"]
    for counter in ("lost", "duplicate", "late"):
        assert summary[counter] > 1000, summary
    # Of the histogram (not in the heap) pages are used when a round trip is
    # as long as none was before.
    assert later[0] - early[0] <= HISTOGRAM_SIZE
    assert later[1] - early[1] <= 2 * PAGE
    assert later[2] == early[2]


def calls(target, count, *arguments):
    """How often each system call is made."""
    path = f"{scratch_directory()}/calls"
    it = echoping("--json", "-q", "-i", "1ms", "-W", "20s", "-c", count,
                  *arguments, target,
                  wrapper=["strace", "-f", "-c", "-U", "name,calls", "-o",
                           path])
    assert_tally(it.summary(), received=count)
    with open(path, encoding="utf-8") as file:
        return {name: int(number) for name, number in re.findall(
            r"^\s*([a-z]\w*)\s+(\d+)$", file.read(), re.M)}


@case("a probe costs few system calls")
def system_calls():
    if not shutil.which("strace"):
        raise Skip("no strace")
    with Echod("-l", "udp:127.0.0.1:0", "-l", "tcp:127.0.0.1:0") as echod:
        for scheme in ("udp", "tcp"):
            target = "%s:127.0.0.1:%d" % (scheme, echod.address(scheme)[1])
            few, many = calls(target, 100), calls(target, 1100)
            each = {name: (many[name] - few.get(name, 0)) / 1000
                    for name in many}
            each = {name: number for name, number in each.items()
                    if number > 0.01 and name != "total"}
            note(f"{scheme}: {sum(each.values()):.1f} for a probe: {each}")
            # Send; wait, set the clock and receive, for the reply and for
            # when it left: each until there is no more.
            assert sum(each.values()) <= 14, each
            assert each["epoll_wait"] <= 3.5


@case("the pace: the mean interval is as asked")
def pace():
    with Echod("-l", "udp:127.0.0.1:0") as echod:
        target = "udp:127.0.0.1:%d" % echod.address("udp")[1]
        it = echoping("--json", "-q", "-i", "1ms", "-W", "2s", "-c", 3000,
                      target)
    summary = it.summary()
    assert_tally(summary, received=3000)
    mean = summary["elapsed_ns"] / 3000
    note(f"mean interval: {mean / 1e6:.3f} ms")
    assert 0.98e6 < mean < 1.5e6


@case("no burst after it was stopped")
def no_burst():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(LIMIT)
        with Echoping("--json", "-i", "100ms", "-W", "20s",
                      f"udp:127.0.0.1:{sock.getsockname()[1]}") as it:
            sock.recvfrom(100)
            it.pause()
            time.sleep(1)  # ten intervals
            it.resume()
            began = time.monotonic()
            for _ in range(5):
                sock.recvfrom(100)
            took = time.monotonic() - began
            it.interrupt()
    # The first may have been under way; then each after an interval.
    assert took > 0.2, took


@case("most round trips on loopback are by the kernel's clock")
def clock():
    with Echod("-l", "udp:127.0.0.1:0", "-l", "tcp:127.0.0.1:0") as echod:
        for scheme in ("udp", "tcp"):
            it = echoping("--json", "-i", "2ms", "-W", "20s", "-c", 300,
                          "%s:127.0.0.1:%d" % (scheme,
                                               echod.address(scheme)[1]))
            assert_tally(it.summary(), received=300)
            by = it.summary()["clock"]
            assert by["kernel"] > 200, by
            assert by["kernel"] + by["user"] == 300


if __name__ == "__main__":
    main()

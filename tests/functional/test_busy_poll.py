#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""--busy-poll spins while that is of use, and only then."""

import time

import client
from daemon import Echod, sanitized
from echodtest import Skip, case, main, note

TCP = ("-l", "tcp:127.0.0.1:0")
UDP = ("-l", "udp:127.0.0.1:0")
SPAN = 0.02  # seconds
PINGS = 40


def _busy_share(echod, sock, pause):
    """The share of time that it takes of a core, pinged at intervals."""
    for _ in range(20):  # to learn
        client.assert_echo(sock)
        time.sleep(pause)
    cpu, clock = echod.cpu_seconds(), time.monotonic()
    for _ in range(PINGS):
        client.assert_echo(sock)
        time.sleep(pause)
    return (echod.cpu_seconds() - cpu) / (time.monotonic() - clock)


@case("it echoes as ever, over TCP and UDP, and ends in order")
def echoes():
    for span in ("50us", "20ms", "infinity"):
        with Echod(*TCP, *UDP, f"--busy-poll={span}") as echod:
            stream = client.connect(echod.address("tcp"))
            datagrams = client.datagrams(echod.address("udp"))
            for size in (1, 1000, 60000):
                client.assert_echo(stream, client.pattern(size))
                client.assert_echo(datagrams, client.pattern(size))


@case("it spins while pings come soon, and blocks while they do not")
def adapts():
    if sanitized():
        raise Skip("the time that instrumented code takes says nothing")
    with Echod(*TCP, f"--busy-poll={SPAN}") as echod:
        sock = client.connect(echod.address("tcp"))
        soon = _busy_share(echod, sock, SPAN / 5)
        rarely = _busy_share(echod, sock, SPAN * 2)
        again = _busy_share(echod, sock, SPAN / 5)
    note(f"share of a core: {soon:.2f} soon, {rarely:.2f} rarely, "
         f"{again:.2f} soon again")
    # If it spun at each long interval, too, half of their time would be spent.
    assert rarely < soon / 4 and rarely < again / 4


@case("several workers spin each for itself, timeouts go on")
def timeouts():
    with Echod(*TCP, "--workers=2", "--busy-poll=infinity",
               "--idle-timeout=200ms") as echod:
        socks = [client.connect(echod.address("tcp")) for _ in range(8)]
        for sock in socks:
            client.assert_echo(sock)
        for sock in socks:
            assert client.ending(sock) == "FIN"


if __name__ == "__main__":
    main()

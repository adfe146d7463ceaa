#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""The limit on what one source gets, over UDP: in network namespaces, as
loopback has none."""

import random
import select
import socket

import client
import netspace
from daemon import Echod, readable
from echodtest import case, main, note, until
from keeper import Keeper

UDP_SEGMENT = 103

ANY4, ANY6 = ("-l", "udp:0.0.0.0:0"), ("-l", "udp:[::]:0")
HERE, HERE6 = "10.7.0.1", "fd07::1"
CLIENT, CLIENT6, NEIGHBOUR6 = "10.7.0.2", "fd07::2", "fd07::22"
ALONE = "10.9.9.9"  # an address of ours that is not loopback's
FORGED_PORT = 4000
ROUND = 50  # datagrams that surely fit into a receive queue


class Scene:
    """A client behind a cable, and who forges addresses beside it."""

    def __init__(self):
        netspace.isolate()
        self.neighbour = netspace.Neighbour()
        # Answers to forged sources go there, too, and no further.
        netspace.ip("route", "add", "default", "via", CLIENT)

    def client(self, echod, source=CLIENT):
        port = echod.address("udp")[1]
        with self.neighbour:
            return client.datagrams((HERE6 if ":" in source else HERE, port),
                                    (source, 0))

    def forge(self, echod, sources):
        target = (HERE, echod.address("udp")[1])
        with self.neighbour:
            for source in sources:
                netspace.forge((source, FORGED_PORT), target)


class Marker:
    """Who waits for its echo knows that what was queued before has been
    received: loopback has no limit."""

    def __init__(self, port, host="127.0.0.1"):
        self._sock = client.datagrams((host, port))

    def pass_through(self):
        client.assert_echo(self._sock)


def _take_echoes(sock):
    """How many wait to be received."""
    count = 0
    while readable(sock):
        sock.recv(65536)
        count += 1
    return count


def _send_paced(sock, count, marker):
    """Send datagrams, none of which is lost in a queue; returns how many were
    echoed."""
    echoed = 0
    for number in range(count):
        sock.send(b"%d" % number)
        if number % ROUND == ROUND - 1:
            marker.pass_through()
            echoed += _take_echoes(sock)
    marker.pass_through()
    return echoed + _take_echoes(sock)


def _await_sum(echod, received):
    """All have been received; each was echoed or refused."""
    counters = echod.await_counters(datagrams_received=received)
    until(lambda: sum(echod.counters()[name] for name in
                      ("datagrams_sent", "datagrams_unsent",
                       "datagrams_refused_rate")) == received,
          f"all of {counters} to be accounted for")
    counters = echod.counters()
    assert counters["datagrams_overflowed"] == 0, counters
    return counters


@case("a source gets its burst, then a quarter; counters add up",
      keep_root=True)
def burst():
    scene = Scene()
    with Echod(*ANY4, "--udp-rate=1/100") as echod:
        marker = Marker(echod.address("udp")[1])
        echoed = _send_paced(scene.client(echod), 2000, marker)
        # Of 1900 a quarter, within six sigma; in 100 s another 100.
        assert 100 + 361 <= echoed <= 100 + 589 + 100, echoed
        counters = _await_sum(echod, 2000 + 41)
        assert counters["datagrams_refused_rate"] == 2000 - echoed, counters


@case("hosts of an IPv6 network of 64 bits share, those of IPv4 do not",
      keep_root=True)
def sharing():
    scene = Scene()
    with Echod(*ANY6, "--udp-rate=1/200") as echod:
        marker = Marker(echod.address("udp")[1], "::1")
        assert _send_paced(scene.client(echod, CLIENT6), 200, marker) == 200
        echoed = _send_paced(scene.client(echod, NEIGHBOUR6), 400, marker)
        assert echoed < 250, echoed
    with scene.neighbour:
        netspace.ip("addr", "add", "10.7.0.3/24", "dev", "there")
    with Echod(*ANY4, "--udp-rate=1/200") as echod:
        marker = Marker(echod.address("udp")[1])
        for source in (CLIENT, "10.7.0.3"):
            echoed = _send_paced(scene.client(echod, source), 200, marker)
            assert echoed == 200, (source, echoed)


@case("a train counts each of its datagrams", keep_root=True)
def train():
    scene = Scene()
    with Echod(*ANY4, "--udp-rate=1/1000") as echod:
        sock = scene.client(echod)
        marker = Marker(echod.address("udp")[1])
        # They go out as they are: the veth pair takes them.
        sock.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 10)
        echoed = 0
        for _ in range(100):
            sock.send(bytes(100))
            marker.pass_through()
            echoed += _take_echoes(sock)
        sock.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 0)
        assert echoed == 1000, (echoed, echod.counters())
        echoed = _send_paced(sock, 400, marker)
        assert echoed < 250, echoed


@case("--udp-rate=0: any number", keep_root=True)
def unlimited():
    scene = Scene()
    with Echod(*ANY4, "--udp-rate=0") as echod:
        marker = Marker(echod.address("udp")[1])
        assert _send_paced(scene.client(echod), 8000, marker) == 8000


@case("loopback has no limit")
def loopback():
    for listen, host in ((ANY4, "127.0.0.1"), (ANY6, "::1")):
        with Echod(*listen, "--udp-rate=1/1") as echod:
            port = echod.address("udp")[1]
            sock = client.datagrams((host, port))
            assert _send_paced(sock, 2000, Marker(port, host)) == 2000


@case("all workers and sockets count together", keep_root=True)
def workers():
    netspace.isolate()
    netspace.ip("addr", "add", ALONE, "dev", "lo")
    with Echod("-w2", *ANY4, *ANY4, "--udp-rate=1/200") as echod:
        socks = [client.datagrams((ALONE, port), (ALONE, 0))
                 for _, port in set(echod.addresses("udp"))
                 for _ in range(8)]
        assert len(socks) == 16, echod.addresses("udp")
        for number, sock in enumerate(socks, 1):
            for _ in range(ROUND):
                sock.send(client.PING)
            echod.await_counters(datagrams_received=number * ROUND)
        counters = _await_sum(echod, 800)
        echoed = sum(_take_echoes(sock) for sock in socks)
        assert counters["datagrams_refused_rate"] == 800 - echoed, counters
        assert 200 <= echoed < 200 + 250, echoed


@case("forged sources cost a client nothing", keep_root=True)
def random_sources():
    scene = Scene()
    chance = random.Random(862)
    with Echod(*ANY4) as echod:
        sock = scene.client(echod)
        for _ in range(400):
            # No address of 127/8, 224/3 or 0/8: they are not delivered.
            scene.forge(echod, [
                socket.inet_ntoa(bytes((chance.randrange(11, 127),)) +
                                 chance.randbytes(3)) for _ in range(ROUND)])
            client.assert_echo(sock)
        received = 400 * (ROUND + 1)
        counters = _await_sum(echod, received)
        assert counters["datagrams_refused_rate"] == 0, counters


@case("who forges a client's address cannot silence it", keep_root=True)
def forged_victim():
    scene = Scene()
    with Echod(*ANY4, "--udp-rate=10/100") as echod:
        sock = scene.client(echod)
        marker = Marker(echod.address("udp")[1])
        # What the client gets until the forger is over the limit is no proof.
        for _ in range(10):
            scene.forge(echod, [CLIENT] * ROUND)
            marker.pass_through()
        echoed = 0
        for _ in range(400):
            scene.forge(echod, [CLIENT] * (ROUND // 2))
            sock.send(client.PING)
            scene.forge(echod, [CLIENT] * (ROUND // 2))
            marker.pass_through()
            echoed += _take_echoes(sock)
        # A quarter of 400, less four and a half sigma.
        assert 61 <= echoed < 250, (echoed, echod.counters())
        counters = _await_sum(echod, 10 * ROUND + 10 + 400 * (ROUND + 2))
        refused = counters["datagrams_refused_rate"]
        assert refused > 400 * ROUND // 2, counters


@case("18: a loop with a service that answers everything dies",
      keep_root=True)
def loop():
    scene = Scene()
    with Echod(*ANY4, "--udp-rate=100/500") as echod:
        target = (HERE, echod.address("udp")[1])
        with scene.neighbour:
            reflector = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            reflector.bind((CLIENT, FORGED_PORT))
        reflector.sendto(client.PING, target)
        poll = select.poll()
        poll.register(reflector, select.POLLIN)
        turns = 0
        while turns < 100000:
            if poll.poll(100):
                reflector.sendto(reflector.recv(100), target)
                turns += 1
            elif echod.counters()["datagrams_refused_rate"]:
                break
        # It is fast: what comes while it lasts is less than the burst.
        assert 500 <= turns < 2000, turns
        counters = _await_sum(echod, turns + 1)
        assert counters["datagrams_refused_rate"] == 1, counters


@case("18: a loop of two services dies", keep_root=True)
def loop_of_two():
    scene = Scene()
    with Echod("-l", f"udp:*:{FORGED_PORT + 1}", "--udp-rate=100/500") as here:
        with scene.neighbour:
            there = Echod("-l", f"udp:*:{FORGED_PORT}", "--udp-rate=100/500")
        with there:
            scene.forge(here, [CLIENT])
            until(lambda: sum(it.counters()["datagrams_refused_rate"]
                              for it in (here, there)) == 1, "its end")
            sent = sum(it.counters()["datagrams_sent"] for it in (here, there))
            note(f"it died after {sent} answers")
            # The burst of each, and what comes while it lasts.
            assert 1000 <= sent < 4000, sent


def _expect_debt(port):
    """The burst, which is 1000, has been taken already."""
    sock = client.datagrams((ALONE, port), (ALONE, 0))
    echoed = _send_paced(sock, 400, Marker(port))
    assert echoed < 250, echoed


@case("who is at the limit still is after SIGKILL, and after a restart",
      keep_root=True)
def restart():
    netspace.isolate()
    netspace.ip("addr", "add", ALONE, "dev", "lo")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as served:
        served.bind(("0.0.0.0", 0))
        port = served.getsockname()[1]
        with Keeper("--udp-rate=1/1000", sockets=[served]) as keeper:
            sock = client.datagrams((ALONE, port), (ALONE, 0))
            assert _send_paced(sock, 1000, Marker(port)) == 1000
            for end in (keeper.kill, keeper.hand_over, keeper.kill):
                _expect_debt(port)
                end()
            _expect_debt(port)
            # Another rate: all begin anew.
            keeper.arguments[0] = "--udp-rate=2/1000"
            keeper.hand_over()
            sock = client.datagrams((ALONE, port), (ALONE, 0))
            assert _send_paced(sock, 1000, Marker(port)) == 1000


if __name__ == "__main__":
    main()

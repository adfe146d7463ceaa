#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""A restart costs no client a connection or a byte.

$ECHOD_RESTARTS: how many, under a load of $ECHOD_CONNECTIONS.
"""

import os
import random
import resource
import signal
import socket
import time

import client
from daemon import Echod
from echodtest import case, main, note
from keeper import Keeper, listen_everywhere, LOT, OWN, RECORD
from traffic import load, Traffic

RESTARTS = int(os.environ.get("ECHOD_RESTARTS", "50"))
# As many as the load may have descriptors for.
CONNECTIONS = min(int(os.environ.get("ECHOD_CONNECTIONS", "1000")),
                  resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 100)
WARM_UP = 1.5  # seconds: more than --preserve-after
PAUSE_MAX = 0.1  # seconds between restarts


def addresses(sockets):
    return [it.getsockname()[:2] for it in sockets]


@case(f"{RESTARTS} restarts under load: every stream goes on, identical",
      limit=120 + RESTARTS)
def restarts():
    sockets = listen_everywhere()
    moments = random.Random(5)
    with Keeper("-w", "2", sockets=sockets) as keeper, \
            load(keeper, sockets, CONNECTIONS, visitors=10) as traffic:
        keeper.turn_for(WARM_UP)
        begin = time.monotonic()
        for _ in range(RESTARTS):
            keeper.turn_for(moments.uniform(0, PAUSE_MAX))
            traffic.strike()
            keeper.hand_over()
        note(f"{RESTARTS} restarts in {time.monotonic() - begin:.1f} s")
        keeper.turn_for(0.5)
        traffic.finish(keeper.turn)
        # However young, at a restart none may be lost.
        traffic.judge(excuse=False)


@case("other numbers of workers from start to start, restarted and killed")
def workers():
    sockets = listen_everywhere()
    with Keeper("-w", "4", "--preserve-after=0", sockets=sockets) as keeper, \
            load(keeper, sockets, 200, preserve_after=0) as traffic:
        keeper.turn_for(0.3)
        for count in (1, 2, 4, 3, 1):
            keeper.arguments[1] = str(count)
            for end in (keeper.hand_over, keeper.kill):
                traffic.strike()
                end()
                keeper.turn_for(0.2)
                lots = len(set(keeper.stored(LOT)))
                assert lots == count, (count, keeper.stored())
        traffic.finish(keeper.turn)
        traffic.judge()


@case("connections younger than --preserve-after, too, outlive a restart")
def young():
    sockets = listen_everywhere()
    with Keeper("--preserve-after=1h", sockets=sockets) as keeper:
        socks = [client.connect(it) for it in 10 * addresses(sockets)]
        for sock in socks:
            client.assert_echo(sock)
        keeper.hand_over()
        for sock in socks:
            client.assert_echo(sock, client.pattern(5000))


def _counters(keeper):
    keeper.await_ready()
    return keeper.echod.counters()


@case("counters continue exactly, over restarts and kills")
def counters():
    sockets = listen_everywhere()
    sockets.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    sockets[-1].bind(("127.0.0.1", 0))
    with Keeper("-w", "2", "--preserve-after=0", sockets=sockets) as keeper:
        streams = [client.connect(it) for it in 5 * addresses(sockets[:2])]
        datagrams = client.datagrams(sockets[-1].getsockname())
        for turn in range(1, 5):
            for sock in streams:
                client.assert_echo(sock, client.pattern(1000 * turn))
            client.assert_echo(datagrams)
            expected = {
                "connections_accepted": len(streams),
                "bytes_received": len(streams) * 500 * turn * (turn + 1),
                "bytes_sent": len(streams) * 500 * turn * (turn + 1),
                "datagrams_received": turn, "datagrams_sent": turn,
                "connections_closed": 0,
                "connections_adopted": len(streams) * (turn - 1)}
            keeper.echod.await_counters(**expected)
            (keeper.hand_over if turn % 2 else keeper.kill)()
            del expected["connections_adopted"]
            got = _counters(keeper)
            got = {name: got[name] for name in expected}
            assert got == expected, (got, expected)


def _send_meanwhile(sock, messages):
    """Send them, one after the other, from another process."""
    pid = os.fork()
    if pid == 0:
        for message in messages:
            sock.send(message)
            time.sleep(0.0001)
        os._exit(0)
    return pid


@case("datagrams that come during a restart are echoed, each once, in order")
def datagrams():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    with Keeper(sockets=[sock]) as keeper:
        peer = client.datagrams(sock.getsockname())
        for turn in range(20):
            # Fewer than a queue holds.
            sent = [bytes([turn, number]) for number in range(150)]
            pid = _send_meanwhile(peer, sent)
            client.same(peer.recv(100), sent[0])
            keeper.hand_over()
            os.waitpid(pid, 0)
            got = [sent[0]] + [peer.recv(100) for _ in sent[1:]]
            assert got == sent, (turn, len(set(got)))


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


def _own_sockets(how):
    """What comes while nothing runs waits in sockets that echod bound."""
    port = _free_port()
    address = ("127.0.0.1", port)
    with Keeper("-w", "2", "-l", f"127.0.0.1:{port}",
                "--preserve-after=0") as keeper:
        before = client.connect(address)
        datagrams = client.datagrams(address)
        client.assert_echo(before)
        client.assert_echo(datagrams)
        for turn in range(3):
            keeper.restart = False
            keeper.end(how)
            streams = [client.connect(address) for _ in range(20)]
            for sock in streams:
                sock.send(b"early")
            for number in range(20):
                datagrams.send(bytes([turn, number]))
            keeper.restart = True
            keeper.start()
            for sock in streams:
                keeper.until(lambda: client.unread(sock) == 5, "the echo")
                client.same(sock.recv(100), b"early")
            for number in range(20):
                client.same(datagrams.recv(100), bytes([turn, number]))
            client.assert_echo(before)


@case("own sockets outlive a restart: no SYN is refused, datagrams wait")
def own_sockets_restart():
    _own_sockets(signal.SIGUSR2)


@case("own sockets outlive a kill, as well")
def own_sockets_kill():
    _own_sockets(signal.SIGKILL)


@case("own sockets that are no longer asked for are not served any more")
def own_sockets_changed():
    ports = [_free_port(), _free_port()]
    with Keeper("-l", f"127.0.0.1:{ports[0]}") as keeper:
        keeper.arguments[1] = f"127.0.0.1:{ports[1]}"
        keeper.hand_over()
        client.assert_echo(client.connect(("127.0.0.1", ports[1])))
        keeper.hand_over()
        client.assert_echo(client.connect(("127.0.0.1", ports[1])))
        try:
            client.connect(("127.0.0.1", ports[0]))
        except ConnectionRefusedError:
            return
        raise AssertionError("somebody still listens there")


def _unix_listener(kind=socket.SOCK_STREAM):
    path = f"\0echod-{os.getpid()}"
    sock = socket.socket(socket.AF_UNIX, kind)
    sock.bind(path)
    sock.listen(100)
    return sock, path


@case("unix streams outlive restarts, with all that was under way")
def unix_streams():
    listener, path = _unix_listener()
    with Keeper("--preserve-after=0", sockets=[listener]) as keeper, \
            Traffic([path], {"busy": 5, "paced": 20, "stalled": 5,
                             "halfclosed": 5, "bulk": 2}) as traffic:
        keeper.on_ready = traffic.back
        keeper.until(traffic.all_opened, "all are connected")
        for _ in range(10):
            keeper.turn_for(0.2)
            traffic.strike()
            keeper.hand_over()
        keeper.turn_for(0.2)
        traffic.finish(keeper.turn)
        traffic.judge(excuse=False)


@case("unix seqpackets outlive restarts, as well")
def unix_seqpackets():
    listener, path = _unix_listener(socket.SOCK_SEQPACKET)
    with Keeper("--preserve-after=0", sockets=[listener]) as keeper:
        sock = client.connect(path, socket.SOCK_SEQPACKET)
        for turn in range(5):
            sock.send(bytes(1000 * turn + 1))
            sock.send(b"another")
            keeper.hand_over()
            client.same(sock.recv(10000), bytes(1000 * turn + 1))
            client.same(sock.recv(10000), b"another")


@case("unix streams end at a kill, beside TCP that goes on")
def unix_streams_killed():
    listener, path = _unix_listener()
    sockets = [*listen_everywhere(), listener]
    with Keeper("-w", "2", "--preserve-after=0", sockets=sockets) as keeper:
        streams = [client.connect(it) for it in 5 * addresses(sockets[:2])]
        for _ in range(2):
            strangers = [client.connect(path) for _ in range(5)]
            for end in (keeper.hand_over, keeper.hand_over, keeper.kill):
                for sock in strangers + streams:
                    client.assert_echo(sock, client.pattern(3000))
                end()
            for sock in strangers:
                assert client.ending(sock) in ("FIN", "RST")
            for sock in streams:
                client.assert_echo(sock)


@case("SIGTERM ends it all: what was received is echoed, then FIN, else RST; "
      "nothing stays in the store")
def stop():
    sockets = listen_everywhere()
    port = _free_port()
    with Keeper("-w", "2", "--preserve-after=0", "--drain-timeout=3s", "-l",
                f"127.0.0.1:{port}", sockets=sockets) as keeper:
        data = client.pattern(40000)  # a window takes it
        idle = client.connect(sockets[0].getsockname())
        client.assert_echo(idle)
        keeper.hand_over()
        late = client.connect(sockets[1].getsockname()[:2])
        client.assert_echo(late)
        keeper.echod.pause()
        late.sendall(data)
        stuck = client.connect(sockets[0].getsockname())
        client.fill_stopped(stuck)
        stored = set(keeper.stored())
        keeper.restart = False
        keeper.echod.signal(signal.SIGTERM)
        keeper.echod.resume()
        client.same(client.receive_all(late), data)
        end = keeper.await_end()
        assert end.status == 0, end.status
        assert client.receive_all(idle) == b""
        assert client.ending(stuck) == "RST"
        note(f"{sorted(stored)} removed")
        assert not keeper.store, f"{keeper.stored()} is left in the store"
        assert {LOT + "0", LOT + "1"} <= stored, stored
        for prefix in (OWN, RECORD):
            assert any(name.startswith(prefix) for name in stored), stored


def _drained(keeper, sock):
    """SIGUSR2 ends the connection."""
    client.assert_echo(sock)
    keeper.hand_over()
    assert client.ending(sock) == "FIN"


@case("--preserve=no: SIGUSR2 is SIGTERM, nothing is stored")
def preserve_no():
    sockets = listen_everywhere()
    with Keeper("--preserve=no", sockets=sockets) as keeper:
        _drained(keeper, client.connect(sockets[0].getsockname()))
        assert not keeper.store, keeper.stored()


@case("what was kept is served with --preserve=no, but not kept again")
def preserve_no_longer():
    sockets = listen_everywhere()
    with Keeper("--preserve-after=0", sockets=sockets) as keeper:
        sock = client.connect(sockets[0].getsockname())
        client.assert_echo(sock)
        keeper.arguments = ["--preserve=no"]
        keeper.hand_over()
        _drained(keeper, sock)


@case("without a manager: SIGUSR2 is SIGTERM; --preserve=yes warns")
def no_manager():
    for preserve, warnings in (("auto", 0), ("yes", 1)):
        with Echod("-l", "127.0.0.1:0", f"--preserve={preserve}") as echod:
            sock = client.connect(echod.address("tcp"))
            client.assert_echo(sock)
            echod.signal(signal.SIGUSR2)
            assert echod.wait() == 0
            assert client.ending(sock) == "FIN"
            assert echod.log.count("outlive") == warnings, echod.log


if __name__ == "__main__":
    main()

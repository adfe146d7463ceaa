#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""A kernel that gives as little as it may (short.c): everything takes longer,
and nothing is lost.

$ECHOD_SEED chooses what happens.
"""

import os
import random
import re
import socket
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../functional"))
os.environ["ECHOD"] = os.path.join(
    os.environ.get("top_builddir") or os.path.join(HERE, "../../build"),
    "tests/torture/echod-short")

# pylint: disable=wrong-import-position
import client
from clients import Datagrams, settle
from daemon import LIMIT
from echodtest import case, main, note
from keeper import Keeper, listen_everywhere
from traffic import Traffic

SEED = int(os.environ.get("ECHOD_SEED", "0")) or random.randrange(1, 1 << 30)
SECONDS = 3  # of load
MISHAPS_MIN = 100
STREAMS = {"busy": 4, "bytewise": 4, "urgent": 4, "stalled": 3,
           "halfclosed": 3, "bulk": 1, "visitor": 10, "passer": 4}
# Unix sockets have no urgent data that Linux echoes at its place.
LOCAL = {name: count for name, count in STREAMS.items() if name != "urgent"}
NO_RESTART = ("--preserve=no",)


class _Short(Keeper):
    """It expects, at its end, that enough happened."""

    def __init__(self, *arguments, **how):
        note(f"ECHOD_SEED={SEED}")
        super().__init__(*arguments, restart=False,
                         environment={"ECHOD_SHORT_SEED": str(SEED)}, **how)

    def __exit__(self, kind, error, trace):
        super().__exit__(kind, error, trace)
        if kind is None:
            mishaps = int(re.search(r"(\d+) mishaps", self.ends[-1].log)[1])
            note(f"{mishaps} mishaps")
            assert mishaps >= MISHAPS_MIN, mishaps


def _load(addresses, counts, sockets, *arguments):
    with _Short(*arguments, sockets=sockets) as keeper, \
            Traffic(addresses, counts, seed=SEED) as traffic:
        keeper.until(traffic.all_opened, "all are connected")
        keeper.turn_for(SECONDS)
        traffic.finish(keeper.turn)
        traffic.judge(excuse=False)


def _addresses(sockets):
    return [it.getsockname()[:2] for it in sockets]


@case("TCP: every stream is echoed whole, none is reset")
def streams():
    sockets = listen_everywhere()
    _load(_addresses(sockets), STREAMS, sockets, *NO_RESTART)


@case("TCP with hardly any room to hold what is not taken")
def streams_tight():
    sockets = listen_everywhere()
    _load(_addresses(sockets), STREAMS, sockets, *NO_RESTART,
          "--buffer-limit=64K")


@case("TCP that would outlive the process")
def streams_kept():
    sockets = listen_everywhere()
    _load(_addresses(sockets), STREAMS, sockets, "--preserve-after=0")


def _unix(kind):
    sock = socket.socket(socket.AF_UNIX, kind)
    sock.bind("")  # a free name in the abstract namespace
    if kind != socket.SOCK_DGRAM:
        sock.listen(100)
    return sock


@case("Unix streams")
def unix_streams():
    listener = _unix(socket.SOCK_STREAM)
    _load([listener.getsockname().decode()], LOCAL, [listener], *NO_RESTART)


@case("Unix records: each whole, in order, empty ones too")
def unix_records():
    listener = _unix(socket.SOCK_SEQPACKET)
    chance = random.Random(SEED)
    with _Short(*NO_RESTART, sockets=[listener]):
        socks = [client.connect(listener.getsockname(), socket.SOCK_SEQPACKET)
                 for _ in range(4)]
        for turn in range(400):
            sent = [client.pattern(chance.choice((0, 1, 2000)), turn)
                    for _ in range(3)]
            for sock in socks:
                for record in sent:
                    sock.send(record)
            for sock in socks:
                assert [sock.recv(4096) for _ in sent] == sent, turn


def _udp(family, host):
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.bind((host, 0))
    return sock


@case("datagrams and trains of them, on IPv4, IPv6 and Unix: each comes back "
      "once, as it was")
def datagrams():
    sockets = [_udp(socket.AF_INET, "127.0.0.1"),
               _udp(socket.AF_INET6, "::1"), _unix(socket.SOCK_DGRAM)]
    with _Short(*NO_RESTART, sockets=sockets) as keeper:
        posts = [Datagrams(name.decode() if isinstance(name, bytes)
                           else name[:2])
                 for name in (it.getsockname() for it in sockets)]
        for turn in range(150):
            for it in posts:
                for size in (8, 1000, 9000, 60):
                    it.send(size)
            for it in posts[:2]:
                it.send_train(2 + turn % 20, 100 + turn)
            assert settle(posts, LIMIT, keeper.turn), \
                f"turn {turn}: {[(it.sent, it.got) for it in posts]}"


if __name__ == "__main__":
    main(side_by_side=2)

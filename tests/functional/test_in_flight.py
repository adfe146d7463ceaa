#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""A user may have only so many descriptors in flight, which parked ones are:
unix(7), ETOOMANYREFS."""

import array
import errno
import os
import re
import resource
import signal
import socket

import client
import daemon
from echodtest import case, main, note, Skip
from keeper import go_on, Keeper, listen_everywhere, streams

AT_ONCE = ("--preserve-after=0",)
SMALL = 300  # descriptors of a process, and of its user in flight
BATCH = 200  # descriptors in a message
FEW = 20  # descriptors in flight that do no harm
FIRST_USER = 1 << 20  # beyond whom a system knows


def _be_alone():
    """Become a user of our own, for whom nobody else has any in flight."""
    if os.geteuid() != 0 or daemon.KEEP_USER:
        raise Skip("needs root, to become a user of its own")
    user = FIRST_USER + os.getpid()
    try:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    except OSError as error:
        raise Skip(f"there is no other user to become: {error}") from error
    if _is_crowded():
        raise Skip("another process of this user has descriptors in flight")


def _is_crowded():
    """Whether a few are in flight already; the limit is the sender's."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    ends = socket.socketpair()
    resource.setrlimit(resource.RLIMIT_NOFILE, (FEW, hard))
    try:
        _send(ends[0], [0])
    except OSError as error:
        if error.errno != errno.ETOOMANYREFS:
            raise
        return True
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for end in ends:
            end.close()
    return False


def _send(sock, descriptors):
    sock.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                           array.array("i", descriptors))])


class _InFlight:
    """Descriptors of this user, in flight until the end of the block."""

    def __init__(self, count):
        self._ends = socket.socketpair()
        while count > 0:
            size = min(count, BATCH)
            _send(self._ends[0], size * [self._ends[0].fileno()])
            count -= size

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # What is in flight refers to itself: it has to be received.
        try:
            while True:
                fds = array.array("i")
                for _, _, data in self._ends[1].recvmsg(
                        1, socket.CMSG_SPACE(BATCH * 4),
                        socket.MSG_DONTWAIT)[1]:
                    fds.frombytes(data)
                for fd in fds:
                    os.close(fd)
        except BlockingIOError:
            pass


@case("too many in flight: what cannot be kept is drained, and counted",
      keep_root=True)
def drained():
    _be_alone()
    sockets = listen_everywhere()
    with Keeper(*AT_ONCE, sockets=sockets, descriptors_max=SMALL) as keeper:
        early = streams(sockets, 20)
        keeper.until(lambda: keeper.parked() in (None, 20), "all are parked")
        with _InFlight(SMALL):
            late = streams(sockets, 20)
            go_on(early + late)
            keeper.restart = False
            # Of this one not all can be answered at once.
            size = client.overfill(late[0], keeper.echod)
            keeper.echod.signal(signal.SIGUSR2)
            keeper.echod.await_line("^echod: stopping")
            client.same(client.receive_all(late[0]), bytes(size))
            end = keeper.await_end()
        assert end.status == 0, end.status
        keeper.restart = True
        keeper.start()
        keeper.await_ready()
        go_on(early)
        assert {client.ending(sock) for sock in late} == {"FIN"}
        counters = keeper.echod.counters()
        note(counters)
        assert counters["connections_unparked"] == len(late), counters
        assert counters["connections_adopted"] == len(early), counters
        assert re.search(rf"\b{len(late)} of \d+ connections\b", end.log), end.log
        go_on(streams(sockets, 5))


@case("once there is room again, the others are parked, too", keep_root=True)
def for_a_while():
    _be_alone()
    sockets = listen_everywhere()
    with Keeper(*AT_ONCE, sockets=sockets, descriptors_max=SMALL) as keeper:
        with _InFlight(SMALL):
            socks = streams(sockets, 20)
        if keeper.parked() is None:
            raise Skip("this kernel does not tell what is in flight")
        keeper.until(lambda: keeper.parked() == 20, "all are parked")
        keeper.kill()
        go_on(socks)


@case("too many in flight at a start: it starts, and serves", keep_root=True)
def at_start():
    _be_alone()
    sockets = listen_everywhere()
    with Keeper(*AT_ONCE, sockets=sockets, descriptors_max=SMALL) as keeper:
        socks = streams(sockets, 20)
        with _InFlight(SMALL):
            keeper.hand_over()
            go_on(socks)
            go_on(streams(sockets, 5))
        with _InFlight(SMALL):
            keeper.kill()
            go_on(socks)
            go_on(streams(sockets, 5))
        keeper.kill()
        go_on(socks)


if __name__ == "__main__":
    main()

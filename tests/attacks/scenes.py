# SPDX-License-Identifier: MIT
"""The attacks, and how each is played: honest clients are asked when all is
quiet, under the attack, and after it."""

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import crowds
import floods
import forgeries
from echodtest import until
from honest import Datagrams, Newcomers, Standing
from service import Ours, Theirs
from stage import (ATTACKED, BYSTANDER, BYSTANDER6, HONEST, LOOPBACK, PORT,
                   SERVED, traffic)

SYN_RATE = 20000
CONNECT_RATE = 4000
FLOOD_RATE = 20000
# Crowds are as big as they can be with 20,000 descriptors, or a part of that.
PART = int(os.environ.get("ECHOD_ATTACK_PART", "1"))
HOARDERS, HOARD_RATE = 15000 // PART, 5000
SQUATTERS, ROOM = 19000 // PART, 20000 // PART
# Each stays for a second at least: more than ROOM a second have to wait.
KEEP_RATE = CONNECT_RATE // PART
NEVER_READERS = 5000 // PART
TRICKLERS = 1000 // PART
SOURCES = 50  # addresses of a crowd, so that none has too many
STANDS = 25.0  # seconds until a crowd stands
ODD, ODDER = 7007, 8007  # ports that no rule knows
LIMIT_REACHED = 1.0  # seconds that the flood takes for it, several times over
LOOP = 2.0  # seconds, of one that does not die
WARM_UP = 0.3  # seconds: the first of anything takes memory that stays
QUIET = 1.0 if PART == 1 else 0.5  # of the time under attack
AFTER = 0.5
SETTLED = 1.5  # seconds after which memory that is not used is given back
GROWN = 1 << 20
MIN_PROGRESS = "--min-progress=1K/1s"  # instead of 1K/1min


@dataclass
class Attack:
    """Of a transport; the options are echod's."""
    title: str
    transport: str
    scene: Callable
    options: tuple = ()


def ask(stage, transport, seconds, source=None):
    """An honest client, begun; its result() awaits its end."""
    if transport == "tcp":
        return Newcomers(stage, seconds)
    return Datagrams(stage, seconds, source or (
        BYSTANDER6 if transport == "udp6" else BYSTANDER))


def resources(service):
    return {"memory": service.memory(), "processes": service.processes(),
            "descriptors": service.descriptors()}


class Play:
    """What is seen, from before the attack to after it."""

    def __init__(self, stage, service, transport, seconds):
        self.stage, self.service = stage, service
        self.transport, self.seconds = transport, seconds
        self._standing = Standing(stage) if transport == "tcp" else None
        ask(stage, transport, WARM_UP).result()
        self.seen = {"quiet": ask(stage, transport,
                                  QUIET * seconds).result(),
                     "before": resources(service)}
        self._arrived = traffic(ATTACKED).received
        self._reflected = traffic(SERVED).sent
        self._loopback = traffic(LOOPBACK).sent

    def honest(self, source=None):
        return ask(self.stage, self.transport, self.seconds, source)

    def under(self):
        """The honest client under attack, and what the service takes."""
        self.seen["under"] = self.honest().result()
        self.note()

    def note(self):
        self.seen["during"] = resources(self.service)

    def _settle(self, deadline):
        """Memory that is not used any more is given back by then."""
        while (time.monotonic() < deadline and self.service.memory() >
               self.seen["before"]["memory"] + GROWN):
            time.sleep(0.05)

    def over(self, did=None):
        """What is seen when the attack is over."""
        self.seen["did"] = did or {}
        self.seen["arrived"] = traffic(ATTACKED).received - self._arrived
        self.seen["answered"] = traffic(SERVED).sent - self._reflected
        self.seen["loopback"] = traffic(LOOPBACK).sent - self._loopback
        if self._standing:
            self.seen["standing"] = self._standing.result()
        if isinstance(self.service, Ours):
            until(lambda: self.service.counters()["connections"] == 0,
                  "all connections to end")
        end = time.monotonic()
        self.seen["after"] = ask(self.stage, self.transport,
                                 AFTER * self.seconds).result()
        self._settle(end + SETTLED)
        self.seen["afterwards"] = resources(self.service)
        self.seen["counters"] = self.service.counters()
        return self.seen


def _program(transport, start):
    """A scene with one of the programs, which runs until it is ended."""
    def scene(stage, service, seconds, _command):
        play = Play(stage, service, transport, seconds)
        with start(stage) as attacker:
            play.under()
            did = attacker.end()
        return play.over(did if isinstance(did, dict) else {"sent": did})
    return scene


def _crowd(*generators):
    """A scene with processes that have real connections."""
    def scene(stage, service, seconds, _command):
        play = Play(stage, service, "tcp", seconds)
        with contextlib.ExitStack() as stack:
            every = []
            for it in generators:
                every.append(stack.enter_context(crowds.Crowd(stage, it())))
                every[-1].stands(STANDS)
            play.under()
            did = [it.end() for it in every]
        return play.over({name: sum(it.get(name, 0) for it in did)
                          for name in ("asked", "held", "sent")})
    return scene


def _hoarders():
    return crowds.hoard(HOARDERS, HOARD_RATE, SOURCES)


def _squatters():
    return crowds.hoard(SQUATTERS, HOARD_RATE, SOURCES)


def _those_who_stay():
    return crowds.stay(SQUATTERS, KEEP_RATE, SOURCES, SOURCES)


def _visitors():
    return crowds.come_and_go(CONNECT_RATE, SOURCES)


def _never_readers():
    return crowds.never_read(NEVER_READERS, HOARD_RATE, SOURCES)


def _tricklers(window):
    def scene(stage, service, seconds, _command):
        play = Play(stage, service, "tcp", seconds)
        with floods.trickle(stage, window, TRICKLERS) as attacker:
            play.under()
            if isinstance(service, Ours):
                until(lambda: service.counters()["connections_stalled"] >=
                      TRICKLERS, "all of them to be reset")
            did = attacker.end()
        return play.over(did)
    return scene


def _await_limit(service):
    """What a client gets until the forger is over the limit is no proof."""
    deadline = time.monotonic() + LIMIT_REACHED
    while time.monotonic() < deadline and not service.counters().get(
            "datagrams_refused_rate"):
        time.sleep(0.01)


def _forged_victim(stage, service, seconds, _command):
    """The honest client has a neighbour, whose address is forged."""
    play = Play(stage, service, "udp", seconds)
    with floods.flood(stage, "udp", HONEST, FLOOD_RATE) as attacker:
        _await_limit(service)
        victim = play.honest(HONEST)
        play.under()
        play.seen["victim"] = victim.result()
        did = attacker.end()
        play.note()
    return play.over({"sent": did})


def _forgeries(transport, steps):
    six = transport == "udp6"

    def scene(stage, service, seconds, _command):
        play = Play(stage, service, transport, seconds)
        host = forgeries.Host(stage)
        honest, step = play.honest(), steps(host, six)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            next(step)
        play.seen["under"] = honest.result()
        host.pass_through()
        play.note()
        never = forgeries.forbidden()
        play.seen["forged"] = {
            "sources": len(host.forged), "sent": sum(host.forged.values()),
            "never": host.answers(lambda it: it in never),
            "others": host.answers(lambda it: it not in never),
            "reached": host.reached}
        return play.over({"sent": sum(host.forged.values())})
    return scene


def _partner(stage, command, *options, port=PORT):
    """A service on the attacker's host, which has no part in it."""
    with stage.attacker:
        return (Theirs("udp", command) if command
                else Ours(*options, port=port))


def _played_loop(play, port, partner):
    """One loop, with the honest client beside it."""
    honest = play.honest()
    found = forgeries.loop(play.stage, port, partner, LOOP)
    play.seen["under"] = honest.result()
    return found


def _loop_with_itself(stage, service, seconds, command):
    play = Play(stage, service, "udp", seconds)
    partner = _partner(stage, command)
    did = {"port 7": _played_loop(play, PORT, PORT)}
    play.note()
    partner.end()
    return play.over(did)


def _loop_with_echod(stage, service, seconds, _command):
    """echod, on another port than its own, as it is and when it heeds no
    ports."""
    play = Play(stage, service, "udp", seconds)
    did = {}
    for name, options in (("as it is", ()),
                          ("all ports", ("--allow-source-ports=all",))):
        partner = _partner(stage, None, *options, port=ODD)
        did[name] = _played_loop(play, PORT, ODD)
        play.note()
        partner.end()
    return play.over(did)


def _loop_on_odd_ports(stage, service, seconds, _command):
    """Two echods, on ports that no rule knows; then with --loop-ttl."""
    play = Play(stage, service, "udp", seconds)
    did = {}
    for name, options in (("by rate", ()), ("by TTL", ("--loop-ttl",))):
        one = Ours(*options, port=ODD)
        other = _partner(stage, None, *options, port=ODDER)
        did[name] = _played_loop(play, ODD, ODDER)
        play.note()
        one.end()
        other.end()
    return play.over(did)


ATTACKS = {
    "syn-flood": Attack(
        f"SYN flood, {SYN_RATE:,}/s, random sources", "tcp",
        _program("tcp", lambda stage: floods.flood(
            stage, "syn", "random", SYN_RATE))),
    "connect-close": Attack(
        f"connect and close, {CONNECT_RATE:,}/s", "tcp", _crowd(_visitors)),
    "connect-keep": Attack(
        f"connect and keep, {KEEP_RATE:,}/s, beside {SQUATTERS:,}",
        "tcp", _crowd(_squatters, _those_who_stay),
        () if PART == 1 else (f"--max-connections={ROOM}",)),
    "hoarders": Attack(
        f"{HOARDERS:,} idle hoarders", "tcp", _crowd(_hoarders)),
    "never-readers": Attack(
        f"{NEVER_READERS:,} never-readers", "tcp", _crowd(_never_readers)),
    "window-0": Attack(
        f"{TRICKLERS:,} peers with a window of 0", "tcp", _tricklers(0),
        (MIN_PROGRESS,)),
    "window-1": Attack(
        f"{TRICKLERS:,} peers with a window of 1 byte", "tcp", _tricklers(1),
        (MIN_PROGRESS,)),
    "udp-random": Attack(
        f"UDP flood, {FLOOD_RATE:,}/s, random sources", "udp",
        _program("udp", lambda stage: floods.flood(
            stage, "udp", "random", FLOOD_RATE))),
    "udp-victim": Attack(
        f"UDP flood, {FLOOD_RATE:,}/s, a client's source", "udp",
        _forged_victim),
    "prefixes": Attack(
        "every special-purpose prefix of IPv4 as source", "udp",
        _forgeries("udp", forgeries.from_all_prefixes)),
    "prefixes6": Attack(
        "every special-purpose prefix of IPv6 as source", "udp6",
        _forgeries("udp6", forgeries.from_all_prefixes)),
    "groups": Attack(
        "broadcast and multicast, IPv4", "udp",
        _forgeries("udp", forgeries.to_groups)),
    "groups6": Attack(
        "multicast, IPv6", "udp6", _forgeries("udp6", forgeries.to_groups)),
    "loop-itself": Attack(
        "loop with another of its kind", "udp", _loop_with_itself),
    "loop-echod": Attack("loop with echod", "udp", _loop_with_echod),
    "loop-odd": Attack(
        "loop of two echods on odd ports", "udp", _loop_on_odd_ports),
}

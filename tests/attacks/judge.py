# SPDX-License-Identifier: MIT
"""What echod promises of an attack, and whether what was seen keeps it."""

import math

import prefixes as registry

SHARE = 0.999  # of honest clients are served
VICTIM = 0.25  # of those whose address is forged, on average
SIGMAS = 5  # that chance may take
LEAK = 0.3  # of a flood comes back to the address that it claims, at most
RATE, BURST = 1000, 5000  # --udp-rate
LINES_A_MINUTE = 10
TTL = 64  # of what is forged
MEBI = 1 << 20
# Of the process: 128 B for an idle connection, 64 MiB for all slow readers, 4
# MiB for sources; and buffers that are used for the first time.
EACH, HELD, SOURCES, SLACK = 128, 64 * MEBI, 4 * MEBI, 4 * MEBI

HOLDING = ("never-readers", "window-0", "window-1")

# Samples of prefixes that are routed, by transport.
ROUTED = {it: sum(may and (":" in source) == (it == "udp6")
                  for source, may, _ in registry.samples())
          for it in ("udp", "udp6")}

# Packets that have to arrive for each that is sent, or for each connection.
PACKETS = {"syn-flood": 1, "udp-random": 1, "udp-victim": 1, "prefixes": 1,
           "prefixes6": 1, "groups": 1, "groups6": 1, "connect-close": 3,
           "connect-keep": 2, "hoarders": 2, "never-readers": 2,
           "window-0": 2, "window-1": 2}


def served(what, it, least=SHARE):
    """One of a few is one too many only if it is the second."""
    lost = it["sent"] - it["received"]
    allowed = max(1, math.floor(it["sent"] * (1 - least)))
    text = f"{what}: {it['received']:,} of {it['sent']:,} are served"
    return it["sent"] > 0 and lost <= allowed, text + (
        f" ({it['said'].strip()})" if it["said"] else "")


def took_place(name, seen):
    """An attack that did not arrive proves nothing."""
    sent = seen["did"].get("sent" if PACKETS[name] == 1 else "asked", 0)
    least = round(0.95 * PACKETS[name] * sent)
    yield sent > 0 and seen["arrived"] >= least, (
        f"it took place: {sent:,} asked or sent, {seen['arrived']:,} packets "
        "came to the service's device")


def is_held(seen, count):
    held = seen["did"]["held"]
    yield held >= 0.99 * count, (
        f"{held:,} of {count:,} connections stood to the end")


def made_room(seen):
    evicted = seen["counters"]["connections_evicted"]
    yield evicted > 0, f"{evicted:,} that were idle made room"


def growth_max(name, seen):
    connections = seen["did"].get("held", 0) + seen["did"].get("connected", 0)
    most = SLACK + EACH * connections
    if name in HOLDING:
        most += HELD
    if seen["attack"]["transport"] != "tcp":
        most += SOURCES
    return most


def memory(name, seen):
    """Before, under and after it."""
    before, during, after = (seen[it]["memory"] for it in
                             ("before", "during", "afterwards"))
    most = growth_max(name, seen)
    rest = most - (HELD if name in HOLDING else 0)
    yield during - before <= most and after - before <= rest, (
        f"memory {before / MEBI:.1f} MiB, under attack {during / MEBI:.1f}, "
        f"afterwards {after / MEBI:.1f}; allowed are {most / MEBI:.1f} and "
        f"{rest / MEBI:.1f} more")


def log(seen):
    """It is asked for what comes in a minute."""
    most = 1 + math.ceil(seen["seconds"] / 60 * LINES_A_MINUTE)
    count = len(seen["lines"])
    yield count <= most, (f"{count} lines of log in {seen['seconds']:.0f} s: "
                          f"{seen['lines']}")


def nothing_forbidden(seen):
    forged = seen["forged"]
    yield forged["never"]["datagrams"] == 0, (
        f"answers to sources that nobody may answer: {forged['never']}")
    yield forged["reached"] == 0, (
        f"{forged['reached']} datagrams came to another service of the host")


def prefixes(seen):
    yield from nothing_forbidden(seen)
    others = seen["forged"]["others"]
    yield others["sources"] == ROUTED[seen["attack"]["transport"]], (
        f"answers to others, which are routed: {others['datagrams']:,} to "
        f"{others['sources']} sources")


def groups(seen):
    yield from nothing_forbidden(seen)
    others = seen["forged"]["others"]
    yield others["datagrams"] == 0, f"answers: {others['datagrams']}"


def victim(seen):
    """It is not silenced, nor is it flooded."""
    chance = math.sqrt(VICTIM * (1 - VICTIM) / max(1, seen["victim"]["sent"]))
    yield served("the client whose address is forged", seen["victim"],
                 VICTIM - SIGMAS * chance)
    sent = seen["did"]["sent"]
    most = round(LEAK * sent + BURST + RATE * seen["seconds"])
    yield seen["answered"] <= most, (
        f"of {sent:,} in its name {seen['answered']:,} came back, at most "
        f"{most:,}")


def tricklers(seen):
    did = seen["did"]
    yield did["connected"] >= 0.99 * did["asked"], (
        f"{did['connected']:,} of {did['asked']:,} were connected")
    yield did["reset"] >= did["connected"], (
        f"{did['reset']:,} were reset for taking {did['taken']:,} bytes in all")


def dies(what, it, most):
    return not it["alive"] and it["answers"] <= most, (
        f"{what}: {'lives' if it['alive'] else 'dies'} after "
        f"{it['answers']:,} answers, at most {most:,}")


def loops(name, seen):
    by_rate = 4 * BURST
    if name == "loop-itself":
        yield dies("ports that are known", seen["did"]["port 7"], 0)
    else:
        yield dies("odd ports", seen["did"]["by rate"], by_rate)
        yield dies("--loop-ttl", seen["did"]["by TTL"], TTL)


def promises(name, seen):
    """(kept, what) of an attack on echod."""
    yield seen["runs"], "it still runs"
    if name in PACKETS:
        yield from took_place(name, seen)
    yield served("honest clients", seen["under"])
    if "standing" in seen:
        yield served("a connection from before", seen["standing"])
    yield served("clients after it", seen["after"])
    yield from memory(name, seen)
    yield from log(seen)
    yield seen["loopback"] == 0, f"{seen['loopback']} packets over loopback"
    if name == "hoarders":
        yield from is_held(seen, seen["did"]["asked"])
    special = {"connect-keep": made_room,
               "prefixes": prefixes, "prefixes6": prefixes,
               "groups": groups, "groups6": groups, "udp-victim": victim,
               "window-0": tricklers, "window-1": tricklers}.get(name)
    if special:
        yield from special(seen)
    if name in ("loop-itself", "loop-odd"):
        yield from loops(name, seen)

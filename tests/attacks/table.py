# SPDX-License-Identifier: MIT
"""What was seen, as the tables of RELIABILITY.md."""

import math
import os
import platform
import time

MEBI = 1 << 20
NOT = "-"
WITHOUT = "does not apply"


def percent(it):
    """Cut, not rounded: 100 % is all of them."""
    share = it["received"] / it["sent"] if it["sent"] else 0
    return f"{math.floor(1000 * share) / 10:g} %"


def ratio(seen):
    """Of the 99th percentiles, under attack and when all was quiet."""
    quiet, under = seen["quiet"]["p99"], seen["under"]["p99"]
    return f", ×{under / quiet:.1f}" if quiet and under else ""


def loop(it):
    return f"{it['answers']:,}{' and lives' if it['alive'] else ''}"


def what_came_back(name, seen):
    """What attacks are about that are none on the service itself."""
    if name == "udp-victim":
        back = seen["answered"] - seen["under"]["received"] - seen["victim"][
            "received"]
        return (f"; {percent(seen['victim'])} of the client's own; "
                f"{100 * back / seen['did']['sent']:.0f} % sent to it")
    if name.startswith("prefixes"):
        return (f"; {seen['forged']['never']['datagrams']:,} wrong answers, "
                f"{seen['forged']['reached']:,} to its own host")
    if name.startswith("groups"):
        answers = (seen["forged"]["never"]["datagrams"] +
                   seen["forged"]["others"]["datagrams"])
        return f"; {answers:,} answers"
    if name.startswith("loop"):
        return "; answers " + ", ".join(
            f"{loop(it)} ({how})" for how, it in seen["did"].items())
    return ""


def cell(name, seen):
    if not seen:
        return NOT
    if not seen["quiet"]["received"]:
        return "none served, nor before it"
    text = percent(seen["under"])
    if "standing" in seen:
        text += f" / {percent(seen['standing'])}"
    return text + ratio(seen) + what_came_back(name, seen)


def cost(_name, seen):
    """Memory before, under attack and after, and processes or, where there is
    one, lines of log."""
    if not seen:
        return NOT
    before, during, after = (seen[it]["memory"] / MEBI for it in
                             ("before", "during", "afterwards"))
    count = (f"{seen['during']['processes']:,}" if not seen["counters"]
             else f"{len(seen['lines'])} lines")
    return f"{before:.1f} / {during:.1f} / {after:.1f} ({count})"


def heading(services, seconds):
    system = platform.freedesktop_os_release()
    return (f"`make check-attacks`, {time.strftime('%Y-%m-%d')}: Linux "
            f"{platform.release()}, {os.cpu_count()} processors "
            f"({platform.machine()}), {system['PRETTY_NAME']}; "
            f"{', '.join(services)}; {seconds:g} s under each attack.")


def markdown(titles, services, results, text, applies):
    """A row for each attack; results by service and attack."""
    lines = [["attack", *services], ["---"] * (len(services) + 1)]
    lines += [[title, *(text(name, results.get((service, name)))
                        if applies(service, name) else WITHOUT
                        for service in services)]
              for name, title in titles.items()]
    return "\n".join(
        "|".join(["", *(it if it == "---" else f" {it} " for it in line), ""])
        for line in lines)

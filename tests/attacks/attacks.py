# SPDX-License-Identifier: MIT
"""Attacks on echod, and on other echo services of Debian 12, in network
namespaces: what an honest client beside them sees.  Prints TAP: what echod
promises; and as comments the tables of RELIABILITY.md.

Each attack on each service is a cell (cell.py), in namespaces of its own.  What
it saw is kept, so that a table can be made of several runs; the tables are there,
too, as tables.md.  Needs root, for others than echod apt, and nothing is
installed.

Usage: attacks.py [--share] [--only=ATTACK,...] [--table] [SERVICE]...
    --share  the part for CI: echod alone, for a second each, smaller crowds
    --table  no attack: only the tables of what was seen before

Environment: ECHOD, ECHOPING, the programs; top_builddir: results are in attacks,
packages in compare-peers; ECHOD_ATTACK_SECONDS: how long under attack (2);
ECHOD_ATTACK_PART: crowds are a part of their size, 5 is a fifth.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys

if "--share" in sys.argv:
    os.environ.setdefault("ECHOD_ATTACK_PART", "5")

import stage  # noqa: E402, F401  it tells where modules of other tests are
import compare  # noqa: E402
import judge  # noqa: E402
import peers  # noqa: E402
import table  # noqa: E402
from scenes import ATTACKS, PART  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
SERVICES = ("echod", "xinetd", "openbsd-inetd", "socat", "ncat")
OURS_ALONE, OTHERS_ALONE = ("loop-odd",), ("loop-echod",)
CELL_LIMIT = 90  # seconds: ends a cell that hangs
SKIPPED = 77
SECONDS, SHARE = 2.0, 1.0


class Results:
    """What was seen, in files."""

    def __init__(self, top):
        self._place = os.path.join(top, "attacks" if PART == 1 else
                                   "attacks-part")
        os.makedirs(self._place, exist_ok=True)

    def path(self, service, name):
        return os.path.join(self._place, f"{service}.{name}.json")

    def keep(self, service, name, seen):
        with open(self.path(service, name), "w", encoding="utf-8") as file:
            json.dump(seen, file)

    def write(self, text):
        """The tables, as RELIABILITY.md has them."""
        with open(os.path.join(self._place, "tables.md"), "w",
                  encoding="utf-8") as file:
            file.write(text)

    def all(self):
        found = {}
        for service in SERVICES:
            for name in ATTACKS:
                try:
                    with open(self.path(service, name),
                              encoding="utf-8") as file:
                        found[service, name] = json.load(file)
                except OSError:
                    pass
        return found

    def forget(self, service, name):
        """What an earlier run saw is not what this one did."""
        with contextlib.suppress(FileNotFoundError):
            os.remove(self.path(service, name))

    def log(self, service, name):
        return os.path.join(self._place, f"{service}.{name}.log")


class Run:
    """TAP on standard output."""

    def __init__(self, results, seconds):
        self.results, self.seconds = results, seconds
        self.count = self.failures = 0

    def add(self, good, text):
        self.count += 1
        self.failures += not good
        print("ok" if good else "not ok", self.count, "-", text, flush=True)

    def play(self, peer, name):
        """A cell; None if it did not come to its end."""
        attack = ATTACKS[name]
        command = ([] if peer.name == "echod"
                   else peer.commands[attack.transport])
        self.results.forget(peer.name, name)
        with open(self.results.log(peer.name, name), "w+b") as log:
            try:
                text = subprocess.run(
                    [*compare.ISOLATED, sys.executable, "-B",
                     os.path.join(HERE, "cell.py"), name, str(self.seconds),
                     *command],
                    check=True, stdin=subprocess.DEVNULL, stderr=log,
                    stdout=subprocess.PIPE, timeout=CELL_LIMIT,
                    start_new_session=True).stdout
            except (subprocess.SubprocessError, OSError) as error:
                log.seek(0)
                lines = log.read().decode(errors="replace").splitlines()
                return None, [*lines[-20:], str(error)[-200:]]
        seen = json.loads(text)
        seen["attack"] = {"title": attack.title,
                          "transport": attack.transport}
        self.results.keep(peer.name, name, seen)
        return seen, []

    def attack(self, peer, name):
        """Judged is echod; of others it only has to be seen."""
        title = ATTACKS[name].title
        seen, why = self.play(peer, name)
        if not seen:
            print("\n".join(f"# {it}" for it in why))
            self.add(False, f"{peer.name}: {title}: seen to its end")
        elif peer.name == "echod":
            print(f"# {title}: {table.cell(name, seen)}; {seen['did']}; "
                  f"{seen['seconds']:.1f} s")
            for kept, what in judge.promises(name, seen):
                self.add(kept, f"{title}: {what}")
        else:
            self.add(True, f"{peer.name}: {title}: {table.cell(name, seen)}")

    def skip(self, name, reason):
        self.add(True, f"{name} # SKIP {reason}")


def takes_part(service, name):
    return name not in (OTHERS_ALONE if service == "echod" else OURS_ALONE)


def run(run_, names, services, place):
    peers.configure(place)
    for service in services:
        try:
            peer = (peers.built(os.environ["ECHOD"], place)
                    if service == "echod" else peers.fetch(service, place))
        except peers.LeftOut as reason:
            run_.skip(service, reason)
            continue
        for name in names:
            if takes_part(service, name):
                run_.attack(peer, name)
    print(f"1..{run_.count}")
    return int(run_.failures > 0)


def tell(results, seconds):
    """The tables."""
    found = results.all()
    services = [it for it in SERVICES if any(key[0] == it for key in found)]
    titles = {name: it.title for name, it in ATTACKS.items()}
    texts = [table.heading(services, seconds),
             *(table.markdown(titles, services, found, text, takes_part)
               for text in (table.cell, table.cost))]
    for text in texts:
        print("#")
        print("\n".join(f"# {line}" for line in text.splitlines()))
    results.write("\n\n".join(texts) + "\n")


def parse(arguments):
    names, services, flags = list(ATTACKS), [], set()
    for it in arguments:
        if it.startswith("--only="):
            names = it.removeprefix("--only=").split(",")
        elif it.startswith("--"):
            flags.add(it)
        else:
            services.append(it)
    unknown = [it for it in names if it not in ATTACKS] + [
        it for it in services if it not in SERVICES] + list(
        flags - {"--share", "--table"})
    if unknown:
        sys.exit(f"attacks: unknown {', '.join(unknown)} (attacks are "
                 f"{', '.join(ATTACKS)}; services {', '.join(SERVICES)})")
    return names, services, flags


def main():
    names, services, flags = parse(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    share = "--share" in flags
    seconds = float(os.environ.get("ECHOD_ATTACK_SECONDS",
                                   SHARE if share else SECONDS))
    top = os.path.abspath(os.environ["top_builddir"])
    results = Results(top)
    if "--table" in flags:
        tell(results, seconds)
        return 0
    if os.geteuid() != 0:
        print("1..0 # SKIP needs root, for network namespaces")
        return SKIPPED
    status = run(Run(results, seconds), names,
                 services or (SERVICES[:1] if share else SERVICES),
                 os.path.join(top, "compare-peers"))
    tell(results, seconds)
    return status


if __name__ == "__main__":
    sys.exit(main())

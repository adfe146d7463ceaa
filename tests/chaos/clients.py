# SPDX-License-Identifier: MIT
"""All clients of the chaos: processes with hundreds each, on the other side of
the cable and on this one, and echoping's loads beside them."""

import signal

import bursts
import crowd
from daemon import sanitized
from echodtest import note
from pinger import Echoping
from traffic import Traffic

PORT = 7007
HOSTS = ("10.7.0.1", "10.7.0.11", "fd07::1")
WRONG = ("corrupt", "truncated", "foreign", "duplicate")  # never to be

# Clients of each process.
ABROAD = {"paced": 800, "busy": 6, "bytewise": 40, "urgent": 40,
          "stalled": 20, "halfclosed": 30, "bulk": 1, "visitor": 100,
          "passer": 10, "brief": 20}
AT_HOME = {"paced": 60, "busy": 2, "bytewise": 10, "stalled": 4,
           "halfclosed": 4, "bulk": 1, "visitor": 20, "brief": 4}
DATAGRAMS = {"burst": 40, "train": 20}
UNIX_DATAGRAMS = {"burst": 10}

LOADS = (("tcp", "--bulk", "--timeout=1min"),
         ("tcp", "--connect", "--connections=8", "--timeout=1min"),
         ("udp", "--gso", "--pipeline=16", "--connections=2",
          "--timeout=500ms"))


def was_turned_away(fault):
    """Whether it may never have come to the service."""
    return fault.what == "RST" and fault.received == 0


class Clients:
    """All clients, until they are told to end."""

    def __init__(self, neighbour, directory, seed):
        abroad = [(host, PORT) for host in HOSTS]
        stream, datagram = f"{directory}/stream", f"{directory}/datagram"
        self._seed = seed
        with neighbour:
            self.traffics = [
                self._traffic(abroad, ABROAD, crowd.KINDS),
                self._traffic(abroad, ABROAD, crowd.KINDS),
                self._traffic(abroad, DATAGRAMS, bursts.KINDS)]
            self._loads = [Echoping("--load", "--json", "-q", "--threads=1",
                                    "--warmup=0", "--duration=1d", *options,
                                    f"{scheme}:{HOSTS[0]}:{PORT}")
                           for scheme, *options in LOADS]
        self.traffics += [
            self._traffic([stream], AT_HOME, crowd.KINDS),
            self._traffic([datagram], UNIX_DATAGRAMS, bursts.KINDS)]

    def _traffic(self, addresses, counts, kinds):
        self._seed += 1
        if sanitized():  # it is several times as slow
            counts = {kind: 1 + count // 10 for kind, count in counts.items()}
        return Traffic(addresses, counts, seed=self._seed, kinds=kinds)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for it in [*self.traffics, *self._loads]:
            it.__exit__()

    def opened(self):
        return all(it.all_opened() for it in self.traffics)

    def finish(self, manager):
        """Have all end well."""
        for it in self._loads:
            it.signal(signal.SIGINT)
        for it in self.traffics:
            it.finish(manager.turn)
        manager.until(lambda: all([it.turn() for it in self._loads]),
                      "echoping ends")
        self.loads = [it.wait().summary() for it in self._loads]

    def sum(self, name):
        """Of all kinds that report it."""
        return sum(it.get(name, 0) for traffic in self.traffics
                   for it in traffic.report["kinds"].values())

    def judge(self, verdict, overflows):
        turned_away = faults = 0
        for it in self.traffics:
            it.tell(it.report["faults"])
            faults += len(it.report["faults"])
            turned_away += sum(map(was_turned_away, it.report["faults"]))
        verdict.equal(faults - turned_away, 0, "clients to which something "
                      "was lost or wrong, or whom the service left")
        verdict.that(turned_away <= overflows,
                     f"{turned_away} whom the kernel turned away, of "
                     f"{overflows} for whom a backlog was too short")
        silent = {kind for it in self.traffics for kind in it.silent()}
        heard = {kind for it in self.traffics for kind in it.counts
                 if kind not in it.silent()}
        verdict.equal(len(silent - heard), 0, "kinds of clients of which "
                      "nothing was echoed")
        for it in self.loads:
            note(f"echoping --load, {it['target']}, {it['kind']}: "
                 f"{it['received']:,} of {it['sent']:,}, "
                 f"{it['echoed_bytes']:,} bytes")
            wrong = [name for name in WRONG if it[name]]
            if it["target"].startswith("tcp"):
                wrong += [name for name in ("lost", "errors") if it[name]]
            verdict.that(not wrong, f"all of it was right: {wrong or 'yes'}")

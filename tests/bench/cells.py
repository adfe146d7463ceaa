# SPDX-License-Identifier: MIT
"""What is measured: the cells, and who takes part in each.

Servers that fork a process for each client, or run Python, take part where
they can be expected to stand it.
"""

from dataclasses import dataclass

LOOPS = ("libuv", "libevent", "asio", "uring", "go")
LOOPS_UDP = ("libuv", "asio", "uring", "go")
SLOW = ("asyncio", "socket", "xinetd", "socat", "ncat", "busybox")
BUSY = "echod --busy-poll"
PRESERVED = "echod --preserve"
TWO_WORKERS = "echod -w 2"
PINNED = "echod -w 2 --cpu-affinity"

RR_CONNECTIONS = (1, 50, 500, 5000)
RR_SIZES = (64, 1000)
BURST_SIZES = (64, 1200)
BURSTS = (16, 64)
# Datagrams under way: they fit into a receive buffer of the default size.
UNDER_WAY = 64


@dataclass(frozen=True)
class Cell:
    """One kind of work, which all its servers do in each round."""
    name: str
    title: str
    servers: tuple
    options: tuple  # of echoping --load
    scheme: str = "tcp"
    metric: str = "rate"  # that is plotted; see generator.measure
    quick: bool = True
    both_cpus: bool = False  # the server may use the client's, too

    def servers_for(self, quick):
        """Those that take part; in a quick run none of the slow ones."""
        return [name for name in self.servers
                if not (quick and name in SLOW)]


def _request_response(connections, size):
    few = connections <= 50 and size == 64
    servers = ("echod", *LOOPS)
    if connections == 1 and size == 64:
        servers += (BUSY, "blocking")
    return Cell(
        f"rr-{size}-{connections}",
        f"TCP request/response, {size} B, {connections:,} connection"
        f"{'' if connections == 1 else 's'}",
        servers + (SLOW if few else ()),
        (f"--connections={connections}", f"--size={size}"), quick=few)


def _burst(size, depth, trains=False):
    servers = ("echod", "recvfrom", "recvmmsg")
    name = "train" if trains else "burst"
    peers = UNDER_WAY // depth
    return Cell(
        f"udp-{name}-{size}-{depth}",
        f"UDP, {size} B, {name}s of {depth}, {peers} peer"
        f"{'' if peers == 1 else 's'}",
        servers + (() if trains else LOOPS_UDP),
        (f"--connections={peers}", f"--size={size}",
         f"--pipeline={depth}", *(("--gso",) if trains else ())),
        scheme="udp", metric="cpu",
        quick=size == 64 and (trains or depth == 64))


def _bulk(connections):
    one = connections == 1
    return Cell(
        f"bulk-{connections}",
        f"bulk both ways, {connections} connection{'' if one else 's'}",
        ("echod", *LOOPS, "asyncio", "splice", *(("blocking",) if one else
                                                  ())),
        ("--bulk", f"--connections={connections}"), metric="bytes", quick=one)


CELLS = (
    *(_request_response(connections, size)
      for size in RR_SIZES for connections in RR_CONNECTIONS),
    Cell("rtt", "TCP round trip, 64 B, 1 connection, a client that never "
         "sleeps", ("echod", BUSY, *LOOPS, "blocking"),
         ("--connections=1", "--size=64", "--busy-poll"), metric="p50"),
    Cell("pipelined", "TCP pipelined, 16 × 64 B, 50 connections",
         ("echod", *LOOPS), ("--connections=50", "--size=64",
                             "--pipeline=16")),
    _bulk(1), _bulk(4),
    Cell("connect", "connect + echo + close, 64 B, 50 at a time",
         ("echod", *LOOPS, *SLOW),
         ("--connect", "--connections=50", "--size=64")),
    *(_burst(size, depth) for size in BURST_SIZES for depth in BURSTS),
    *(_burst(size, 32, trains=True) for size in BURST_SIZES),
    Cell("udp-single", "UDP, 64 B, one at a time from each of 50 peers",
         ("echod", "recvfrom", "recvmmsg", *LOOPS_UDP, "asyncio", "socket",
          "xinetd", "busybox"),
         ("--connections=50", "--size=64"), scheme="udp", quick=False),
    Cell("workers", "TCP, 64 B, 50 connections, workers share the CPU",
         ("echod", TWO_WORKERS), ("--connections=50", "--size=64"),
         metric="cpu", quick=False),
    Cell("workers-both",
         "the same, the server on both CPUs, the client on one of them",
         ("echod", TWO_WORKERS, PINNED), ("--connections=50", "--size=64"),
         metric="cpu", quick=False, both_cpus=True),
    *(Cell(f"preserve-{name}", f"{title}, connections are preserved",
           ("echod", PRESERVED), options, metric=metric)
      for name, title, options, metric in (
          ("rr", "TCP request/response, 64 B, 50 connections",
           ("--connections=50", "--size=64"), "rate"),
          ("bulk", "bulk both ways, 1 connection",
           ("--bulk", "--connections=1"), "bytes"),
          ("connect", "connect + echo + close, 64 B, 50 at a time",
           ("--connect", "--connections=50", "--size=64"), "rate"))),
)

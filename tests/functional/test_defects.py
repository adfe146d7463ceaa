#!/usr/bin/python3 -B
# SPDX-License-Identifier: MIT
"""echoping --conformance finds each defect of an echo service, and no other."""

import socket

import netspace
from conformer import PATIENCE, Result
from echodtest import case, main
from pinger import sanitized
from wrong import Wrong, WrongUnix


# Where a service is looked at when it takes no more: one that is late, as on a
# busy machine, is not to be taken for that.
PATIENCE_WITH_LATE = ("--timeout=8s",)


def expect_failures(defect, *rows, host=None, patience=PATIENCE):
    """This defect is found in these rows and in no other of their transports.
    """
    with Wrong(*defect.split(), host=host) as wrong:
        name = "[::1]" if host and ":" in host else "127.0.0.1"
        transports = {transport for _, transport in rows}
        scheme = f"{transports.pop()}:" if len(transports) == 1 else ""
        result = Result(*patience, f"{scheme}{name}:{wrong.port}")
        assert result.failed() == set(rows), (defect, result.failed())
        assert result.status == 1, result.status
        return result


@case("TCP: what is lost, and a FIN that does not come or comes too early")
def tcp_defects():
    expect_failures("tail", (6, "tcp"), patience=PATIENCE_WITH_LATE)
    expect_failures("half-close", (6, "tcp"))
    expect_failures("urgent", (17, "tcp"))
    expect_failures("fin", *((row, "tcp") for row in (6, 7, 8, 9, 11)),
                    patience=PATIENCE_WITH_LATE)


@case("TCP: memory without bound, turns without end, and Nagle's algorithm")
def tcp_more_defects():
    expect_failures("unbounded", (7, "tcp"), patience=PATIENCE_WITH_LATE)
    expect_failures("greedy", (8, "tcp"))
    expect_failures("nagle", (20, "tcp"))


@case("TCP: a service that thinks for 40 ms about small messages")
def tcp_stall():
    expect_failures("stall", (20, "tcp"))


@case("a service that dies is named once, by the row that it died in")
def death():
    with Wrong("die-reset") as wrong:
        result = Result(*PATIENCE, f"127.0.0.1:{wrong.port}")
    assert result.failed() == {(13, "tcp")}
    assert result.detail("urgent byte") == (
        "it does not answer any more since row 13")


@case("UDP: the row of each defect fails, and no other")
def udp_defects():
    result = expect_failures("truncate", (1, "udp"))
    assert "of 65507 bytes 8192 came back" in result.detail("longest datagram")
    expect_failures("empty", (2, "udp"))
    expect_failures("wildcard", (3, "udp"), (4, "udp"))
    expect_failures("own-port", (5, "udp"))
    expect_failures("duplicate", (12, "udp"))
    expect_failures("die-icmp", (14, "udp"))


@case("several defects at once, and capital letters made small")
def several_defects():
    expect_failures("urgent truncate empty", (17, "tcp"), (1, "udp"),
                    (2, "udp"))
    expect_failures("lower", *(
        (row, "tcp") for row in (6, 7, 8, 9, 11, 13, 16)))
    with Wrong("lower") as wrong:  # where no letter is capital it goes unseen
        result = Result(*PATIENCE, f"udp:127.0.0.1:{wrong.port}")
        assert {(1, "udp"), (12, "udp"), (16, "udp")} <= result.failed()
        assert (2, "udp") not in result.failed()


@case("defects that only root sees", keep_root=True)
def privileged_defects():
    netspace.isolate()
    netspace.ip("addr", "add", "::10.7.0.9/128", "dev", "lo")
    result = expect_failures("port-0", (5, "udp"))
    assert result.titles("FAILED") == {"datagram from source port 0"}
    result = expect_failures("low-port", (5, "udp"))
    assert result.titles("FAILED") == {"datagram from a port below 1024"}
    for defect, host, title in (("unspecified", "::1", "::"),
                                ("mapped", "::", "a v4-mapped source"),
                                ("compatible", "::1",
                                 "a v4-compatible source")):
        rows = [(21, "udp")]
        if host == "::":  # it is asked at ::10.7.0.9, too
            rows.append((3, "udp"))
        result = expect_failures(defect, *rows, host=host)
        assert f"datagram from {title}" in result.titles("FAILED")


@case("Unix sockets: passed descriptors kept or sent back, records merged")
def unix_defects():
    for kind, scheme in ((socket.SOCK_DGRAM, "unix-dgram"),
                         (socket.SOCK_SEQPACKET, "unix-seqpacket")):
        for defect, titles in (("", set()), ("keep", {"passed descriptors"}),
                               ("return", {"passed descriptors"})):
            with WrongUnix(kind, *defect.split()) as wrong:
                result = Result(*PATIENCE, f"{scheme}:@{wrong.name}")
                assert result.titles("FAILED") == titles, (scheme, defect)
    with WrongUnix(socket.SOCK_SEQPACKET, "merge") as wrong:
        result = Result(*PATIENCE, f"unix-seqpacket:@{wrong.name}")
        assert "records" in result.titles("FAILED")


if __name__ == "__main__":
    # Rows that time messages are slow enough when instrumented.
    main(side_by_side=1 if sanitized() else 2)

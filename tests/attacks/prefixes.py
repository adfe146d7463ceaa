# SPDX-License-Identifier: MIT
"""Sources that a datagram may claim: every prefix of IANA's registries of
special-purpose addresses (RFC 6890), and of multicast.

No host has an address of those that are marked, or has it elsewhere: a reply
must not leave, nor come back to the service's own host.  Of the others a router
may know where they are, and it is the network's to keep out those that are
forged: they are answered like any address.  Samples are of the middle and the
end of a prefix, where the network of the test has nobody.
"""

NEVER, ROUTED = "never", "routed"

IPV4 = (
    ("0.0.0.0/8", "this network", NEVER, ("0.0.0.1", "0.7.7.7")),
    ("0.0.0.0/32", "this host", NEVER, ("0.0.0.0",)),
    ("10.0.0.0/8", "private", ROUTED, ("10.99.0.1", "10.255.255.254")),
    ("100.64.0.0/10", "shared", ROUTED, ("100.64.0.1", "100.127.255.254")),
    ("127.0.0.0/8", "loopback", NEVER, ("127.0.0.1", "127.255.255.254")),
    ("169.254.0.0/16", "link local", ROUTED, ("169.254.7.7",)),
    ("172.16.0.0/12", "private", ROUTED, ("172.16.0.1", "172.31.255.254")),
    ("192.0.0.0/24", "IETF protocols", ROUTED, ("192.0.0.100",)),
    ("192.0.0.0/29", "service continuity", ROUTED, ("192.0.0.1",)),
    ("192.0.0.8/32", "dummy", ROUTED, ("192.0.0.8",)),
    ("192.0.0.9/32", "port control", ROUTED, ("192.0.0.9",)),
    ("192.0.0.10/32", "TURN", ROUTED, ("192.0.0.10",)),
    ("192.0.0.170/32", "NAT64 discovery", ROUTED, ("192.0.0.170",)),
    ("192.0.0.171/32", "NAT64 discovery", ROUTED, ("192.0.0.171",)),
    ("192.0.2.0/24", "documentation", ROUTED, ("192.0.2.1",)),
    ("192.31.196.0/24", "AS112", ROUTED, ("192.31.196.1",)),
    ("192.52.193.0/24", "AMT", ROUTED, ("192.52.193.1",)),
    ("192.88.99.0/24", "6to4 relay", ROUTED, ("192.88.99.1",)),
    ("192.168.0.0/16", "private", ROUTED, ("192.168.0.1",)),
    ("192.175.48.0/24", "AS112", ROUTED, ("192.175.48.1",)),
    ("198.18.0.0/15", "benchmarks", ROUTED, ("198.18.0.1", "198.19.255.254")),
    ("198.51.100.0/24", "documentation", ROUTED, ("198.51.100.1",)),
    ("203.0.113.0/24", "documentation", ROUTED, ("203.0.113.1",)),
    ("224.0.0.0/4", "multicast", NEVER,
     ("224.0.0.1", "239.255.255.250", "232.7.7.7")),
    ("240.0.0.0/4", "reserved", NEVER, ("240.0.0.1", "255.255.255.254")),
    ("255.255.255.255/32", "broadcast", NEVER, ("255.255.255.255",)),
)

IPV6 = (
    ("::/128", "unspecified", NEVER, ("::",)),
    ("::1/128", "loopback", NEVER, ("::1",)),
    ("::/96", "IPv4-compatible", NEVER, ("::127.0.0.1", "::10.7.0.1")),
    ("::ffff:0:0/96", "IPv4-mapped", NEVER,
     ("::ffff:127.0.0.1", "::ffff:10.7.0.1", "::ffff:192.0.2.1")),
    ("64:ff9b::/96", "translation", ROUTED, ("64:ff9b::127.0.0.1",)),
    ("64:ff9b:1::/48", "translation", ROUTED, ("64:ff9b:1::7",)),
    ("100::/64", "discard", ROUTED, ("100::7",)),
    ("100:0:0:1::/64", "dummy", ROUTED, ("100:0:0:1::7",)),
    ("2001::/23", "IETF protocols", ROUTED, ("2001:1ff::7",)),
    ("2001::/32", "Teredo", ROUTED, ("2001::7",)),
    ("2001:1::1/128", "port control", ROUTED, ("2001:1::1",)),
    ("2001:1::2/128", "TURN", ROUTED, ("2001:1::2",)),
    ("2001:1::3/128", "service registration", ROUTED, ("2001:1::3",)),
    ("2001:2::/48", "benchmarks", ROUTED, ("2001:2::7",)),
    ("2001:3::/32", "AMT", ROUTED, ("2001:3::7",)),
    ("2001:4:112::/48", "AS112", ROUTED, ("2001:4:112::7",)),
    ("2001:10::/28", "ORCHID", ROUTED, ("2001:10::7",)),
    ("2001:20::/28", "ORCHIDv2", ROUTED, ("2001:20::7",)),
    ("2001:30::/28", "drones", ROUTED, ("2001:30::7",)),
    ("2001:db8::/32", "documentation", ROUTED, ("2001:db8::7",)),
    ("2002::/16", "6to4", ROUTED, ("2002:7f00:1::1",)),
    ("2620:4f:8000::/48", "AS112", ROUTED, ("2620:4f:8000::7",)),
    ("3fff::/20", "documentation", ROUTED, ("3fff::7",)),
    ("5f00::/16", "segment routing", ROUTED, ("5f00::7",)),
    ("fc00::/7", "unique local", ROUTED, ("fc00:7::7", "fdff::7")),
    ("fe80::/10", "link local", ROUTED, ("fe80::2",)),
    ("ff00::/8", "multicast", NEVER, ("ff02::1", "ff0e::7")),
)


def samples():
    """Each source, and whether it may be answered."""
    for prefix, name, fate, sources in IPV4 + IPV6:
        for source in sources:
            yield source, fate == ROUTED, f"{prefix} ({name})"

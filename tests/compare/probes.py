# SPDX-License-Identifier: MIT
"""One question to one echo service, in namespaces of its own.

compare.py runs this file as the first process of a PID namespace: when it
ends, the kernel ends whatever was started in there.  The service is on one
side of a cable, and asked from the other; the answer is printed.

Usage: probes.py PROBE[:NUMBER] COMMAND...
"""

import os
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "../functional"))

import client  # noqa: E402
import netspace  # noqa: E402
from echodtest import until  # noqa: E402

WAIT = 3.0  # seconds: what has not come by then does not come
LATE = 2.0  # seconds that a reader sleeps after its FIN
STUCK = 0.1  # seconds without progress: all buffers on the way are full
SIZE = 10 ** 7
CONNECTIONS = 30
PORT = 7
LISTENING = "0A"  # in /proc/net/tcp

FIRST, SECOND, BROADCAST = "10.7.0.1", "10.7.0.11", "10.7.0.255"
CLIENT = "10.7.0.2"


# --- What the probes share ---

def ask(neighbour, data, host=FIRST, port=0):
    """Send a datagram; returns the answer and whom it is from, or None."""
    with neighbour:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(WAIT)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    sock.bind((CLIENT, port))
    sock.sendto(data, (host, PORT))
    try:
        answer, source = sock.recvfrom(65536)
        return answer, source[0]
    except TimeoutError:
        return None, None


def connect(neighbour):
    with neighbour:
        sock = client.connect((FIRST, PORT))
    sock.settimeout(WAIT)
    return sock


def processes():
    """How many live in this PID namespace, besides this one."""
    count = 0
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8") as file:
                count += file.read().rpartition(")")[2].split()[0] != "Z"
        except OSError:  # it has ended
            pass
    return count


# --- Probes: each returns what is printed ---

def probe_nothing(_neighbour):
    """It listens: enough."""
    return "listening"


def probe_whole(neighbour, size):
    data = client.pattern(size, size)
    return "whole" if ask(neighbour, data)[0] == data else "not whole"


def probe_empty(neighbour):
    answer, _ = ask(neighbour, b"")
    if answer is None:
        return "no answer"
    return "echoed" if answer == b"" else "answered with more"


def probe_second_address(neighbour):
    _, source = ask(neighbour, b"ping", host=SECOND)
    return {SECOND: "answers from it", FIRST: "from the first",
            None: "no answer"}.get(source, f"from {source}")


def answered(neighbour, **how):
    answer, _ = ask(neighbour, b"ping", **how)
    return "not answered" if answer is None else "answered"


def probe_broadcast(neighbour):
    return answered(neighbour, host=BROADCAST)


def probe_port_7(neighbour):
    return answered(neighbour, port=PORT)


def send_reading(sock, data, got, patience):
    """Send all, and read whenever for so long no more could be sent."""
    sent = 0
    while sent < len(data):
        if client.writable(sock, patience):
            sent += sock.send(memoryview(data)[sent:], socket.MSG_DONTWAIT)
        elif piece := sock.recv(client.CHUNK):
            got += piece
        else:
            return


def read_late(neighbour, patience):
    """What becomes of the stream when a client sleeps after its FIN."""
    data, got = client.pattern(SIZE), bytearray()
    sock = connect(neighbour)
    try:
        send_reading(sock, data, got, patience)
        sock.shutdown(socket.SHUT_WR)
        time.sleep(LATE)
        got += client.receive_all(sock)
    except TimeoutError:
        return "stalls"
    except ConnectionError:
        return "reset"
    if got == data:
        return "all"
    return "tail lost" if data.startswith(got) else "changed"


def probe_late_at_end(neighbour):
    return read_late(neighbour, patience=0)


def probe_late_always(neighbour):
    return read_late(neighbour, patience=STUCK)


def probe_urgent(neighbour):
    sock = connect(neighbour)
    sock.send(b"abc")
    got = client.receive(sock, 3)
    sock.send(b"d", socket.MSG_OOB)
    sock.send(b"ef")
    try:
        while not got.endswith(b"ef") and (piece := sock.recv(16)):
            got += piece
    except (TimeoutError, ConnectionError):
        pass
    return {b"abcdef": "in its place", b"abcef": "lost"}.get(
        got, f"makes `{got.decode(errors='replace')}` of `abcdef`")


def probe_processes(neighbour):
    socks = [connect(neighbour) for _ in range(CONNECTIONS)]
    served = 0
    for sock in socks:
        sock.send(b"x")
        try:
            served += sock.recv(1) == b"x"
        except (TimeoutError, ConnectionError):
            pass
    less = "" if served == CONNECTIONS else f" ({served} served)"
    return f"{processes()}{less}"


def probe_conformance(neighbour, transport, host):
    """What echoping --conformance prints of it."""
    with neighbour:
        return subprocess.run(
            [os.environ["ECHOPING"], "--conformance",
             f"{transport}:{host}:{PORT}"],
            check=False, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout


def probe_conformance_tcp(neighbour):
    return probe_conformance(neighbour, "tcp", FIRST)


def probe_conformance_udp(neighbour):
    return probe_conformance(neighbour, "udp", SECOND)


# Name: the transport that has to be served, and the probe.
PROBES = {
    "listen-tcp": ("tcp", probe_nothing),
    "listen-udp": ("udp", probe_nothing),
    "whole": ("udp", probe_whole),
    "empty": ("udp", probe_empty),
    "second-address": ("udp", probe_second_address),
    "broadcast": ("udp", probe_broadcast),
    "late-at-end": ("tcp", probe_late_at_end),
    "late-always": ("tcp", probe_late_always),
    "urgent": ("tcp", probe_urgent),
    "processes": ("tcp", probe_processes),
    "port-7": ("udp", probe_port_7),
    "conformance-tcp": ("tcp", probe_conformance_tcp),
    "conformance-udp": ("udp", probe_conformance_udp),
}


# --- The service ---

def is_served(transport):
    for name in (transport, transport + "6"):
        with open(f"/proc/net/{name}", encoding="utf-8") as file:
            for line in file.readlines()[1:]:
                fields = line.split()
                if fields[1].endswith(f":{PORT:04X}") and (
                        transport == "udp" or fields[3] == LISTENING):
                    return True
    return False


def serve(transport, command):
    """Start it; returns the process.  It may leave files in /run, which is not
    the machine's."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                               stdout=sys.stderr)
    until(lambda: is_served(transport), f"{transport} port {PORT} is served")
    return process


def main():
    name, _, number = sys.argv[1].partition(":")
    transport, probe = PROBES[name]
    netspace.isolate()
    neighbour = netspace.Neighbour()
    serve(transport, sys.argv[2:])
    print(probe(neighbour, *([int(number)] if number else [])), flush=True)
    os._exit(0)  # without waiting for the service


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: MIT
"""An echo service that is right but for the defects it is given, to see that
echoping --conformance finds these and no others.

  TCP  tail       forgets at the FIN what it has not sent yet
       half-close answers no FIN
       fin        ends each stream after 1.5 MB, as if that were all
       unbounded  takes whatever comes, and keeps it
       greedy     serves a client until that one has nothing to send for 5 ms
       die-reset  dies of a connection that is reset
       urgent     loses the urgent byte
       nagle      leaves Nagle's algorithm on
       stall      thinks 40 ms about a small message
       lower      makes small letters of capital ones (also UDP)
       silent-tcp takes connections, and says nothing
  UDP  truncate   has room for 8192 bytes
       empty      does not answer the empty datagram
       wildcard   listens on all addresses, and answers from any
       port-0, low-port, own-port    answers datagrams from these
       duplicate  answers twice
       die-icmp   dies of an ICMP error, and is slow to answer who is new
       unspecified, mapped, compatible    answers such IPv6 sources
       silent-udp answers nothing
  Unix keep       keeps descriptors that it is passed
       return     sends them back
       merge      knows no bounds of records
"""

import os
import select
import signal
import socket
import struct
import sys
import time
import traceback

CHUNK = 65536
HOLD = 65536
HOLD_TAIL = 1 << 24
FIN_AFTER = 1500000
SMALL = 16
IP_RECVERR = 11
RESERVED_PORTS = 1024
LEAVE = 0.1


class Stream:
    """One connection: what is held is to be sent before more is read."""

    def __init__(self, sock, server):
        self.sock, self.server = sock, server
        self.held, self.taken = bytearray(), 0
        self.at_end = self.finished = False
        sock.setblocking(False)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY,
                            not server.has("nagle"))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE,
                            not server.has("urgent"))

    def room(self):
        if self.server.has("unbounded"):
            return True
        return len(self.held) < (HOLD_TAIL if self.server.has("tail")
                                 else HOLD)

    def events(self):
        return ((select.POLLIN if self.room() and not self.at_end else 0) |
                (select.POLLOUT if self.held else 0))

    def take(self, data):
        if self.server.has("silent-tcp"):
            return
        if self.server.has("lower"):
            data = data.lower()
        if self.server.has("stall") and len(data) < SMALL:
            time.sleep(0.04)
        if self.server.has("fin"):
            data = data[:max(0, FIN_AFTER - self.taken)]
            self.taken += len(data)
        self.held += data

    def receive(self):
        data = self.sock.recv(CHUNK)
        if data:
            self.take(data)
        else:
            self.at_end = True
        return bool(data)

    def send(self):
        if self.held:
            del self.held[:self.sock.send(memoryview(self.held)[:1 << 20])]
        if self.taken == FIN_AFTER and not self.held and not self.finished:
            self.finished = True
            self.sock.shutdown(socket.SHUT_WR)

    def _stays(self):
        return self.server.has("greedy") and select.select(
            [self.sock], [], [], 0.005)[0]

    def is_done(self):
        if self.at_end and self.server.has("half-close"):
            return False
        return self.at_end and (not self.held or self.server.has("tail"))

    def serve(self, events):
        if events & ~select.POLLOUT:
            while self.receive() and self._stays():
                self.send()
        try:
            self.send()
        except BlockingIOError:
            pass


class Server:
    """All sockets of one process, in one loop."""

    def __init__(self, defects):
        self.defects = set(defects)
        self.poll = select.poll()
        self.streams, self.others = {}, {}
        self._known = set()  # who has sent a datagram

    def has(self, defect):
        return defect in self.defects

    def add(self, sock, function):
        sock.setblocking(False)
        self.others[sock.fileno()] = (sock, function)
        self.poll.register(sock, select.POLLIN)

    def accept(self, listener):
        stream = Stream(listener.accept()[0], self)
        self.streams[stream.sock.fileno()] = stream
        self.poll.register(stream.sock, select.POLLIN)

    def _serve_stream(self, fd, events):
        stream = self.streams[fd]
        try:
            stream.serve(events)
        except BlockingIOError:
            pass
        except OSError:
            if self.has("die-reset"):
                sys.exit(1)
            stream.at_end = True
            stream.held.clear()
        if stream.is_done():
            self.poll.unregister(fd)
            del self.streams[fd]
            stream.sock.close()
        else:
            self.poll.modify(fd, stream.events())

    def run(self):
        while True:
            for fd, events in self.poll.poll():
                if fd in self.streams:
                    self._serve_stream(fd, events)
                else:
                    sock, function = self.others[fd]
                    try:
                        function(sock)
                    except BlockingIOError:
                        pass

    # Datagrams

    def datagram(self, sock):
        room = 8192 if self.has("truncate") else CHUNK
        try:
            data, peer = sock.recvfrom(room)
        except ConnectionRefusedError:
            sys.exit(1)
        if self._refuses(sock, data, peer):
            return
        if self.has("lower"):
            data = data.lower()
        if self.has("die-icmp") and peer not in self._known:
            self._known.add(peer)
            _await_leave(sock.family, peer)
        for _ in range(2 if self.has("duplicate") else 1):
            self._answer(sock, data, peer)

    def _refuses(self, sock, data, peer):
        host, port = peer[:2]
        own = sock.getsockname()[1]
        return (self.has("silent-udp") or
                (not data and self.has("empty")) or
                (port == 0 and not self.has("port-0")) or
                (0 < port < RESERVED_PORTS and not self.has("low-port")) or
                (port == own and not self.has("own-port")) or
                (host == "::" and not self.has("unspecified")) or
                (host.startswith("::ffff:") and not self.has("mapped")) or
                (host.startswith("::") and host.count(".") == 3 and
                 not host.startswith("::ffff:") and
                 not self.has("compatible")))

    @staticmethod
    def _answer(sock, data, peer):
        if peer[1] == 0:  # no socket sends there, but who is root can
            raw = socket.socket(socket.AF_INET, socket.SOCK_RAW,
                                socket.IPPROTO_UDP)
            header = struct.pack("!HHHH", sock.getsockname()[1], 0,
                                 8 + len(data), 0)
            raw.sendto(header + data, (peer[0], 0))
            return
        try:
            sock.sendto(data, peer)
        except OSError:  # no way leads there
            pass

    # Unix sockets

    def unix_datagram(self, sock):
        data, descriptors, _, peer = socket.recv_fds(sock, CHUNK * 2, 9)
        self._dispose(descriptors)
        try:
            sock.sendmsg([data], self._returned(descriptors), 0, peer)
        except ConnectionError:  # who asked is gone
            pass

    def accept_records(self, listener):
        self.add(listener.accept()[0], self.record)

    def record(self, sock):
        try:
            data, descriptors, _, _ = socket.recv_fds(sock, CHUNK * 2, 9)
            self._dispose(descriptors)
            if self.has("merge"):
                for byte in data:
                    sock.send(bytes([byte]))
            else:
                sock.sendmsg([data], self._returned(descriptors))
        except ConnectionError:  # that was not an empty one, but the end
            self.poll.unregister(sock)
            sock.close()

    def _dispose(self, descriptors):
        if not self.has("keep") and not self.has("return"):
            for fd in descriptors:
                os.close(fd)

    def _returned(self, descriptors):
        """The control messages of the answer."""
        if not descriptors or not self.has("return"):
            return []
        return [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                 struct.pack(f"{len(descriptors)}i", *descriptors))]


def _await_leave(family, peer):
    """For a moment, in which one who is in a hurry closes its port."""
    deadline = time.monotonic() + LEAVE
    while time.monotonic() < deadline:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(peer)
                return
            except OSError:  # it is still there
                time.sleep(0.001)


def _tcp_and_udp(host, server):
    """Sockets of one port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    while True:
        stream = socket.socket(family, socket.SOCK_STREAM)
        datagram = socket.socket(family, socket.SOCK_DGRAM)
        if server.has("mapped"):
            for sock in (stream, datagram):
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        stream.bind((host, 0))
        try:
            datagram.bind(stream.getsockname()[:2])
            break
        except OSError:  # the port is taken for UDP
            stream.close()
            datagram.close()
    stream.listen(128)
    if server.has("die-icmp"):
        datagram.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
    server.add(stream, server.accept)
    server.add(datagram, server.datagram)
    return stream.getsockname()[1]


def _unix(name, kind, server):
    sock = socket.socket(socket.AF_UNIX, kind)
    sock.bind(name)
    if kind == socket.SOCK_DGRAM:
        server.add(sock, server.unix_datagram)
    else:
        sock.listen(128)
        server.add(sock, server.accept_records)


class Wrong:
    """A process of it; leaving the `with` block ends it."""

    def __init__(self, *defects, host=None):
        server = Server(defects)
        if host is None:
            host = "0.0.0.0" if server.has("wildcard") else "127.0.0.1"
        self.port = _tcp_and_udp(host, server)
        self._start(server)

    def _start(self, server):
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                signal.signal(signal.SIGPIPE, signal.SIG_IGN)
                server.run()
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(1)
        for sock, _ in server.others.values():
            sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


class WrongUnix(Wrong):
    """The same on a Unix socket with an abstract name."""

    def __init__(self, kind, *defects):
        self.name = f"echod-test-wrong-{os.getpid()}-{int(kind)}"
        server = Server(defects)
        _unix("\0" + self.name, kind, server)
        self._start(server)

# SPDX-License-Identifier: MIT
"""An echo server of plain Python: sockets, and a thread for each client."""

import socket
import sys
import threading

BACKLOG = 4096
RECEIVE_SIZE = 1024
DATAGRAM_MAX = 65536


def serve(connection):
    with connection:
        while data := connection.recv(RECEIVE_SIZE):
            connection.sendall(data)


def serve_datagrams(sock):
    while True:
        data, peer = sock.recvfrom(DATAGRAM_MAX)
        sock.sendto(data, peer)


def main(port):
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("", port))
    threading.Thread(target=serve_datagrams, args=(datagrams,),
                     daemon=True).start()
    listener = socket.create_server(("", port), backlog=BACKLOG)
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(connection,),
                         daemon=True).start()


main(int(sys.argv[1]))

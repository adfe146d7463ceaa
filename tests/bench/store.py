# SPDX-License-Identifier: MIT
"""A service manager that does nothing but keep descriptors: sd_notify(3)."""

import os
import socket
import threading

FDS_MAX = 16
MESSAGE_MAX = 65536


class Store(threading.Thread):
    """Keeps what a server stores until it is closed."""

    def __init__(self):
        super().__init__(daemon=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("")  # a free name in the abstract namespace
        name = self._socket.getsockname()[1:].decode()
        self.environment = {"NOTIFY_SOCKET": "@" + name}
        self._kept = []
        self.start()

    def run(self):
        while True:
            message, fds, _, _ = socket.recv_fds(self._socket, MESSAGE_MAX,
                                                 FDS_MAX)
            if not message:
                return
            if b"FDSTORE=1" in message.split(b"\n"):
                self._kept += fds
            else:  # BARRIER=1 is answered so
                _close(fds)

    def close(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"", self._socket.getsockname())
        self.join()
        self._socket.close()
        _close(self._kept)


def _close(fds):
    for fd in fds:
        os.close(fd)

# SPDX-License-Identifier: MIT
"""A service manager as the daemon sees it: the socket of sd_notify(3)."""

import select
import socket
import time

from daemon import LIMIT


class ServiceManager:
    """Collects notifications; each message is a dict of its fields."""

    def __init__(self):
        self.messages = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("")  # a free name in the abstract namespace
        name = self._socket.getsockname()[1:].decode()
        self.environment = {"NOTIFY_SOCKET": "@" + name}

    def collect(self, timeout=0.0):
        """Take in one message if one comes in time."""
        if not select.select([self._socket], [], [], timeout)[0]:
            return False
        text = self._socket.recv(65536).decode()
        self.messages.append(dict(
            line.partition("=")[::2] for line in text.splitlines()))
        return True

    def collect_for(self, seconds):
        """Take in all messages of a period."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.collect(left)

    def await_field(self, name, after=0, value=None):
        """Await a message with the field; returns its index in .messages.
        `after` is an index, to see only later ones."""
        deadline = time.monotonic() + LIMIT
        while True:
            for index in range(after, len(self.messages)):
                got = self.messages[index].get(name)
                if got is not None and value in (None, got):
                    return index
                after = index + 1
            if time.monotonic() > deadline:
                raise AssertionError(f"no {name}= among {self.messages}")
            self.collect(0.1)

    def values(self, name, after=0):
        """What a field was set to, in order."""
        return [message[name] for message in self.messages[after:]
                if name in message]

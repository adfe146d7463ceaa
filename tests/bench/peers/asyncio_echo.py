# SPDX-License-Identifier: MIT
"""An echo server of asyncio: protocols that answer from their callbacks."""

import asyncio
import sys

BACKLOG = 4096


class Stream(asyncio.Protocol):
    """One connection.  asyncio sets TCP_NODELAY by itself."""

    transport = None

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


class Datagrams(asyncio.DatagramProtocol):
    """The socket for datagrams."""

    transport = None

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.transport.sendto(data, addr)


async def main(port):
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(Datagrams, ("0.0.0.0", port))
    server = await loop.create_server(Stream, "0.0.0.0", port, backlog=BACKLOG)
    async with server:
        await server.serve_forever()


asyncio.run(main(int(sys.argv[1])))

"""A narrow, long line between a browser and servers on the same machine: a SOCKS5 proxy (RFC 1928) with a bottleneck.

All connections share one rate downwards, piece by piece in the order in which they come; every byte is half a round
trip under way, and a connection takes a round trip to be made. Buffers, losses and slow starts of the real thing are
not imitated: they would not tell one server from the other.

    bench/link.py KBIT_PER_S ROUND_TRIP_MS      prints its port and serves until its input ends
"""

import asyncio
import struct
import sys

PIECE = 4096
# Headers of IP and TCP, for each packet of 1500 bytes.
OVERHEAD = 1500 / 1448


class Line:
    """One direction of the line."""

    def __init__(self, bytes_per_second, delay):
        self.pace, self.delay, self.free = OVERHEAD / bytes_per_second, delay, 0.0

    async def carry(self, reader, writer, ready):
        """Brings everything from `reader` to `writer`; nothing sets out before `ready`."""
        loop = asyncio.get_running_loop()
        under_way = asyncio.Queue()
        arriving = asyncio.create_task(self.arrive(under_way, writer))
        try:
            while piece := await reader.read(PIECE):
                self.free = max(self.free, loop.time(), ready) + len(piece) * self.pace
                under_way.put_nowait((self.free + self.delay, piece))
                await asyncio.sleep(self.free - loop.time())
        except ConnectionError:
            pass
        under_way.put_nowait((max(ready, loop.time()) + self.delay, b""))
        await arriving

    async def arrive(self, under_way, writer):
        loop = asyncio.get_running_loop()
        while True:
            when, piece = await under_way.get()
            await asyncio.sleep(when - loop.time())
            try:
                if not piece:
                    return writer.close()
                writer.write(piece)
                await writer.drain()
            except ConnectionError:
                return


async def serve(kbit, round_trip_ms):
    rate, half = kbit * 125, round_trip_ms / 2000
    down, up = Line(rate, half), Line(rate, half)

    async def connect(reader, writer):
        try:
            _, methods = await reader.readexactly(2)
            await reader.readexactly(methods)
            writer.write(b"\x05\x00")
            _, _, _, kind = await reader.readexactly(4)
            length = {1: 4, 3: None, 4: 16}[kind]
            address = await reader.readexactly(length or (await reader.readexactly(1))[0])
            (port,) = struct.unpack("!H", await reader.readexactly(2))
            # Whatever the name: a browser under test speaks with this machine only.
            there = await asyncio.open_connection("127.0.0.1", port)
            del address
            ready = asyncio.get_running_loop().time() + 2 * half
            writer.write(b"\x05\x00\x00\x01" + bytes(6))
        except (OSError, asyncio.IncompleteReadError, KeyError):
            return writer.close()
        await asyncio.gather(up.carry(reader, there[1], ready), down.carry(there[0], writer, ready))

    server = await asyncio.start_server(connect, "127.0.0.1", 0, limit=PIECE)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1]), float(sys.argv[2])))

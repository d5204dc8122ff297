"""Bytes between two connections."""

from __future__ import annotations

import asyncio

CHUNK = 65536

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def pass_both_ways(one: Ends, other: Ends) -> None:
    """Pass bytes on, both ways, until one side ends."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()

    ways = {asyncio.create_task(copy(one[0], other[1])), asyncio.create_task(copy(other[0], one[1]))}
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)

"""Many uploads at once to a real server: every object is whole, whether the keys differ or not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.server.support import BEARER, FILES, Deployment, hashed_key, sha256


@pytest.mark.parametrize("distinct", [True, False])
async def test_uploads_at_once(plane: Deployment, distinct: bool) -> None:
    await upload_at_once(plane, 20, distinct=distinct)


@pytest.mark.soak(minutes=1)
@pytest.mark.parametrize("distinct", [True, False])
async def test_200_uploads_at_once(plane: Deployment, distinct: bool) -> None:
    """200 uploads that are all under way at the same time, of 200 contents or of one."""
    await upload_at_once(plane, 200, distinct=distinct)


async def upload_at_once(plane: Deployment, count: int, *, distinct: bool) -> None:
    contents = [os.urandom(20_000 + number) for number in range(count if distinct else 1)]
    begun = 0
    all_begun = asyncio.Event()

    async def upload(content: bytes) -> int:
        async def body() -> AsyncIterator[bytes]:
            nonlocal begun
            yield content[:1000]
            begun += 1
            if begun == count:
                all_begun.set()
            await all_begun.wait()
            yield content[1000:]

        headers = {**BEARER, "Content-Length": str(len(content))}
        url = f"{plane.url}{FILES}/{hashed_key(content)}"
        return (await client.put(url, content=body(), headers=headers)).status_code

    limits = httpx.Limits(max_connections=count)
    async with httpx.AsyncClient(timeout=60, limits=limits) as client:
        everything = [contents[number % len(contents)] for number in range(count)]
        statuses = await asyncio.gather(*(upload(content) for content in everything))
    assert set(statuses) == {200}
    for content in contents:
        assert (await plane.get(hashed_key(content))).content == content
    root = plane.store.directory.root
    assert {path.name for path in root.glob("blobs/*/*")} == {sha256(content) for content in contents}
    assert list(root.glob("tmp/*.part")) == []

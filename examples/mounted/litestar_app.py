"""The parts in a Litestar application.

EXAMPLE_DATA=.data EXAMPLE_TOKEN=... uvicorn --factory examples.mounted.litestar_app:make_app
"""

from __future__ import annotations

from litestar import Litestar, MediaType, asgi, get

from examples.mounted.parts import make_parts
from filesync_server import parts_lifespan


@get("/hello", media_type=MediaType.TEXT)
async def hello() -> str:
    return "hello"


def make_app() -> Litestar:
    parts, closers = make_parts()
    mounts = [asgi(path, is_mount=True, copy_scope=True)(part) for path, part in parts.items()]
    lifespan = parts_lifespan(*parts.values(), on_close=closers)
    return Litestar([hello, *mounts], lifespan=[lifespan])

"""The parts in a Starlette application.

EXAMPLE_DATA=.data EXAMPLE_TOKEN=... uvicorn --factory examples.mounted.starlette_app:make_app
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from examples.mounted.parts import make_parts
from filesync_server import parts_lifespan


async def hello(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


def make_app() -> Starlette:
    parts, closers = make_parts()
    mounts = [Mount(path, part) for path, part in parts.items()]
    lifespan = parts_lifespan(*parts.values(), on_close=closers)
    return Starlette(routes=[Route("/hello", hello), *mounts], lifespan=lifespan)

"""The parts in a FastAPI application.

EXAMPLE_DATA=.data EXAMPLE_TOKEN=... uvicorn --factory examples.mounted.fastapi_app:make_app
"""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

from examples.mounted.parts import make_parts
from filesync_server import parts_lifespan


def make_app() -> FastAPI:
    parts, closers = make_parts()
    app = FastAPI(lifespan=parts_lifespan(*parts.values(), on_close=closers))

    @app.get("/hello", response_class=PlainTextResponse)
    async def hello() -> str:
        return "hello"

    for path, part in parts.items():
        app.mount(path, part)
    return app

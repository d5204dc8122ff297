"""Serves a built site and a health answer, while there is no server."""

from __future__ import annotations

import argparse

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

parser = argparse.ArgumentParser()
for flag in ("host", "port", "data", "site"):
    parser.add_argument(f"--{flag}")
args = parser.parse_args()


async def health(_request: Request) -> JSONResponse:
    return JSONResponse({"status": "ok"})


app = Starlette(
    routes=[Route("/api/health", health), Mount("/", StaticFiles(directory=args.site, html=True))]
)
uvicorn.run(app, host=args.host, port=int(args.port))

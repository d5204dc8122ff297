"""A store with S3's paths that does not know the headers about checksums, and says why it refuses a call."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

_ERROR = "<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"


@dataclass
class PlainStore:
    """An ASGI app; `objects` maps paths to bytes, `refusals` counts what was refused for its headers."""

    objects: dict[str, bytes] = field(default_factory=dict)
    refusals: Counter[str] = field(default_factory=Counter)
    status: int = 400

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        answer = await self._answer(request)
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if any(name.startswith("x-amz-checksum") for name in request.headers):
            self.refusals[request.method] += 1
            return _refusal(self.status, "InvalidArgument", "Unsupported header x-amz-checksum-sha256")
        path = request.url.path
        if path.count("/") == 1:
            return Response()
        if request.method == "PUT":
            self.objects[path] = await request.body()
        elif request.method == "DELETE":
            return _refusal(403, "AccessDenied", "This key may not delete")
        elif path not in self.objects:
            return _refusal(404, "NoSuchKey", "The key does not exist")
        return Response(self.objects[path], headers={"ETag": '"tag"'})


def _refusal(status: int, code: str, message: str) -> Response:
    text = _ERROR.format(code=code, message=message)
    return Response(text, status, media_type="application/xml")

"""The sync protocol over HTTP (`transport=http`), for clients that cannot have a WebSocket.

One POST is one request: the body is a `Request` message, the answer a JSON array of messages, the last of
which is its `Exit`. There is no live pull; clients ask again (LiveStore's every 5 seconds). Pushes reach live
pulls of WebSockets as any other. A pull is answered page by page, so a log of any length takes little memory.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

from filesync_web.livestore import messages as m
from filesync_web.livestore.wire import decode_pull_request, decode_push_request, encode, encoded_size

from .frames import RefusedFrameError, decode_frame
from .hub import Hub
from .protocol import check_push, check_store
from .storage import Page

UNUSABLE = "the event log cannot be used at the moment"
"""What clients are told; the reason is in the server's log."""
PULL, PUSH, PING = "SyncHttpRpc.Pull", "SyncHttpRpc.Push", "SyncHttpRpc.Ping"

log = logging.getLogger(__name__)


async def answer(hub: Hub, store_id: str, body: bytes, *, may_push: bool = True) -> AsyncIterator[str]:
    """The answer to one POST, in pieces of JSON text.

    Raises OSError when the log cannot be used. When pages of it are on their way already, the answer's end
    says so instead.
    """
    separator = "["
    async for message in _answer(hub, store_id, body, may_push):
        yield separator + encode(message)
        separator = ","
    yield "[]" if separator == "[" else "]"


async def _answer(hub: Hub, store_id: str, body: bytes, may_push: bool) -> AsyncIterator[m.ServerMessage]:
    try:
        message = decode_frame(body)
    except RefusedFrameError as error:
        yield error.answer
        return
    match message:
        case m.Request():
            has_begun = False
            try:
                async for part in _requested(hub, store_id, message, may_push):
                    yield part
                    has_begun = True
            except m.WireError as error:
                yield m.Failure(message.id, (m.Die(str(error)),))
            except OSError as error:
                if not has_begun:
                    raise
                log.warning("the event log of a store cannot be used: %s", error)
                yield m.Failure(message.id, (m.Die(UNUSABLE),))
        case m.Ping():
            yield m.Pong()


async def _requested(
    hub: Hub, store_id: str, request: m.Request, may_push: bool
) -> AsyncIterator[m.ServerMessage]:
    if request.tag == PULL:
        async for part in _pull(hub, store_id, request):
            yield part
    elif request.tag == PUSH:
        push = decode_push_request(request.payload)
        check_store(store_id, push.store_id)
        check_push(push.batch, may_push=may_push)
        rejection = await hub.append(store_id, push.batch, push.backend_id)
        yield m.Failure(request.id, (rejection,)) if rejection else m.Success(request.id, {})
    elif request.tag == PING:
        yield m.Success(request.id, {"_tag": "SyncMessage.Pong"})
    else:
        yield m.Defect(f"unknown request tag: {request.tag}")


async def _pull(hub: Hub, store_id: str, request: m.Request) -> AsyncIterator[m.ServerMessage]:
    payload = request.payload
    pull = decode_pull_request({**payload, "live": False} if isinstance(payload, dict) else payload)
    check_store(store_id, pull.store_id)
    after = pull.cursor.seq_num if pull.cursor else 0
    backend_id = pull.cursor.backend_id if pull.cursor else None
    remaining: int | None = None
    left = pull.max_bytes
    while remaining != 0 and (left is None or left > 0):
        page = await hub.read(store_id, after, backend_id)
        if isinstance(page, m.BackendIdMismatch):
            yield m.Failure(request.id, (page,))
            return
        if left is not None:
            page, left = _cut(page, left)
        yield m.Chunk(request.id, (m.PullResponse(page.events, page.backend_id, page.remaining),))
        after = page.events[-1].event.seq_num if page.events else after
        backend_id, remaining = page.backend_id, page.remaining
    yield m.Success(request.id)


def _cut(page: Page, max_bytes: int) -> tuple[Page, int]:
    """The events of the page that fit into so many bytes, one at least; and how many bytes are left."""
    left = max_bytes
    for count, pulled in enumerate(page.events):
        size = encoded_size(pulled.event)
        if count and size > left:
            return Page(page.backend_id, page.events[:count], page.remaining + len(page.events) - count), 0
        left -= size
    return page, left

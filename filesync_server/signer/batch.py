"""Several operations in one request, for clients with queues of small files: one round trip instead of a
hundred. Each is judged by itself, with the rights, bounds, rate and errors that it would meet alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

from starlette.exceptions import HTTPException
from starlette.requests import Request

from ..shared.http import refusal_of

BATCH = "batch"
"""The feature's name in `health`."""

MAX_OPERATIONS = 100
_AT_ONCE = 8
"""Operations of one batch that run at the same time: the store's threads are for others as well."""

_PATH = "/v1/batch"

_Body: TypeAlias = dict[str, Any]
_Result: TypeAlias = dict[str, Any]

log = logging.getLogger(__name__)


def operations_of(body: _Body) -> list[_Body]:
    """The operations of a batch; raises HTTPException 400. One that is no JSON object is refused later, by
    itself."""
    operations = body.get("requests")
    if not isinstance(operations, list) or not 0 < len(operations) <= MAX_OPERATIONS:
        raise HTTPException(400, f"requests must be a list of 1 to {MAX_OPERATIONS} operations")
    return [operation if isinstance(operation, dict) else {} for operation in operations]


def alone(batch: Request, path: str) -> Request:
    """The request that one operation would have been without the batch: who decides by path finds it."""
    scope = dict(batch.scope, path=batch.scope["path"].removesuffix(_PATH) + path)
    if raw_path := scope.get("raw_path"):
        scope["raw_path"] = raw_path.removesuffix(_PATH.encode()) + path.encode()
    return Request(scope)


async def result_of(perform: Callable[[_Body], Awaitable[_Body | None]], operation: _Body) -> _Result:
    """The result of one operation, whatever becomes of it."""
    try:
        answer = await perform(operation)
    except Exception as error:  # the others of the batch have nothing to do with it
        status, words = refusal_of(error)
        if not isinstance(error, HTTPException):
            log.exception("an operation of a batch failed")
        wait = (getattr(error, "headers", None) or {}).get("Retry-After")
        return {"status": status, "error": words} | ({} if wait is None else {"retryAfter": int(wait)})
    return {"status": 204} if answer is None else {"status": 200, **answer}


async def in_order_of_keys(
    operations: Sequence[_Body], do: Callable[[_Body], Awaitable[_Result]]
) -> list[_Result]:
    """The results in the order of the operations. Those of one key are done one after the other, in their
    order; of the others a few at a time."""
    by_key: defaultdict[str, list[int]] = defaultdict(list)
    for index, operation in enumerate(operations):
        by_key[str(operation.get("key")).lstrip("/")].append(index)
    results: list[_Result] = [{}] * len(operations)
    free = asyncio.Semaphore(_AT_ONCE)

    async def work(indexes: list[int]) -> None:
        for index in indexes:
            async with free:
                results[index] = await do(operations[index])

    async with asyncio.TaskGroup() as group:
        for indexes in by_key.values():
            group.create_task(work(indexes))
    return results

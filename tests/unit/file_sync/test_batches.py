"""Calls of the signer that come at the same time: in one request, where the signer offers that."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

import filesync_web as fs
from filesync_web.errors import AuthError, NetworkError, PermanentTransferError, ServerError, TransferError
from filesync_web.ports import Platform
from filesync_web.remote.signed_requests import SignedRequest
from filesync_web.remote.signer_client import SignerClient
from filesync_web.testing import (
    HeldHttp,
    HeldRequest,
    ManualClock,
    ManualConnectivity,
    MemoryBlobStore,
    MemoryLocks,
    MemoryNetwork,
    Reply,
    settle,
)
from tests.unit.file_sync.scene import a_device

FEATURES = ["batch", "head"]


class Signer:
    """A client, and the network where the test answers for the signer."""

    def __init__(self, auth_token: Any = "t") -> None:
        self.network = MemoryNetwork()
        self.features = FEATURES
        platform = Platform(
            MemoryBlobStore(self.network),
            HeldHttp(self.network),
            ManualConnectivity(),
            MemoryLocks(),
            ManualClock(),
        )
        self.client = SignerClient(platform, fs.SignerConfig("/api", auth_token))
        self.tasks: list[asyncio.Task[Any]] = []

    async def announce(self) -> None:
        health = json.dumps({"status": "ok", "features": self.features}).encode()
        self.network.plan("/health", Reply(200, {}, health))
        assert await self.client.is_healthy(timeout=1)

    def download(self, *keys: str) -> list[asyncio.Task[SignedRequest]]:
        """Ask for the URLs of these keys at the same time."""
        tasks = [asyncio.create_task(self.client.sign_download(key)) for key in keys]
        self.tasks += tasks
        return tasks

    async def next(self) -> HeldRequest:
        return await self.network.next("/v1/")


@pytest.fixture
async def signer() -> AsyncIterator[Signer]:
    signer = Signer()
    await signer.announce()
    yield signer
    await asyncio.gather(*signer.tasks, return_exceptions=True)


def asked(request: HeldRequest) -> list[str]:
    """The keys of the operations in a batch."""
    assert request.url == "/api/v1/batch"
    return [operation["key"] for operation in json.loads(request.body)["requests"]]


def answer(request: HeldRequest, results: Any, headers: dict[str, str] | None = None) -> None:
    request.respond(200, json.dumps({"results": results}).encode(), headers)


def urls(*keys: str) -> list[dict[str, Any]]:
    return [{"status": 200, "url": f"/objects/{key}"} for key in keys]


async def test_calls_of_one_moment_go_in_one_request(signer: Signer) -> None:
    tasks = signer.download("a", "b")
    upload = signer.client.sign_upload("c", content_type="a/b", content_length=3)
    signer.tasks.append(asyncio.create_task(upload))
    request = await signer.next()
    assert json.loads(request.body)["requests"] == [
        {"op": "download", "key": "a"},
        {"op": "download", "key": "b"},
        {"op": "upload", "key": "c", "contentType": "a/b", "contentLength": 3},
    ]
    answer(request, [*urls("a", "b"), {"status": 200, "url": "/objects/c", "method": "PUT"}])
    assert [(await task).url for task in tasks] == ["/objects/a", "/objects/b"]
    assert (await signer.tasks[2]).method == "PUT"


async def test_one_call_goes_alone(signer: Signer) -> None:
    (task,) = signer.download("a")
    request = await signer.next()
    assert request.url == "/api/v1/sign/download"
    request.respond(200, b'{"url": "/objects/a"}')
    assert (await task).url == "/objects/a"


async def test_without_the_feature_each_call_is_a_request() -> None:
    signer = Signer()
    signer.features = ["head"]
    await signer.announce()
    signer.network.rule(lambda _request: Reply(200, {}, b'{"url": "/objects/x"}'))
    await asyncio.gather(*signer.download("a", "b"))
    assert [request.url for request in signer.network.requests[1:]] == ["/api/v1/sign/download"] * 2


async def test_while_two_requests_are_under_way_the_others_gather(signer: Signer) -> None:
    for keys in (["a", "b"], ["c", "d"], ["e", "f"], ["g"]):
        signer.download(*keys)
        await settle()
    first, second = await signer.next(), await signer.next()
    assert len(signer.network.held) == 2
    answer(second, urls("c", "d"))
    third = await signer.next()
    assert asked(third) == ["e", "f", "g"]
    answer(first, urls("a", "b"))
    answer(third, urls("e", "f", "g"))
    assert [(await task).url[-1] for task in signer.tasks] == list("abcdefg")


async def test_a_batch_has_a_hundred_operations_at_most(signer: Signer) -> None:
    signer.network.rule(
        lambda request: Reply(200, {}, json.dumps({"results": urls(*asked(request))}).encode())
    )
    keys = [f"k{number}" for number in range(250)]
    signed = await asyncio.gather(*signer.download(*keys))
    assert [request.url for request in signed] == [f"/objects/{key}" for key in keys]
    assert [len(asked(request)) for request in signer.network.requests[1:]] == [100, 100, 50]


async def test_deletes_do_not_keep_others_from_their_urls(signer: Signer) -> None:
    signer.tasks += [asyncio.create_task(signer.client.delete(f"d{n}")) for n in range(300)]
    await settle()
    (task,) = signer.download("a")
    (await signer.network.next("/v1/sign/download")).respond(200, b'{"url": "/objects/a"}')
    assert (await task).url == "/objects/a"
    for task in signer.tasks[:300]:
        task.cancel()


async def test_an_error_reaches_only_who_has_asked(signer: Signer) -> None:
    tasks = signer.download("a", "b", "c", "d", "e", "f")
    results: list[Any] = urls(*"abcdef")
    results[1] = {"status": 403, "error": "not yours"}
    results[2] = {"status": 503, "error": "later", "retryAfter": 7}
    results[3] = {"status": 200}
    results[4] = {"status": 404, "error": "?"}
    answer(await signer.next(), results)
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(end) for end in ended] == [
        SignedRequest,
        PermanentTransferError,
        ServerError,
        ServerError,
        ServerError,
        SignedRequest,
    ]
    assert "not yours" in str(ended[1])
    assert isinstance(ended[2], TransferError)
    assert ended[2].retry_after == 7


@pytest.mark.parametrize(
    "results",
    [
        None,
        5,
        [],
        {},
        urls("a"),
        urls("a", "b", "c"),
        [5, None],
        [{}, {"status": "200"}],
        [{"status": True, "url": "/x"}, {"status": 99, "url": "/x"}],
        [{"status": 1e99}, {"status": -200, "url": "/x"}],
        [{"status": 200, "url": 5}, {"status": 200, "url": "/x", "headers": 5}],
    ],
)
async def test_an_answer_that_is_none_is_an_error_of_the_server(signer: Signer, results: Any) -> None:
    tasks = signer.download("a", "b")
    answer(await signer.next(), results)
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(end) for end in ended] == [ServerError, ServerError]


async def test_a_broken_connection_is_an_error_of_all(signer: Signer) -> None:
    tasks = signer.download("a", "b")
    (await signer.next()).fail()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(end) for end in ended] == [NetworkError, NetworkError]


async def test_who_gives_up_disturbs_no_other(signer: Signer) -> None:
    gone, kept = signer.download("a", "b")
    request = await signer.next()
    gone.cancel()
    await settle()
    assert not request.aborted
    answer(request, urls("a", "b"))
    assert (await kept).url == "/objects/b"
    assert gone.cancelled()


async def test_a_request_that_nobody_waits_for_any_more_is_aborted(signer: Signer) -> None:
    tasks = signer.download("a", "b")
    request = await signer.next()
    for task in tasks:
        task.cancel()
    await settle()
    assert request.aborted
    (task,) = signer.download("c")
    (await signer.next()).respond(200, b'{"url": "/objects/c"}')
    assert (await task).url == "/objects/c"


async def test_who_gives_up_before_the_request_is_left_out(signer: Signer) -> None:
    signer.download("a", "b", "c")[1].cancel()
    request = await signer.next()
    assert asked(request) == ["a", "c"]
    answer(request, urls("a", "c"))


@pytest.mark.parametrize("status", [400, 403, 404, 405])
async def test_a_signer_that_refuses_batches_is_asked_one_by_one(signer: Signer, status: int) -> None:
    signer.network.rule(lambda request: Reply(200, {}, json.dumps(urls(request.url)[0]).encode()))
    left = signer.network.plan("/v1/batch", Reply(status))
    await asyncio.gather(*signer.download("a", "b"))
    await asyncio.gather(*signer.download("c", "d"))
    assert not left
    assert [request.url for request in signer.network.requests[1:]] == [
        "/api/v1/batch",
        *["/api/v1/sign/download"] * 4,
    ]
    await signer.announce()
    assert "batch" in signer.client.features


async def test_a_refused_token_is_asked_for_anew_for_all(signer: Signer) -> None:
    tokens = iter(["old", "new"])
    signer = Signer(auth_token=lambda: next(tokens))
    await signer.announce()
    tasks = signer.download("a", "b")
    (await signer.next()).respond(401)
    request = await signer.next()
    assert request.headers["authorization"] == "Bearer new"
    answer(request, urls("a", "b"))
    assert [(await task).url for task in tasks] == ["/objects/a", "/objects/b"]


async def test_a_token_that_is_refused_for_one_call_is_asked_for_anew_for_it() -> None:
    signer = Signer(auth_token=lambda: "t")
    await signer.announce()
    tasks = signer.download("a", "b")
    answer(await signer.next(), [urls("a")[0], {"status": 401}])
    alone = await signer.next()
    assert json.loads(alone.body) == {"key": "b"}
    alone.respond(401)
    (await signer.next()).respond(401)
    assert (await tasks[0]).url == "/objects/a"
    with pytest.raises(AuthError) as caught:
        await tasks[1]
    assert caught.value.retryable


async def test_the_lifetime_of_a_url_is_told_from_the_answers_own_date(signer: Signer) -> None:
    tasks = signer.download("a", "b")
    results = [{**result, "expiresAt": "2030-01-01T00:15:00Z"} for result in urls("a", "b")]
    answer(await signer.next(), results, {"Date": "Tue, 01 Jan 2030 00:00:00 GMT"})
    assert [(await task).lifetime for task in tasks] == [900.0, 900.0]


async def test_files_travel_by_batches() -> None:
    async with a_device() as device:
        device.store.features = ["batch", "head"]
        tab = await device.tab()
        device.network.online = False
        await device.clock.advance(11)
        for number in range(20):
            await tab.sync.save_file(b"file %d" % number)
        device.network.online = True
        await device.clock.advance(11)
        assert len(device.store.objects) == 20
        signed = [request for request in device.network.requests if "/v1/" in request.url]
        assert any(request.url == "/api/v1/batch" for request in signed)
        assert len(signed) < 10

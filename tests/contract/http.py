"""What every HTTP adapter must do. A test class derives from `HttpContract` and gives it a `world`."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlencode

import pytest

from filesync_web.errors import InvalidArgumentError, NetworkError, StallError
from filesync_web.ports import HttpResponse
from tests.contract.blob_world import KIB, MIB, Recorder, Remote, World
from tests.contract.site import content, sha256
from tests.harness.waiting import until


class Target(Remote):
    """A place on the site that takes uploads, and the way it misbehaves."""

    def __init__(self, world: World, **faults: Any) -> None:
        super().__init__(world, 0, {})
        self.url = f"{world.site}/upload?{urlencode({'key': self.key, **faults})}"

    async def upload(self, data: bytes, method: str = "PUT", **options: Any) -> HttpResponse:
        """Store the bytes and send the blob."""
        store = self.world.store
        blob = await store.open((await store.put(data)).content_hash)
        given = {"headers": {}, "stall_timeout": 20.0, **options}
        return await self.world.http.upload(method, self.url, blob=blob, **given)

    async def closed(self) -> None:
        """Wait until the site sees that the client went away."""
        await until(lambda: self.ask("closed"), "the site sees that the client went away")


class RequestContract:
    """Small requests."""

    async def test_request_and_answer(self, world: World) -> None:
        target = Target(world)
        headers = {"Content-Type": "application/json", "X-Own": "1"}
        answer = await world.http.request("POST", target.url, headers=headers, body=b'{"a": 1}', timeout=30)
        assert (answer.status, answer.ok, answer.body) == (200, True, b'{"a": 1}')
        assert answer.headers["etag"] == '"stored"'
        [request] = await target.requests()
        assert (request["method"], request["size"]) == ("POST", 8)
        assert request["headers"]["content-type"] == "application/json"
        assert request["headers"]["x-own"] == "1"

    async def test_binary_answer_and_no_body(self, world: World) -> None:
        remote = world.blob(10 * KIB)
        answer = await world.http.request("GET", remote.url, headers={}, timeout=30)
        assert answer.body == remote.data
        assert (await world.http.request("DELETE", Target(world).url, headers={}, timeout=30)).body == b""

    @pytest.mark.parametrize("status", [204, 304, 401, 404, 500, 503])
    async def test_a_status_is_no_error(self, world: World, status: int) -> None:
        answer = await world.http.request("GET", Target(world, status=status).url, headers={}, timeout=30)
        assert answer.status == status
        assert answer.ok == (status == 204)

    async def test_no_answer_is_a_network_error(self, world: World) -> None:
        if not world.keeps_time:
            pytest.skip("there is always an answer in memory")
        with pytest.raises(NetworkError):
            await world.http.request("GET", "http://127.0.0.1:9/", headers={}, timeout=30)
        for faults in ({"hang": 0}, {"stall": 0}):
            with pytest.raises(NetworkError, match=r"0\.3 s"):
                await world.http.request("GET", Target(world, **faults).url, headers={}, timeout=0.3)
        with pytest.raises(NetworkError):
            await world.http.request("GET", Target(world, drop=0).url, headers={}, timeout=30)

    async def test_a_cancelled_request_is_aborted(self, world: World) -> None:
        if not world.keeps_time:
            pytest.skip("see the tests of the fakes")
        target = Target(world, stall=0)
        task = asyncio.create_task(world.http.request("GET", target.url, headers={}, timeout=30))
        await until(target.requests, "the site has the request")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await target.closed()


class UploadContract:
    """Sending stored blobs."""

    async def test_a_blob_arrives_whole_with_its_headers(self, world: World) -> None:
        target, seen, data = Target(world), Recorder(), content(3 * MIB)
        answer = await target.upload(data, headers={"Content-Type": "image/png", "X-Own": "1"}, progress=seen)
        assert answer.status == 200
        assert answer.headers["etag"] == '"stored"'
        [request] = await target.requests()
        assert (request["method"], request["size"], request["sha256"]) == ("PUT", len(data), sha256(data))
        assert request["headers"]["content-type"] == "image/png"
        assert request["headers"]["x-own"] == "1"
        assert seen.calls == sorted(seen.calls)
        assert seen.calls[-1] == (len(data), len(data))

    @pytest.mark.parametrize(("start", "end"), [(0, 10), (5, None), (100, 1000), (7, 7), (1000, 1000)])
    async def test_a_part_of_a_blob(self, world: World, start: int, end: int | None) -> None:
        target, data = Target(world), content(1000)
        await target.upload(data, start=start, end=end)
        [request] = await target.requests()
        assert (request["size"], request["sha256"]) == (len(data[start:end]), sha256(data[start:end]))

    async def test_an_empty_blob_and_another_method(self, world: World) -> None:
        target = Target(world)
        assert (await target.upload(b"", "POST")).body == b""
        [request] = await target.requests()
        assert (request["method"], request["size"]) == ("POST", 0)

    async def test_a_part_outside_the_blob_is_refused(self, world: World) -> None:
        target = Target(world)
        for start, end in ((-1, 2), (3, 2), (0, 11), (11, None)):
            with pytest.raises(InvalidArgumentError):
                await target.upload(content(10), start=start, end=end)
        assert await target.requests() == []

    @pytest.mark.parametrize("status", [201, 403, 412, 503])
    async def test_a_status_is_no_error(self, world: World, status: int) -> None:
        answer = await Target(world, status=status, retry_after=7).upload(b"abc")
        assert (answer.status, answer.body) == (status, b"as you wish")
        assert answer.headers["retry-after"] == "7"

    @pytest.mark.parametrize("status", [307, 308])
    async def test_a_redirected_upload_is_sent_again(self, world: World, status: int) -> None:
        if not world.keeps_time:
            pytest.skip("a network in memory sends nobody on")
        target, data = Target(world, redirect=status), content(3 * MIB)
        answer = await target.upload(data, headers={"Content-Type": "image/png"})
        assert answer.status == 200
        first, second = await target.requests()
        assert (second["method"], second["sha256"]) == ("PUT", sha256(data))
        assert second["headers"]["content-type"] == first["headers"]["content-type"] == "image/png"

    async def test_a_page_that_is_shown_instead_is_not_taken_for_a_stored_upload(self, world: World) -> None:
        if not world.keeps_time:
            pytest.skip("a network in memory sends nobody on")
        answer = await Target(world, redirect=303).upload(content(3 * MIB))
        assert not answer.ok or answer.is_elsewhere
        answer = await Target(world).upload(b"abc", start=1)
        assert (answer.ok, answer.is_elsewhere) == (True, False)

    async def test_a_broken_connection_is_a_network_error(self, world: World) -> None:
        if not world.keeps_time:
            pytest.skip("see the tests of the fakes")
        with pytest.raises(NetworkError):
            await Target(world, drop=MIB).upload(content(20 * MIB))

    @pytest.mark.parametrize("faults", [{"hang": 100 * KIB}, {"stall": 0}], ids=["body", "answer"])
    async def test_what_stands_still_is_a_stall_error(self, world: World, faults: dict[str, int]) -> None:
        if not world.keeps_time and "hang" in faults:
            pytest.skip("nothing hangs in memory")
        with pytest.raises(StallError):
            await Target(world, **faults).upload(content(20 * MIB), stall_timeout=0.7)

    async def test_a_cancelled_upload_is_aborted(self, world: World) -> None:
        if not world.keeps_time:
            pytest.skip("see the tests of the fakes")
        target = Target(world, stall=0)
        task = asyncio.create_task(target.upload(content(MIB)))
        await until(target.requests, "the site has the request")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await target.closed()


class HttpContract(RequestContract, UploadContract):
    """All of it."""

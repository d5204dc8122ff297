"""What a debug report tells, and that it tells no secrets."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import count
from typing import Any

import pytest

import filesync_web as fs
from filesync_web.aio.waiting import to_the_end
from filesync_web.core.display import FileSyncEvent
from filesync_web.core.raster import Raster
from filesync_web.core.thumb_hash import encode
from filesync_web.inspector.facts import PART_TIMEOUT
from filesync_web.testing.blobs import MemoryBlobStore
from filesync_web.testing.clock import settle
from filesync_web.testing.http import HeldRequest, Reply
from filesync_web.transfers.recent_events import MOST
from tests.unit.file_sync.scene import a_device, devices, hash_of, is_data, is_put, saved, synced


async def test_it_tells_who_gave_a_file_what_content_and_when() -> None:
    async with devices(2) as [mine, other]:
        backend = synced(mine)
        other.backend, other.store, other.network = backend, mine.store, mine.network
        other.blobs = MemoryBlobStore(mine.network)
        tab, peer = await mine.tab(), await other.tab()
        [file] = await saved(tab, b"one")
        for device in (mine, other):
            await device.clock.advance(2)
        await peer.sync.update_file(file.file_id, b"two")
        for device in (other, mine):
            await device.clock.advance(2)
        report = await tab.sync.debug_report([file.file_id])
        [told] = report["files"]
        assert [(v["content_hash"], v["by"], v["by_this_device"]) for v in told["versions"]] == [
            (hash_of(b"one"), tab.store.client_id, True),
            (hash_of(b"two"), peer.store.client_id, False),
        ]
        assert [v["remote_key"] for v in told["versions"]] == [f"s/{hash_of(b)}" for b in (b"one", b"two")]
        assert told["versions"][0]["ended_at"] == told["versions"][1]["made_at"] == told["updated_at"]
        assert told["bytes_here"] == 3
        assert report["store"]["log"]["confirmed"] == len(backend.events)


async def test_it_tells_what_runs_waits_and_failed() -> None:
    async with a_device() as device:
        device.store.hold = is_put
        tab = await device.tab(max_concurrent_uploads=1, retry=fs.RetryPolicy(max_attempts=1))
        first = await tab.sync.save_file(b"first", name="a.txt")
        await settle()
        second = await tab.sync.save_file(b"second")
        await settle()
        [held] = device.network.held
        held.move(3)
        transfers = (await tab.sync.debug_report(names=True))["transfers"]
        [running] = transfers["running"]
        assert (running["file_id"], running["name"], running["kind"]) == (first.file_id, "a.txt", "upload")
        assert (running["loaded"], running["total"]) == (3, 5)
        assert [row["file_id"] for row in transfers["waiting"]] == [second.file_id]
        assert transfers["jobs"] == {"upload": 1}

        held.respond(418)
        await settle()
        report = await tab.sync.debug_report()
        [failed] = report["transfers"]["failed"]
        assert failed["retry"]["attempts"] == 1
        assert "418" in failed["error"]
        assert "Transfers that rest at an error: 1." in report["findings"]
        assert report["events"][0]["type"] == "upload:start"
        assert "upload:error" in {event["type"] for event in report["events"]}
        device.store.hold = lambda _request: False


async def test_it_keeps_few_events() -> None:
    async with a_device() as device:
        tab = await device.tab()
        for number in range(3 * MOST):
            tab.sync._relay.tell_here(FileSyncEvent("upload:progress", f"p{number}", 1, 2))
            tab.sync._relay.tell_here(FileSyncEvent("upload:error", f"e{number}", error="no"))
        events = (await tab.sync.debug_report())["events"]
        assert [event["file_id"] for event in events] == [f"e{3 * MOST - n}" for n in range(1, MOST + 1)]
        assert len(tab.sync._relay.recent._progress) == MOST


SECRET = "s3cr3t-Token_42"
SIGNATURE = "X-Amz-Signature=0123abcd"
CONTENT = "what only the owner of the file may read"
PREVIEW = encode(Raster(4, 4, bytes(range(64))))
NAME = "diagnosis of Jane Doe.txt"


@pytest.mark.parametrize("quick", [True, False])
async def test_it_tells_no_secrets(quick: bool) -> None:
    async with a_device() as device:
        synced(device)
        device.sync = fs.SyncOptions(
            f"ws://user:{SECRET}@backend/sync?key={SECRET}", auth_token=lambda: SECRET
        )

        def refuse(request: HeldRequest) -> Reply | None:
            says = f"<Error><Code>No</Code><Message>{SECRET} at https://s3/o?{SIGNATURE}</Message></Error>"
            return Reply(403, {}, says.encode()) if is_data(request) else None

        device.network.rule(refuse)
        signer = fs.SignerConfig(
            f"/api?x={SECRET}", auth_token=lambda: SECRET, headers={"X-Api-Key": SECRET[::-1]}
        )
        metadata = fs.FileMetadata(custom={"note": SECRET}, preview=PREVIEW)
        tab = await device.tab(remote=signer)
        file = await tab.sync.save_file(CONTENT.encode(), name=NAME, metadata=metadata)
        await device.clock.advance(5)
        for error in (
            f"Bearer {SECRET}1",
            f"token={SECRET}2",
            f"see https://a/b?sig={SECRET}3 and {SECRET[::-1]}",
        ):
            tab.sync._relay.tell_here(FileSyncEvent("sync:error", file.file_id, error=error))
        report = json.dumps(await tab.sync.debug_report([file.file_id], quick=quick), ensure_ascii=False)
        for secret in (
            SECRET,
            SECRET[::-1],
            SIGNATURE,
            CONTENT,
            NAME,
            "0123abcd",
            b64encode(PREVIEW).decode(),
        ):
            assert secret not in report
        assert hash_of(CONTENT.encode()) in report
        assert NAME in json.dumps(await tab.sync.debug_report(names=True, quick=quick))


@pytest.mark.parametrize("scheme", ["Bearer", "Token", "ApiKey"])
async def test_a_token_is_left_out_whatever_its_scheme(scheme: str) -> None:
    async with a_device() as device:
        signer = fs.SignerConfig("/api", headers={"Authorization": f"{scheme} {SECRET}"})
        tab = await device.tab(remote=signer)
        await saved(tab, b"one")
        tab.sync._relay.tell_here(FileSyncEvent("sync:error", error=f"nobody knows {SECRET}"))
        report = await tab.sync.debug_report()
        assert "nobody knows" in report["events"][0]["error"]
        assert SECRET not in json.dumps(report)


async def test_a_tab_that_has_sent_no_token_leaves_them_out_as_well() -> None:
    secrets = ["for-the-signer-1", "for-the-gateway-2", "for-the-backend-3", "for-the-backend-4"]
    signer = fs.SignerConfig("/api", auth_token=secrets[0], headers={"X-Api-Key": secrets[1]})
    async with a_device() as device:
        synced(device)
        device.sync = fs.SyncOptions("ws://backend/sync", payload={"key": secrets[2]}, auth_token=secrets[3])
        await device.tab(remote=signer)
        follower = await device.tab(remote=signer)
        assert not follower.store.leader
        follower.sync._relay.tell_here(FileSyncEvent("sync:error", error=f"refused: {' '.join(secrets)}"))
        report = await follower.sync.debug_report()
        assert report["events"][0]["error"] == "refused: … … … …"


async def test_tokens_that_were_replaced_meanwhile_are_left_out_as_well() -> None:
    numbers = count()
    given: list[str] = []

    def token() -> str:
        given.append(f"token-number-{next(numbers)}.")
        return given[-1]

    async with a_device() as device:
        backend = synced(device)
        device.sync = fs.SyncOptions("ws://backend/sync", auth_token=token)
        tab = await device.tab(remote=fs.SignerConfig("/api", auth_token=token))
        await saved(tab, b"one")
        backend.drop_connections()
        await device.clock.advance(60)
        await saved(tab, b"two")
        assert len(given) >= 4, "both have been asked for another one"
        tab.sync._relay.tell_here(FileSyncEvent("sync:error", error=f"refused: {' '.join(given)}"))
        assert "token-number" not in json.dumps(await tab.sync.debug_report())


async def test_it_is_made_also_when_parts_fail() -> None:
    async with a_device() as device:
        tab = await device.tab()
        await tab.close()
        report: dict[str, Any] = await tab.sync.debug_report()
        assert set(report["transfers"]) == {"error"}
        assert any("'transfers' cannot tell: StoreClosedError" in finding for finding in report["findings"])
        assert report["kit"]["version"] == fs.__version__
        json.dumps(report)


async def test_a_part_that_hangs_does_not_keep_the_report_from_coming(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with a_device() as device:
        tab = await device.tab()
        await saved(tab, b"one")
        answers = asyncio.Event()

        async def hang(_store: object, _content_hash: str) -> None:
            await to_the_end(
                _until(answers)
            )  # as a job does: cancelled, it waits for its worker all the same

        monkeypatch.setattr(MemoryBlobStore, "size", hang)
        reporting = asyncio.create_task(tab.sync.debug_report())
        await settle()
        await device.clock.advance(PART_TIMEOUT)
        assert reporting.done()
        assert reporting.result()["files"] == {"error": f"no answer within {PART_TIMEOUT:g} s"}
        answers.set()
        await settle()


async def _until(event: asyncio.Event) -> None:
    await event.wait()


async def test_it_is_asked_of_a_file_that_is_not_known() -> None:
    async with a_device() as device:
        tab = await device.tab()
        with pytest.raises(fs.UnknownFileError):
            await tab.sync.debug_report(["8b1b0ef8-5a3a-4c5e-9d8f-0a0a0a0a0a0a"])


async def test_it_tells_how_far_the_clocks_are_apart() -> None:
    async with a_device() as device:
        server = format_datetime(datetime.fromtimestamp(device.clock.time() + 3600, UTC), usegmt=True)
        healthy = Reply(200, {"Date": server}, b'{"status": "ok"}')
        device.network.rule(lambda request: healthy if request.url == "/api/health" else None)
        tab = await device.tab()
        report = await tab.sync.debug_report()
        assert report["remote"]["clock_offset"] in (3600, 3601)
        assert "behind the server's" in " ".join(report["findings"])


async def test_files_that_wait_come_before_newer_ones() -> None:
    async with a_device() as device:
        device.store.hold = is_put
        tab = await device.tab()
        waiting = await tab.sync.save_file(b"older")
        await settle()
        device.store.hold = lambda _request: False
        await device.clock.advance(1)
        newer = await tab.sync.save_file(b"newer")
        await settle()
        files = (await tab.sync.debug_report())["files"]
        assert [file["id"] for file in files] == [waiting.file_id, newer.file_id]
        files = (await tab.sync.debug_report([newer.content_hash, waiting.path]))["files"]
        assert [file["id"] for file in files] == [newer.file_id, waiting.file_id]

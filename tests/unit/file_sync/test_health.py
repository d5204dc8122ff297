"""When a tab takes itself for online: by the signer's own words only, asked as the app's gateway wants it."""

from __future__ import annotations

import pytest

import filesync_web as fs
from filesync_web.core.records import Status
from filesync_web.testing.clock import settle
from filesync_web.testing.http import HeldRequest, Reply
from tests.unit.file_sync.scene import a_device

PORTAL = Reply(200, {"Content-Type": "text/html"}, b"<html>Welcome! Accept our terms to go online.</html>")


@pytest.mark.parametrize(
    "reply",
    [
        PORTAL,
        Reply(200),
        Reply(204),
        Reply(200, {}, b'"ok"'),
        Reply(200, {}, b'["ok"]'),
        Reply(200, {}, b'{"status": "failing"}'),
        Reply(200, {}, b'{"status": true}'),
        Reply(200, {}, b"{}"),
        Reply(200, {}, b"\xff\xfe"),
        Reply(302, {"Location": "http://portal/"}),
        Reply(503, {}, b'{"status": "ok"}'),
    ],
    ids=lambda reply: f"{reply.status} {reply.body.decode('latin-1')[:30]}",
)
async def test_what_is_no_healthy_signer_is_offline(reply: Reply) -> None:
    async with a_device() as device:
        device.network.plan("/health", *[reply] * 3)
        tab = await device.tab()
        file = await tab.sync.save_file(b"waits")
        await device.clock.advance(5)
        assert not tab.sync.is_online()
        assert [request.url for request in device.network.requests] == ["/api/health"]
        await device.clock.advance(30)
        assert tab.sync.is_online()
        assert tab.record(file.file_id).is_uploaded


async def test_a_portal_for_minutes_burns_no_attempt() -> None:
    def portal(_request: HeldRequest) -> Reply | None:
        return PORTAL if is_captive else None

    async with a_device() as device:
        is_captive = True
        device.network.rule(portal)
        tab = await device.tab()
        file = await tab.sync.save_file(b"waits")
        await device.clock.advance(160)
        row = tab.row(file.file_id)
        assert row is not None
        assert (row.upload_status, row.last_sync_error) == (Status.QUEUED, "")
        is_captive = False
        await device.clock.advance(15)
        assert tab.record(file.file_id).is_uploaded


async def test_the_apps_headers_are_sent_to_health_and_the_token_is_not() -> None:
    async def headers() -> dict[str, str]:
        return {"x-gateway": "let me in"}

    async with a_device() as device:
        remote = fs.SignerConfig("/api", auth_token="secret", headers=headers)
        await device.tab(remote=remote)
        (probe,) = device.network.requests
        assert probe.headers == {"x-gateway": "let me in"}


async def test_headers_that_cannot_be_had_are_told_by_the_transfers() -> None:
    def headers() -> dict[str, str]:
        raise KeyError("not signed in")

    async with a_device() as device:
        tab = await device.tab(remote=fs.SignerConfig("/api", headers=headers))
        file = await tab.sync.save_file(b"waits")
        await settle()
        row = tab.row(file.file_id)
        assert row is not None
        assert "not signed in" in row.last_sync_error


async def test_why_a_tab_is_offline_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "filesync_web.remote")
    async with a_device() as device:
        device.network.plan("/health", *[PORTAL] * 10)
        await device.tab()
        await device.clock.advance(50)
        assert len([record for record in caplog.records if "log-in page" in record.getMessage()]) == 1

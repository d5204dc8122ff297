"""What is listed for the time when no tab is open, and what the next tab makes of what was done then."""

from __future__ import annotations

from collections.abc import Mapping

import filesync_web as fs
from filesync_web.core.records import Status
from filesync_web.errors import StorageError
from filesync_web.ports import BackgroundUpload
from filesync_web.remote.object_store import MULTIPART_ABOVE
from filesync_web.testing.clock import settle
from tests.unit.file_sync.scene import Device, Tab, a_device, is_put


class Background:
    """A platform that can upload without a tab; `do` lets it."""

    def __init__(self, *, works: bool = True) -> None:
        self.works = works
        self.listed: dict[str, BackgroundUpload] = {}
        self.uploaded: dict[str, str] = {}
        self.headers: Mapping[str, str] = {}
        self.is_started = False

    async def start(self) -> bool:
        self.is_started = self.works
        return self.works

    def stop(self) -> None:
        self.is_started = False

    async def file_ids(self) -> set[str]:
        return {*self.listed, *self.uploaded}

    async def change(
        self,
        changes: Mapping[str, BackgroundUpload | None],
        signer_url: str,
        headers: Mapping[str, str] | None,
    ) -> None:
        assert signer_url == "/api"
        for file_id, upload in changes.items():
            if upload is not None and self.uploaded.get(file_id) == upload.key:
                continue
            self.uploaded.pop(file_id, None)
            self.listed.pop(file_id, None)
            if upload is not None:
                self.listed[file_id] = upload
        self.headers = {} if not self.listed else self.headers if headers is None else headers

    async def was_uploaded(self, file_id: str, remote_key: str) -> bool:
        return self.uploaded.get(file_id) == remote_key

    async def clear(self) -> None:
        self.listed.clear()
        self.uploaded.clear()
        self.headers = {}

    def do(self, device: Device) -> None:
        for file_id, upload in self.listed.items():
            device.store.objects[upload.key] = device.blobs.blobs[upload.key.partition("/")[2]]
            self.uploaded[file_id] = upload.key
        self.listed.clear()
        self.headers = {}


class BrokenBackground(Background):
    async def file_ids(self) -> set[str]:
        raise StorageError("no IndexedDB")

    async def was_uploaded(self, file_id: str, remote_key: str) -> bool:
        raise StorageError("no IndexedDB")


async def crash(device: Device, tab: Tab) -> None:
    """The tab is gone without a word: what is left of it must not clean up."""

    async def leave_all() -> None:
        pass

    background, device.background = device.background, None
    tab.sync._leader._background_uploads.clear = leave_all  # type: ignore[method-assign]
    device.open_tabs.remove(tab)
    await tab.close()
    device.background = background


async def test_uploads_are_handed_over_until_they_are_done() -> None:
    async with a_device() as device:
        device.background = background = Background()
        device.store.hold = is_put
        tab = await device.tab(background_uploads=True)
        saved = await tab.sync.save_file(b"picture", mime_type="image/png")
        await settle()
        key = f"s/{saved.content_hash}"
        assert background.listed == {saved.file_id: BackgroundUpload(key, "image/png")}
        assert background.headers == {"Authorization": "Bearer t"}
        edited = await tab.sync.update_file(saved.file_id, b"edited", mime_type="image/png")
        await settle()
        assert [upload.key for upload in background.listed.values()] == [f"s/{edited.content_hash}"]
        await tab.sync.pause_transfer(saved.file_id)
        await settle()
        assert (background.listed, background.headers) == ({}, {})
        await tab.sync.resume_transfer(saved.file_id)
        await settle()
        assert background.listed
        device.store.hold = lambda _request: False
        for request in device.network.held:
            request.respond(200)
        await settle()
        assert tab.record(saved.file_id).is_uploaded
        assert (background.listed, background.headers) == ({}, {})


async def test_deleted_and_large_files_are_not_handed_over() -> None:
    async with a_device() as device:
        device.background = background = Background()
        device.store.hold = is_put
        tab = await device.tab(background_uploads=True)
        await tab.sync.save_file(bytes(MULTIPART_ABOVE + 1))
        small = await tab.sync.save_file(b"small")
        await settle()
        assert list(background.listed) == [small.file_id]
        await tab.sync.delete_file(small.file_id)
        await settle()
        assert background.listed == {}


async def test_what_was_uploaded_without_a_tab_is_not_uploaded_again() -> None:
    async with a_device() as device:
        device.background = background = Background()
        device.store.hold = is_put
        tab = await device.tab(background_uploads=True)
        saved = await tab.sync.save_file(b"picture")
        await settle()
        await crash(device, tab)
        background.do(device)
        device.store.hold = lambda _request: False
        device.network.requests.clear()
        tab = await device.tab(background_uploads=True)
        assert tab.record(saved.file_id).remote_key == f"s/{saved.content_hash}"
        row = tab.row(saved.file_id)
        assert row is not None
        assert row.upload_status is Status.DONE
        assert [event.type for event in tab.events if event.type.startswith("upload")] == [
            "upload:start",
            "upload:complete",
        ]
        assert not any(is_put(request) for request in device.network.requests)
        await settle()
        assert background.uploaded == {}, "it is recorded"


async def test_an_object_that_is_lost_again_is_uploaded_again() -> None:
    async with a_device() as device:
        device.background = background = Background()
        device.store.features = ["head"]
        device.store.hold = is_put
        tab = await device.tab(background_uploads=True)
        saved = await tab.sync.save_file(b"picture")
        await settle()
        await crash(device, tab)
        background.do(device)
        device.store.objects.clear()
        device.store.hold = lambda _request: False
        tab = await device.tab(background_uploads=True)
        assert tab.record(saved.file_id).is_uploaded
        assert device.store.objects


async def test_nothing_is_handed_over_unless_the_app_asks_for_it() -> None:
    async with a_device() as device:
        device.background = background = Background()
        background.listed["old"] = BackgroundUpload("s/old", "a/b")
        background.headers = {"Authorization": "old"}
        device.store.hold = is_put
        tab = await device.tab()
        await tab.sync.save_file(b"picture")
        await settle()
        assert (background.listed, background.headers, background.is_started) == ({}, {}, False)


async def test_stopping_takes_everything_back() -> None:
    async with a_device() as device:
        device.background = background = Background()
        device.store.hold = is_put
        leader = await device.tab(background_uploads=True)
        other = await device.tab(background_uploads=True)
        await other.sync.save_file(b"picture")
        await settle()
        await other.sync.stop()
        assert background.listed, "another tab's uploads go on"
        await leader.sync.stop()
        assert (background.listed, background.headers, background.is_started) == ({}, {}, False)


async def test_a_function_for_the_token_that_fails_does_not_stop_the_handover() -> None:
    def token() -> str:
        raise RuntimeError("not signed in")

    async with a_device() as device:
        device.background = background = Background()
        device.network.online = False
        tab = await device.tab(background_uploads=True, remote=fs.SignerConfig("/api", auth_token=token))
        await tab.sync.save_file(b"picture")
        await settle()
        assert background.listed
        assert background.headers == {}


async def test_a_platform_that_cannot_changes_nothing() -> None:
    for background in (Background(works=False), BrokenBackground()):
        async with a_device() as device:
            device.background = background
            tab = await device.tab(background_uploads=True)
            saved = await tab.sync.save_file(b"picture")
            await settle()
            assert tab.record(saved.file_id).is_uploaded
            assert background.listed == {}

"""The whole client beside a hostile member, and what must hold whatever that one pushes.

A *victim* and a *friend* share a store, its object store, its sync backend and the time; each is a device of
its own with its own bytes. The hostile member pushes events through the backend; its frames may say what no
JSON library writes. Before that, the victim has uploaded one file and is uploading another, and the friend
has uploaded one; meanwhile both save once more.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import filesync_web as fs
from filesync_web.livestore.messages import Event
from filesync_web.livestore.ports import Socket
from filesync_web.testing.blobs import MemoryBlobStore
from filesync_web.testing.clock import settle
from filesync_web.testing.http import HeldRequest
from filesync_web.testing.sync_backend import MemorySyncBackend, javascript_values
from tests.unit.file_sync.scene import FILES, SCHEMA, Device, Tab, a_device, is_put
from tests.unit.hostile.events import STORE, HostileEvent, fill, write_raw

OWN, UNSENT, THEIRS, LATER, COMING = (
    name * 9 for name in (b"own", b"unsent", b"theirs", b"later", b"coming")
)

_KEY = re.compile(rf"{STORE}/([0-9a-f]{{64}})")
_HEADER = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
_MIME_TYPE = re.compile(r"[\x21-\x7e][\x20-\x7e]{0,254}")
_LARGEST = 2**53 - 1


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True)
class Manners:
    """How the sync backend hands events on: see `MemorySyncBackend`. `in_javascript`: its values are those of
    JavaScript."""

    chunk_events: int = 100
    repeat_chunks: bool = False
    overtaking: bool = False
    in_javascript: bool = False


async def run_trial(events: Sequence[HostileEvent], manners: Manners = Manners()) -> None:
    """Push half of the events before and half after the last saves; look at everything; open the client anew
    and look again; delete what the hostile member has left, and look once more."""
    async with _a_trial(manners) as trial:
        await trial.begin()
        half = (len(events) + 1) // 2
        await trial.push(events[:half])
        await trial.save_more()
        await trial.push(events[half:])
        await trial.let_go()
        await trial.look()
        await trial.open_anew()
        await trial.look()
        await trial.delete_the_rest()
        await trial.look()


class Trial:
    """One store, three members."""

    def __init__(self, victim: Device, friend: Device, backend: MemorySyncBackend) -> None:
        self.victim, self.friend, self.backend = victim, friend, backend
        self.here: Tab
        self.there: Tab
        self.files: dict[bytes, str] = {}
        self.pushed: list[tuple[str, Any]] = []
        self._tokens: dict[str, str] = {}
        self._told: list[fs.FileSyncEvent] = []

    # --- what happens

    async def begin(self) -> None:
        """Open both clients; what they have saved is everywhere, but for what the victim is uploading."""
        await self._open()
        self.there = await self.friend.tab(health_check_interval=600)
        self.files[OWN] = (await self.here.sync.save_file(OWN, name="own.txt")).file_id
        self.files[THEIRS] = (await self.there.sync.save_file(THEIRS, name="theirs.txt")).file_id
        await settle(100)
        self.victim.store.hold = lambda request: is_put(request) and sha256(UNSENT) in request.url
        self.files[UNSENT] = (await self.here.sync.save_file(UNSENT, name="unsent.txt")).file_id
        await settle()
        self._tokens = {
            "<own client>": self.here.store.client_id,
            "<later hash>": sha256(LATER),
            "<coming hash>": sha256(COMING),
        }
        for whose, content in (("own", OWN), ("unsent", UNSENT), ("their", THEIRS)):
            self._tokens[f"<{whose} id>"] = self.files[content]
            self._tokens[f"<{whose} hash>"] = sha256(content)

    async def push(self, events: Sequence[HostileEvent]) -> None:
        """The hostile member pushes events, a few at a time."""
        backend = self.backend
        for number, event in enumerate(events):
            args = backend.change(fill(event.args, self._tokens))
            client_id = fill(event.client_id, self._tokens)
            self.pushed.append((event.name, args))
            backend.events.append(
                Event(event.name, args, backend.head + event.gap, backend.head, client_id, "session")
            )
            backend.broadcast(backend.events[-1:])
            if number % 5 == 0:
                await settle()
        await self._pass_time(10)

    async def save_more(self) -> None:
        """The victim and the friend save another file each."""
        self.files[LATER] = (await self.here.sync.save_file(LATER, name="later.txt")).file_id
        self.files[COMING] = (await self.there.sync.save_file(COMING, name="coming.txt")).file_id
        await settle()

    async def let_go(self) -> None:
        """The upload that was held goes on."""
        store = self.victim.store
        store.hold = lambda _request: False
        for request in self.victim.network.held:
            reply = store.answer(request)
            assert reply is not None
            request.finish(reply)
        await self._pass_time(40)

    async def open_anew(self) -> None:
        """The victim closes its tab and opens it again."""
        self._told += self.here.events
        await self.here.close()
        self.victim.open_tabs.remove(self.here)
        await self._open()
        await self._pass_time(20)

    async def delete_the_rest(self) -> None:
        """The victim deletes every file that is none of the good ones; one of two is edited before that."""
        mine = set(self.files.values())
        bad = [record for record in self._live(self.here) if record.id not in mine]
        for number, record in enumerate(bad):
            if number % 2 and len(record.id) < 1_000:
                await _typed(self.here.sync.update_file(record.id, f"edit {number}".encode()))
            await self.here.sync.delete_file(record.id)
        await self._pass_time(20)
        left = [record.id[:50] for record in self._live(self.here) if record.id not in mine]
        assert not left, f"files that cannot be deleted: {left}"

    async def _open(self) -> None:
        self.here = await self.victim.tab(health_check_interval=600)

    async def _pass_time(self, seconds: float) -> None:
        await self.victim.clock.advance(seconds)
        await settle()

    # --- what must hold

    async def look(self) -> None:
        """Everything that must hold at any time at which nothing is going on."""
        await self._call_every_helper()
        for content, file_id in self.files.items():
            await self._check_file(content, file_id)
        self._check_clients()
        for request in self.victim.network.requests:
            _check_request(request)
        for content in (OWN, UNSENT, THEIRS, LATER, COMING):
            kept = self.victim.store.objects.get(f"{STORE}/{sha256(content)}", content)
            assert kept == content, f"the object of {content!r} has other bytes"

    async def _check_file(self, content: bytes, file_id: str) -> None:
        """A good file is whole: here, there and remotely; of one that was edited or deleted, the rest."""
        content_hash = sha256(content)
        if self._was_taken(content, file_id):
            return
        if content in (OWN, UNSENT, LATER):
            assert self.victim.blobs.blobs.get(content_hash) == content, f"the bytes of {content!r} are lost"
        if self._was_made_worse(content, file_id):
            return
        for tab, whose in ((self.here, "victim"), (self.there, "friend")):
            try:
                found = await tab.sync.read_file(file_id, wait=False)
            except fs.FileSyncError as error:
                raise AssertionError(f"the {whose} cannot read {content!r}: {error!r:.300}") from error
            assert found.data == content
        if any(file_id == _member(args, "id") for _name, args in self.pushed):
            return  # its remote key is what the hostile member has made of it
        assert self.victim.store.objects.get(f"{STORE}/{content_hash}") == content, f"{content!r} is not up"
        assert self.here.record(file_id).remote_key == f"{STORE}/{content_hash}"

    def _was_taken(self, content: bytes, file_id: str) -> bool:
        """Whether the hostile member has deleted or edited the file as any member may."""
        for name, args in self.pushed:
            if name not in ("v1.FileDeleted", "v1.FileUpdated") or _member(args, "id") != file_id:
                continue
            try:
                decoded = SCHEMA.by_wire_name[name].decode(args)
            except fs.SchemaError:
                continue
            content_hash = decoded.get("content_hash")
            if name == "v1.FileDeleted" or (_is_hash(content_hash) and content_hash != sha256(content)):
                return True
        return False

    def _was_made_worse(self, content: bytes, file_id: str) -> bool:
        """Whether the file was edited to content that is none: its record may be unusable, its bytes stay."""
        return any(
            name == "v1.FileUpdated"
            and _member(args, "id") == file_id
            and _member(args, "contentHash") != sha256(content)
            for name, args in self.pushed
        )

    def _check_clients(self) -> None:
        """No transfer machinery has fallen over, and both clients have the same files."""
        for tab in (self.here, self.there):
            wrong = [event for event in (*self._told, *tab.events) if event.type == "sync:error"]
            assert not wrong, f"the file sync has failed: {wrong[0].error}"
            status = tab.store.sync_status
            assert status.connected, f"metadata sync does not work: {status.last_error}"
            assert not status.last_error
            assert not status.pending
        assert _files(self.here) == _files(self.there)

    async def _call_every_helper(self) -> None:
        """What an app calls to show files: it works, or raises what the kit promises to raise."""
        sync, store = self.here.sync, self.here.store
        states = {state.file_id: state for state in store.query(FILES.tables.local_file_state)}
        fs.get_sync_status(states.values())
        records = store.query(FILES.tables.files)
        for record in records:
            _check_metadata(fs.get_file_metadata(record))
            fs.get_file_display_state(record, states.get(record.id))
            fs.get_file_display_state(record, None)
        for record in [record for record in records if record.id not in self.files.values()][:8]:
            for helper in (
                sync.resolve_file_url,
                sync.get_file_url,
                sync.prioritize_download,
                sync.evict_file,
                sync.pin_file,
                sync.unpin_file,
                sync.pause_transfer,
                sync.resume_transfer,
            ):
                await _typed(helper(record.id))
            await _typed(sync.resolve_file_url(record.path))
            await _typed(sync.read_file(record.id, wait=False))
        await _typed(sync.retry_errors())
        await settle(100)

    def _live(self, tab: Tab) -> list[fs.FileRecord]:
        return tab.store.query(FILES.tables.files.where(deleted_at=None))


class _Wire:
    """A connection on which the backend says what the hostile member has pushed, to the letter."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket

    async def send(self, text: str) -> None:
        await self._socket.send(text)

    async def receive(self) -> str:
        return write_raw(await self._socket.receive())

    async def close(self) -> None:
        await self._socket.close()


class _Backend(MemorySyncBackend):
    async def open_socket(self, url: str) -> Any:
        return _Wire(await super().open_socket(url))


@asynccontextmanager
async def _a_trial(manners: Manners) -> AsyncIterator[Trial]:
    """A trial; at the end nothing may be left running, and nothing may have been logged as an error."""
    with _no_errors_logged():
        async with a_device() as victim:
            friend = Device()
            friend.network, friend.clock, friend.store = victim.network, victim.clock, victim.store
            friend.blobs, friend.open_tabs = MemoryBlobStore(victim.network), victim.open_tabs
            victim.store.features = ["head", "checksum"]
            backend = victim.backend = friend.backend = _Backend(chunk_events=manners.chunk_events)
            backend.repeat_chunks, backend.overtaking = manners.repeat_chunks, manners.overtaking
            if manners.in_javascript:
                backend.change = javascript_values
            yield Trial(victim, friend, backend)


@contextmanager
def _no_errors_logged() -> Iterator[None]:
    """What nobody foresaw is logged as an error, also by asyncio."""
    records: list[logging.LogRecord] = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = records.append  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
    assert not records, f"an error was logged: {handler.format(records[0])}"


async def _typed(call: Awaitable[Any]) -> None:
    """The call may be refused, by an error of the kit."""
    with suppress(fs.FileSyncError):
        await call


def _check_metadata(metadata: fs.FileMetadata) -> None:
    """What others have written of a file is in bounds: a page can show it, a request can carry it."""
    for number in (metadata.size_bytes, metadata.width, metadata.height):
        assert number is None or 0 <= number <= _LARGEST
    if metadata.name is not None:
        metadata.name.encode()
    if metadata.mime_type is not None:
        assert _MIME_TYPE.fullmatch(metadata.mime_type), metadata.mime_type
    json.dumps(dict(metadata.custom), allow_nan=False)


def _check_request(request: HeldRequest) -> None:
    """It is for an object of the own store that is named by its content; what is stored has that content."""
    for name, value in request.headers.items():
        assert _HEADER.fullmatch(value), f"{request!r} has the header {name}: {value!r}"
    if request.url == "/api/health":
        return
    if request.url.startswith("/api/"):
        asked = json.loads(request.body)
        key, mime_type = asked["key"], asked.get("contentType")
        assert mime_type is None or _MIME_TYPE.fullmatch(mime_type), (
            f"a file of type {mime_type!r} is uploaded"
        )
    else:
        key = request.url.removeprefix("/objects/").partition("?")[0]
    named = _KEY.fullmatch(key)
    assert named, f"{request.url} is about {key!r}"
    if is_put(request):
        assert sha256(request.body) == named[1], f"other bytes are uploaded as {key}"


def _member(args: Any, name: str) -> Any:
    return args.get(name) if isinstance(args, dict) else None


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value) is not None


def _files(tab: Tab) -> list[fs.FileRecord]:
    return sorted(tab.store.query(FILES.tables.files), key=lambda record: record.id)

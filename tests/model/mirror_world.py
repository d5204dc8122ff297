"""Two mirrors of one store, and the people who change folders and store: a small world without disks.

A *device* has a folder, what its mirror knows, and a replica of the store: the log that all have, and events
of its own that wait to be sent. An event with a condition is void when it no longer holds, after all that
came before it. The steps of a mirror are taken one by one, and anything may happen between two of them.

Everything that somebody writes is a content of its own. It is *dropped* when somebody deletes it or writes
over it, knowing it; all others must be there in the end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from filesync_web.core.mounted_names import MountedNames, NamedFile, clean_path
from filesync_web.mirror.decisions.names import is_temporary
from filesync_web.mirror.decisions.plan import plan
from filesync_web.mirror.decisions.steps import (
    DeleteInStore,
    Forget,
    Known,
    Note,
    PutNew,
    RemoveInFolder,
    RenameInFolder,
    RenameInStore,
    Step,
    StoreFile,
    Update,
    View,
    Write,
)

NAMES = ("a", "b", "c.txt", "d/a", "d/b", "d/e/f.txt", "a/x")
ROUNDS = 60
"""Looks of both mirrors after which they must have come to rest."""


@dataclass(frozen=True)
class Event:
    kind: str
    file_id: str
    value: str = ""
    base: str | None = None
    name: str = ""


@dataclass
class Record:
    name: str
    content: str
    created_at: int
    is_deleted: bool = False


class Records:
    """What a log makes of the store's files."""

    def __init__(self, log: list[Event]) -> None:
        self.all: dict[str, Record] = {}
        for number, event in enumerate(log):
            self._apply(event, number)

    def _apply(self, event: Event, number: int) -> None:
        if event.kind == "created":
            self.all.setdefault(event.file_id, Record(event.name, event.value, number))
            return
        record = self.all.get(event.file_id)
        if record is None or record.is_deleted:
            return
        if event.base is not None and record.content != event.base:
            return
        if event.kind == "edited":
            record.content = event.value
        elif event.kind == "renamed":
            record.name = event.name
        else:
            record.is_deleted = True

    def live(self) -> dict[str, StoreFile]:
        files = {
            id_: NamedFile(id_, record.name, record.created_at)
            for id_, record in self.all.items()
            if not record.is_deleted
        }
        tree = MountedNames(files.values())
        return {
            id_: StoreFile(id_, tree.path_of(id_) or "", clean_path(named), self.all[id_].content)
            for id_, named in files.items()
        }

    def deleted(self) -> set[str]:
        return {id_ for id_, record in self.all.items() if record.is_deleted}


@dataclass
class Device:
    """One folder with its mirror."""

    name: str
    log: list[Event]
    folder: dict[str, str] = field(default_factory=dict)
    known: dict[str, Known] = field(default_factory=dict)
    pulled: int = 0
    pending: list[Event] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    removing: dict[str, tuple[str, str]] = field(default_factory=dict)
    made: int = 0

    # --- the replica

    def pull(self) -> None:
        self.pulled = len(self.log)

    def push(self) -> None:
        """Send what waits; the backend takes it only from who knows all that came before."""
        self.pull()
        self.log += self.pending
        self.pending = []
        self.pull()

    def records(self) -> Records:
        return Records(self.log[: self.pulled] + self.pending)

    # --- the mirror

    def look(self, unread: str = "") -> None:
        """Look at both sides; the file at the path `unread` is not read."""
        self._finish_removals()
        records = self.records()
        seen = View(
            known=[self.known[file_id] for file_id in sorted(self.known)],
            folder={path: content for path, content in self.folder.items() if path != unread},
            store=records.live(),
            deleted=records.deleted(),
            moving=self._moving(unread) if unread else set(),
            is_blocked=lambda path: path == unread,
            is_confirmed=not self.pending and self.pulled == len(self.log),
        )
        self.steps = plan(seen)

    def _moving(self, unread: str) -> set[str]:
        """The known files that may be the one there."""
        there = self.folder.get(unread)  # none, if its removal was finished just now
        return {id_ for id_, known in self.known.items() if known.arriving or known.last == there}

    def _finish_removals(self) -> None:
        for file_id, (path, content) in self.removing.items():
            if self.folder.get(path) == content:
                del self.folder[path]
            self._forget(file_id)
        self.removing = {}

    def take_step(self) -> None:
        """Take the next step of the last look."""
        if self.steps:
            step, *self.steps = self.steps
            self._intend(step)
            self._take(step)

    def die(self, *, is_done: bool) -> None:
        """Die in the next step: before it is done, or before it is noted that it is."""
        if self.steps:
            step, *self.steps = self.steps
            self._intend(step)
            known = dict(self.known)
            if is_done:
                self._take(step)
            self.known, self.steps = known, []

    def _intend(self, step: Step) -> None:
        """Note what is going to be done, where that has to be known after a death."""
        match step:
            case PutNew() if self.folder.get(step.path) == step.content:
                self.made += 1
                self._note(Known(step.path, f"{self.name}{self.made}", step.content, step.name))
            case Update() if (known := self._known_of(step.file_id)) is not None:
                self._note(replace(known.sending(step.content, step.base), path=step.path))
            case DeleteInStore() if (known := self._known_of(step.file_id)) is not None:
                self._note(replace(known, sent=(step.base,)))
            case RemoveInFolder() if self.folder.get(step.path) == step.content:
                self.removing[step.file_id] = (step.path, step.content)
            case Write() if self._may_write(step) and self._has(step.file_id, step.content):
                known = self._known_of(step.file_id) or Known(step.path, step.file_id, "", step.name)
                self._note(replace(known, path=step.path, arriving=step.content))

    def _take(self, step: Step) -> None:
        match step:
            case Note(known):
                self._note(known)
            case Forget(known):
                self._forget(known.file_id)
            case PutNew() if self.folder.get(step.path) == step.content:
                self.pending.append(Event("created", f"{self.name}{self.made}", step.content, name=step.name))
            case Update() if self.folder.get(step.path) == step.content and self._has(
                step.file_id, step.base
            ):
                self.pending.append(Event("edited", step.file_id, step.content, base=step.base))
            case RenameInStore():
                self.pending.append(Event("renamed", step.file_id, name=step.path))
                self._move(step.file_id, step.path, name=step.path)
            case DeleteInStore() if step.path not in self.folder and self._has(step.file_id, step.base):
                self.pending.append(Event("deleted", step.file_id, base=step.base))
                self._forget(step.file_id)
            case RemoveInFolder():
                self._finish_removals()
            case RenameInFolder() if step.path in self.folder and self._is_free(step.new_path):
                self.folder[step.new_path] = self.folder.pop(step.path)
                self._move(step.file_id, step.new_path)
            case Write() if self._may_write(step) and self._has(step.file_id, step.content):
                self.folder[step.path] = step.content
                self._note(Known(step.path, step.file_id, step.content, step.name))

    def _has(self, file_id: str, content: str) -> bool:
        file = self.records().live().get(file_id)
        return file is not None and file.content == content

    def _may_write(self, step: Write) -> bool:
        return self._is_free(step.path) if step.over is None else self.folder.get(step.path) == step.over

    def _is_free(self, path: str) -> bool:
        folders = {path[:at] for at, char in enumerate(path) if char == "/"}
        below = any(other.startswith(path + "/") for other in self.folder)
        return path not in self.folder and not below and not folders & self.folder.keys()

    # --- what it knows

    def _note(self, known: Known) -> None:
        self.known[known.file_id] = known

    def _forget(self, file_id: str) -> None:
        self.known.pop(file_id, None)

    def _known_of(self, file_id: str) -> Known | None:
        return self.known.get(file_id)

    def _move(self, file_id: str, path: str, name: str | None = None) -> None:
        known = self._known_of(file_id)
        if known is not None:
            self._note(replace(known, path=path, name=name or known.name))


class MirrorWorld:
    """Two devices, and what people have written and dropped."""

    def __init__(self) -> None:
        self.log: list[Event] = []
        self.devices = [Device("x", self.log), Device("y", self.log)]
        self.written: set[str] = set()
        self.dropped: set[str] = set()
        self.may_double = False
        self._moves = 0
        self._reused: set[str] = set()

    def act(self, kind: str, who: int, a: int, b: int) -> None:
        getattr(self, f"_{kind}")(self.devices[who % 2], a, b)

    def _content(self) -> str:
        self.written.add(content := f"content {len(self.written)}")
        return content

    # --- what people do in a folder

    def _write(self, device: Device, a: int, _b: int) -> None:
        path = NAMES[a % len(NAMES)]
        if path in device.folder or device._is_free(path):
            if path not in device.folder and path in {known.path for known in device.known.values()}:
                self._reused.add(device.name)  # a path whose file was moved: that counts as a copy
                self.may_double |= len(self._reused) == 2
            self.dropped |= {device.folder[path]} if path in device.folder else set()
            device.folder[path] = self._content()

    def _edit(self, device: Device, a: int, _b: int) -> None:
        if device.folder:
            path = _pick(device.folder, a)
            self.dropped.add(device.folder[path])
            device.folder[path] = self._content()

    def _remove(self, device: Device, a: int, _b: int) -> None:
        if device.folder:
            self.dropped.add(device.folder.pop(_pick(device.folder, a)))

    def _rename(self, device: Device, a: int, b: int) -> None:
        """Also over another file, as `mv` does."""
        if not device.folder:
            return
        self.may_double = True  # somebody else deletes it meanwhile, or gives it a third name
        old, new = _pick(device.folder, a), NAMES[b % len(NAMES)]
        content = device.folder.pop(old)
        if new in device.folder or device._is_free(new):
            self.dropped |= {device.folder[new]} if new in device.folder else set()
            device.folder[new] = content
        else:
            device.folder[old] = content

    def _move(self, device: Device, a: int, b: int) -> None:
        """To a name that nobody else gives."""
        self._moves += 1
        new = f"{'d/' if b % 2 else ''}moved by {device.name} {self._moves}"
        if device.folder and device._is_free(new):
            device.folder[new] = device.folder.pop(_pick(device.folder, a))

    def _swap(self, device: Device, a: int, b: int) -> None:
        if device.folder:
            self.may_double = True  # to who looks in between
            one, other = _pick(device.folder, a), _pick(device.folder, b)
            device.folder[one], device.folder[other] = device.folder[other], device.folder[one]

    def _copy(self, device: Device, a: int, b: int) -> None:
        new = NAMES[b % len(NAMES)]
        if device.folder and device._is_free(new):
            self.may_double = True
            device.folder[new] = device.folder[_pick(device.folder, a)]

    # --- what people do in the store

    def _store_create(self, _device: Device, a: int, _b: int) -> None:
        event = Event("created", f"g{len(self.log)}", self._content(), name=NAMES[a % len(NAMES)])
        self.log.append(event)

    def _store_edit(self, _device: Device, a: int, _b: int) -> None:
        live = Records(self.log).live()
        if live:
            file = live[_pick(live, a)]
            self.dropped.add(file.content)
            self.log.append(Event("edited", file.file_id, self._content()))

    def _store_rename(self, _device: Device, a: int, b: int) -> None:
        live = Records(self.log).live()
        if live:
            self.log.append(Event("renamed", _pick(live, a), name=NAMES[b % len(NAMES)]))

    def _store_delete(self, _device: Device, a: int, _b: int) -> None:
        live = Records(self.log).live()
        if live:
            file = live[_pick(live, a)]
            self.dropped.add(file.content)
            self.log.append(Event("deleted", file.file_id))

    # --- what the devices do

    def _look(self, device: Device, _a: int, _b: int) -> None:
        device.look()

    def _glance(self, device: Device, a: int, _b: int) -> None:
        device.look(unread=_pick(device.folder, a) if device.folder else "")

    def _step(self, device: Device, a: int, _b: int) -> None:
        for _ in range(a % 3 + 1):
            device.take_step()

    def _die(self, device: Device, a: int, _b: int) -> None:
        device.die(is_done=a % 2 == 0)

    def _pull(self, device: Device, _a: int, _b: int) -> None:
        device.pull()

    def _push(self, device: Device, _a: int, _b: int) -> None:
        device.push()

    # --- the end

    def converge(self) -> None:
        """Let the mirrors go on until nothing is left to do; then all is equal, and nothing lost."""
        for _ in range(ROUNDS):
            if not self._round():
                break
        else:
            raise AssertionError(f"no rest: {[device.steps for device in self.devices]} {self}")
        live = Records(self.log).live()
        in_store = {file.path: file.content for file in live.values()}
        for device in self.devices:
            assert device.folder == in_store, f"{device.name} is not equal: {self}"
            known = {(known.path, known.file_id, known.last) for known in device.known.values()}
            assert known == {(file.path, file.file_id, file.content) for file in live.values()}
        lost = self.written - self.dropped - set(in_store.values())
        assert not lost, f"{lost} is lost: {self}"
        doubled = [content for content, times in Counter(in_store.values()).items() if times > 1]
        assert self.may_double or not doubled, f"{doubled} is there twice: {self}"
        assert not any(is_temporary(path) for path in in_store)

    def _round(self) -> bool:
        has_changed = False
        for device in self.devices:
            has_changed |= bool(device.pending) or device.pulled < len(self.log)
            device.push()
            device.look()
            has_changed |= bool(device.steps)
            while device.steps:
                device.take_step()
            device.push()
        return has_changed

    def __repr__(self) -> str:
        devices = [(device.name, device.folder, device.known) for device in self.devices]
        return f"\n  store {Records(self.log).live()}\n  devices {devices}\n  log {self.log}"


def _pick(choices: dict[str, str] | dict[str, StoreFile], number: int) -> str:
    return sorted(choices)[number % len(choices)]

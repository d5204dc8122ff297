"""Which steps bring a folder and a store into step: three-way, by what the mirror knew of each file.

What changed on one side goes to the other. Where both sides have another content than before, none is lost:
the folder's becomes a new file of the store, beside the other. An edit goes before a deletion, and so does a
new name; of two new names the store's counts.

One look need not do it all: what is in each other's way waits for the next one, when the store's tree has
said who has which path. It is over when a look yields no step. A mirror that dies between two steps looks
again: each step that was done and not noted is recognised, since both sides are equal then."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from filesync_web.mirror.decisions.match import Local, pairs
from filesync_web.mirror.decisions.moves import ordered_moves
from filesync_web.mirror.decisions.names import aside_name, conflict_name, free_name
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


def plan(view: View) -> list[Step]:
    """The next steps, in the order in which they are taken; none when both sides are in step."""
    return _Look(view).steps()


class _Look:
    """One look at both sides."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._noted = {known.file_id: known for known in view.known}
        blocked = {known.file_id for known in view.known if view.is_blocked(known.path)}
        unseen = blocked | view.moving
        # What had just arrived when this mirror died may have been moved from a path that is blocked since.
        sought = [known for known in view.known if known.file_id not in blocked or not known.last]
        found = pairs(sought, view.folder, view.store)
        self._pairs = [(known, local) for known, local in found if local or known.file_id not in unseen]
        ids = unseen | {known.file_id for known, _local in self._pairs}
        self._new_files = {
            file_id: file
            for file_id, file in view.store.items()
            if file_id not in ids and not view.is_blocked(file.path)
        }
        there = ids | view.store.keys()
        self._never_here = [known for known in view.known if known.file_id not in there]
        self._at = {file.path: file for file in view.store.values()}
        self._new_called: dict[tuple[str, str], list[StoreFile]] = defaultdict(list)  # by content and path
        for file in self._new_files.values():
            for path in {file.path, file.name}:
                self._new_called[file.content, path].append(file)

    def steps(self) -> list[Step]:
        """All of them: first what goes to the store, which frees no path of the folder but may tell which
        paths its files get; then what the folder loses, and what it gets."""
        matched = {local.path for _known, local in self._pairs if local is not None}
        new = [Local(path, content) for path, content in self._view.folder.items() if path not in matched]
        steps: list[Step] = [Forget(known) for known in self._never_here]
        steps += [step for known, local in self._pairs for step in self._of_known(known, local)]
        steps += map(self._of_new_local, new)
        steps += self._of_new_files()
        moves = [step for step in steps if isinstance(step, RenameInFolder)]
        occupied = self._view.folder.keys()
        in_order = ordered_moves(moves, occupied, lambda path: free_name(aside_name(path), occupied))
        first = [step for step in steps if not isinstance(step, RenameInFolder | RemoveInFolder | Write)]
        removals = [step for step in steps if isinstance(step, RemoveInFolder)]
        return [*first, *removals, *in_order, *(step for step in steps if isinstance(step, Write))]

    # --- what each one needs

    def _of_known(self, known: Known, local: Local | None) -> Iterator[Step]:
        file = self._view.store.get(known.file_id)
        if file is not None and self._view.is_blocked(file.path):
            return
        if file is None:
            yield from self._of_deleted(known, local)
        elif local is None:
            if known.is_own(file.content) and file.name == known.name:
                yield DeleteInStore(file.file_id, file.path, file.content)
            elif file.path not in self._view.folder:
                yield Write(file.file_id, file.path, file.content, file.name)
        elif self._is_conflict(known, local, file):
            yield Forget(known)
            yield self._put(local, conflict_name(local.path))
        else:
            yield from self._of_path(known, local, file)
            yield from self._of_content(known, local, file)

    def _of_deleted(self, known: Known, local: Local | None) -> Iterator[Step]:
        """The store has it no more. What the folder has renamed or edited since stays, as a new file."""
        if local is None:
            yield Forget(known)
        elif (
            known.file_id in self._view.deleted
            and local == Local(known.path, known.content)
            and not known.sent
        ):
            yield RemoveInFolder(known.file_id, local.path, local.content)
        else:
            yield Forget(known)
            yield self._of_new_local(local)

    def _is_conflict(self, known: Known, local: Local, file: StoreFile) -> bool:
        """Whether both sides have a new content, and not the same."""
        is_edited_there = file.content != local.content and not known.is_own(file.content)
        is_untouched_here = local.content == known.content and not known.sent
        return is_edited_there and not is_untouched_here

    def _of_path(self, known: Known, local: Local, file: StoreFile) -> Iterator[Step]:
        if file.path == local.path:
            return
        if self._is_renamed_here(known, local, file):
            yield RenameInStore(file.file_id, local.path)
        else:
            yield RenameInFolder(file.file_id, local.path, file.path)

    def _of_content(self, known: Known, local: Local, file: StoreFile) -> Iterator[Step]:
        if file.content == local.content:
            noted = self._in_step(known, local, file)
            if noted != self._noted[known.file_id] and file.path == local.path:
                yield Note(noted)
        elif known.is_own(file.content):
            yield Update(file.file_id, local.path, local.content, base=file.content)
        else:
            by_then = local.path if self._is_renamed_here(known, local, file) else file.path
            yield Write(file.file_id, by_then, file.content, file.name, over=local.content)

    def _is_renamed_here(self, known: Known, local: Local, file: StoreFile) -> bool:
        """Whether the folder has another name for it, and the store has not."""
        return local.path != known.path and file.name == known.name

    def _in_step(self, known: Known, local: Local, file: StoreFile) -> Known:
        """What is known of a file that is the same on both sides."""
        if self._view.is_confirmed:
            return Known(local.path, known.file_id, file.content, file.name)
        sent = (file.content,) if file.content != known.content else ()
        return replace(known, path=local.path, name=file.name, sent=sent)

    # --- what is new

    def _of_new_local(self, local: Local) -> Step:
        """A new file of the folder. One that the store has of that name and content is the same; another one
        of that name is another file."""
        other = self._at.get(local.path)
        return self._put(local, local.path if other is None else conflict_name(local.path))

    def _put(self, local: Local, name: str) -> Step:
        """The folder's file becomes a new one of the store, unless an earlier run has done that already."""
        called = [file for path in {local.path, name} for file in self._new_called[local.content, path]]
        same = [file for file in called if file.file_id in self._new_files]
        if not same:
            return PutNew(local.path, name, local.content)
        file = min(same, key=lambda file: file.path != local.path)
        del self._new_files[file.file_id]
        return Note(self._in_step(Known(local.path, file.file_id, "", file.name), local, file))

    def _of_new_files(self) -> list[Step]:
        """New files of the store. One whose path is not free comes at a later look."""
        return [
            Write(file.file_id, file.path, file.content, file.name)
            for file in self._new_files.values()
            if file.path not in self._view.folder
        ]

"""Which file of the folder is which known one, wherever it is now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from filesync_web.mirror.decisions.steps import Known, StoreFile


@dataclass(frozen=True, slots=True)
class Local:
    """A file of the folder."""

    path: str
    content: str


Pair = tuple[Known, Local | None]


def pairs(known: Sequence[Known], folder: Mapping[str, str], store: Mapping[str, StoreFile]) -> list[Pair]:
    """Each known file with what the folder has of it, or None: what is at its path; else what is new and has
    its content, which was renamed; else what is new where the store has the file now.

    What was arriving when this mirror died has arrived where it is found, and is left out where it is not,
    when nothing else is known of the file.
    """
    places = _Places(known, folder, store)
    found = [(each, places.local_of(each)) for each in known]
    settled = [(_settled(each, local), local) for each, local in found]
    return [(each, local) for each, local in settled if each is not None]


class _Places:
    """Gives each path to one known file at most."""

    def __init__(
        self, known: Sequence[Known], folder: Mapping[str, str], store: Mapping[str, StoreFile]
    ) -> None:
        self._folder = folder
        self._store = store
        self._owners: dict[str, str] = {}  # file ids by path
        self._new = folder.keys() - {each.path for each in known}
        self._by_content: dict[str, list[str]] = defaultdict(list)
        for path in sorted(self._new, reverse=True):
            self._by_content[folder[path]].append(path)
        for each in sorted(known, key=lambda each: folder.get(each.path) not in {each.last, each.arriving}):
            if each.path in folder and (each.last or folder[each.path] == each.arriving):
                self._owners.setdefault(each.path, each.file_id)
        at_home = set(self._owners.values())
        for find in (self._moved, self._replaced):
            for each in known:
                place = None if each.file_id in at_home else find(each)
                if place is not None:
                    self._owners[place] = each.file_id
                    at_home.add(each.file_id)
        self._paths = {file_id: path for path, file_id in self._owners.items()}

    def local_of(self, known: Known) -> Local | None:
        """What the folder has of that file."""
        path = self._paths.get(known.file_id)
        return None if path is None else Local(path, self._folder[path])

    def _moved(self, known: Known) -> str | None:
        """Where a new file is that has its content; if it can be, where the store has it as well."""
        contents = [content for content in (known.arriving, known.last) if content]
        path = self._path_in_store(known)
        if path is not None and self._folder[path] in contents:
            return path
        for content in contents:
            candidates = self._by_content[content]
            while candidates and candidates[-1] in self._owners:
                candidates.pop()
            if candidates:
                return candidates[-1]
        return None

    def _replaced(self, known: Known) -> str | None:
        """Where a new file is, with whatever content, that has its path in the store."""
        return self._path_in_store(known) if known.last else None

    def _path_in_store(self, known: Known) -> str | None:
        """The path that the store has for it, if the folder has something new there that is nobody's yet."""
        file = self._store.get(known.file_id)
        is_new = file is not None and file.path in self._new and file.path not in self._owners
        return file.path if file is not None and is_new else None


def _settled(known: Known, local: Local | None) -> Known | None:
    """What is known once it is clear whether what was arriving has arrived."""
    if not known.arriving:
        return known
    if local is not None and local.content == known.arriving:
        return Known(known.path, known.file_id, known.arriving, known.name)
    return replace(known, arriving="") if known.last else None

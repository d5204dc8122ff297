"""The order in which files of a folder are renamed, so that no path is needed before it is free."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from filesync_web.mirror.decisions.steps import RenameInFolder


def ordered_moves(
    moves: Iterable[RenameInFolder], occupied: Iterable[str], aside: Callable[[str], str]
) -> Iterator[RenameInFolder]:
    """The renames, each once its new path is free. `occupied`: the paths of all files before.

    Of those that wait for each other in a circle one goes to a free path instead, which `aside` makes of its
    own, and from there on at the next look. What waits for a file that stays is left out.
    """
    tree = _Tree(occupied)
    waiting = {move.path: move for move in moves}
    heirs = {move.new_path: move for move in waiting.values()}
    candidates = list(waiting.values())
    while candidates:
        move = candidates.pop()
        if move.path in waiting and tree.is_free(move.new_path):
            yield waiting.pop(move.path)
            tree.move(move.path, move.new_path)
            candidates += [heirs[move.path]] if move.path in heirs else []
    circling = _in_circle(waiting)
    if circling is not None:
        yield replace(circling, new_path=aside(circling.path))


class _Tree:
    """Which paths files have, and which are folders of theirs."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._files = set(paths)
        self._folders = Counter(folder for path in self._files for folder in folders_of(path))

    def is_free(self, path: str) -> bool:
        """Whether a file can have that path."""
        is_taken = path in self._files or self._folders[path] > 0
        return not is_taken and self._files.isdisjoint(folders_of(path))

    def move(self, path: str, new_path: str) -> None:
        """A file has another path."""
        self._files.remove(path)
        self._folders.subtract(folders_of(path))
        self._files.add(new_path)
        self._folders.update(folders_of(new_path))


def folders_of(path: str) -> list[str]:
    """All folders that a path is in."""
    return [path[:at] for at, char in enumerate(path) if char == "/"]


def _in_circle(waiting: Mapping[str, RenameInFolder]) -> RenameInFolder | None:
    """One of those that are, by others or at once, in their own way."""
    seen: set[str] = set()
    for start in waiting.values():
        trail: list[str] = []
        move: RenameInFolder | None = start
        while move is not None and move.path not in seen:
            seen.add(move.path)
            trail.append(move.path)
            move = _obstacle(move, waiting)
        if move is not None and move.path in trail:
            return move
    return None


def _obstacle(move: RenameInFolder, waiting: Mapping[str, RenameInFolder]) -> RenameInFolder | None:
    """One that waits as well, at the new path, above it or below it."""
    for path in (move.new_path, *folders_of(move.new_path)):
        if path in waiting:
            return waiting[path]
    below = (other for path, other in waiting.items() if path.startswith(move.new_path + "/"))
    return next(below, None)

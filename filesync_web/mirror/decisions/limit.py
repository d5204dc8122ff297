"""How many files a mirror deletes at most: a folder that is empty all of a sudden is rather not mounted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from filesync_web.errors import InvalidArgumentError
from filesync_web.mirror.decisions.steps import DeleteInStore, Deletion, RemoveInFolder, Step, View


@dataclass(frozen=True, slots=True)
class DeleteLimit:
    """At most `number` files on one side at one look, or `share` of the mirrored ones if that is more. A
    folder that has none of several mirrored files is believed only with a share of 1."""

    number: int
    share: float

    def allows(self, deletions: int, mirrored: int, *, is_empty: bool) -> bool:
        """Whether so many of the mirrored files may go; `is_empty`: the folder has nothing at all."""
        if self.share >= 1:
            return True
        return not is_empty and deletions <= max(self.number, int(self.share * mirrored))


DEFAULT_LIMIT = DeleteLimit(number=10, share=0.25)
NO_LIMIT = DeleteLimit(number=0, share=1.0)


def delete_limit(text: str) -> DeleteLimit:
    """What `25%` or `100` says. Raises `InvalidArgumentError`."""
    found = re.fullmatch(r"(\d{1,9})(%?)", text.strip())
    if found is None or (found[2] and int(found[1]) > 100):
        raise InvalidArgumentError(f"{text!r} is neither a number of files nor a share, such as 100 or 25%")
    number = int(found[1])
    return DeleteLimit(0, number / 100) if found[2] else DeleteLimit(number, 0.0)


@dataclass(frozen=True, slots=True)
class Withheld:
    """Deletions that are not done, and why."""

    steps: Sequence[Deletion]
    reason: str


def within_limit(steps: Iterable[Step], view: View, limit: DeleteLimit) -> tuple[list[Step], list[Withheld]]:
    """The steps without the deletions of a side that has more of them than it may, and these."""
    kept, withheld = list(steps), []
    mirrored = len(view.known)
    for kind, place in ((DeleteInStore, "the store"), (RemoveInFolder, "the folder")):
        deletions = [step for step in kept if isinstance(step, kind)]
        is_empty = kind is DeleteInStore and not view.folder
        if deletions and not limit.allows(len(deletions), mirrored, is_empty=is_empty):
            kept = [step for step in kept if not isinstance(step, kind)]
            withheld.append(Withheld(deletions, _reason(len(deletions), mirrored, place, is_empty=is_empty)))
    return kept, withheld


def _reason(count: int, mirrored: int, place: str, *, is_empty: bool) -> str:
    why = "the folder is empty: is it mounted?" if is_empty else "these are more than --max-delete allows."
    return (
        f"{count} of {mirrored} mirrored files would be deleted in {place}, and are not: {why} "
        f"If that is what you want, give --max-delete {'100%' if is_empty else count}"
    )

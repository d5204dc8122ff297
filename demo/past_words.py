"""What the gallery says of what was deleted, and of what pictures were before: pure functions."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from wording import count, quoted

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
"""Seconds."""


def deleted(names: Sequence[str]) -> str:
    """What the toast with Undo says."""
    return f"Deleted {quoted(names[0])}" if len(names) == 1 else f"Deleted {count(len(names))}"


def brought_back(names: Sequence[str]) -> str:
    """What screen readers say of a deletion that was undone."""
    return f"{quoted(names[0])} is back" if len(names) == 1 else f"{count(len(names))} are back"


def gone(names: Sequence[str]) -> str:
    """What is said of what was deleted for good."""
    what = quoted(names[0]) if len(names) == 1 else count(len(names))
    return f"{what} deleted for good"


def sure_to_empty(number: int) -> str:
    """What the button asks before it empties the trash."""
    return f"Delete {count(number)} for good?"


def ago(seconds: float) -> str:
    """How long something is past, as one says it."""
    if seconds < MINUTE:
        return "just now"
    return f"{_duration(seconds)} ago"


def kept_for(seconds: float, *, is_leaving: bool = False) -> str:
    """How long something is still kept. `is_leaving`: as long as it can be undone."""
    if is_leaving:
        return "not kept, unless you restore it now"
    if seconds == math.inf:
        return "kept without end"
    return f"kept for {_duration(max(seconds, MINUTE))} more"


def device(client_id: str, own: str) -> str:
    """Who made a version."""
    return "this device" if client_id == own else f"another device ({client_id[:4]})"


def conflict_badge(conflict: str) -> str:
    """What a card says of a picture about which somebody should decide."""
    return "Was deleted" if conflict == "revived" else "2 versions"


def conflict_title(name: str, place: int, total: int) -> str:
    """What stands above the choice."""
    return quoted(name) if total == 1 else f"{quoted(name)} ({place} of {total})"


def conflict_reason(conflict: str, maker: str) -> str:
    """What happened; `maker` made the content that it is about."""
    if conflict == "revived":
        return f"It had been deleted; an edit on {maker} brought it back."
    if conflict == "deletion":
        return f"It was deleted by somebody who had not seen the edit on {maker}."
    return "It was changed at two places at once. Both versions are kept until you choose."


CHOICES = {
    "edit": {"drop": "Keep this one", "take": "Take the other", "new_file": "Keep both as two files"},
    "deletion": {"take": "Bring it back", "drop": "Leave it deleted"},
    "revived": {"take": "Keep it", "drop": "Delete it"},
}
"""The buttons about each kind of conflict, in their order."""
DECIDED = {
    ("edit", "drop"): "kept. The other one stays among the earlier versions.",
    ("edit", "take"): "taken. The one before stays among the earlier versions.",
    ("edit", "new_file"): "the other one is a file of its own now.",
    ("deletion", "take"): "it is back.",
    ("deletion", "drop"): "it stays deleted.",
    ("revived", "take"): "kept.",
    ("revived", "drop"): "deleted. It can be restored for a while.",
}


def decided(name: str, conflict: str, choice: str) -> str:
    """What is said of a choice that was made."""
    return f"{quoted(name)}: {DECIDED[conflict, choice]}"


def conflicts(number: int) -> str:
    """The button that leads to the choices."""
    return count(number, "conflict")


def conflict_news(kinds: Sequence[str], name: str) -> str:
    """What a message says when conflicts have come up: of one file, or of several."""
    if len(kinds) > 1:
        return f"{count(len(kinds))} were changed at two places at once. Nothing is lost."
    if kinds[0] == "revived":
        return f"{quoted(name)} had been deleted; an edit brought it back."
    if kinds[0] == "deletion":
        return f"{quoted(name)} was deleted while it was edited elsewhere. The edit is kept."
    return f"{quoted(name)} was changed at two places at once. Both versions are kept."


def copy_name(name: str, made_at: float) -> str:
    """A name for an earlier version as a file of its own: `sea (26 Nov 07.30).png`."""
    when = time.strftime("%d %b %H.%M", time.localtime(made_at))
    folder, slash, base = name.rpartition("/")
    stem, dot, ending = base.rpartition(".")
    return f"{folder}{slash}{stem} ({when}){dot}{ending}" if stem else f"{folder}{slash}{base} ({when})"


def _duration(seconds: float) -> str:
    """A rough one, in the largest unit that there is one of."""
    unit, noun = next(
        ((unit, noun) for unit, noun in ((DAY, "day"), (HOUR, "hour")) if seconds >= unit), (MINUTE, "minute")
    )
    return count(round(seconds / unit), noun)

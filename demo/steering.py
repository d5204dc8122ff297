"""What can be asked of a file's transfer, in the state that it is in, and the buttons for that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import filesync_web as fs

if TYPE_CHECKING:
    from listing import Entry
    from parts import Parts

LARGE = 1_000_000
"""Bytes from which on a card offers to pause its transfer: a smaller one is over before one has read that."""
_LABELS = {"retry": "Try again", "resume": "Resume", "pause": "Pause", "cancel": "Cancel"}
_NAMED_LABELS = {
    "retry": "Try again with {}",
    "resume": "Resume {}",
    "pause": "Pause {}",
    "cancel": "Cancel the transfer of {}",
}
"""What the buttons are called where they cannot be seen beside their file."""
_MOVING = {fs.Status.QUEUED, fs.Status.IN_PROGRESS}


def acts_of(entry: Entry) -> tuple[str, ...]:
    """What may be done about a file's transfer, the most likely first; nothing when there is none."""
    state = entry.state
    if state is None:
        return ()
    if state.has_error:
        return ("retry",)
    if not _MOVING & {state.upload_status, state.download_status}:
        return ()
    return ("resume" if entry.is_paused else "pause", "cancel")


def act_on_card(entry: Entry) -> str:
    """The one of them that a card offers; "" for none."""
    acts = acts_of(entry)
    is_running = entry.display.is_uploading or entry.display.is_downloading
    size = fs.get_file_metadata(entry.record).size_bytes or 0
    if acts[:1] == ("pause",) and not (is_running and size >= LARGE):
        return ""
    return acts[0] if acts else ""


def offer(act: str, name: str, parts: Parts, button: str) -> None:
    """Let one of the parts, a button, offer that for the file of that name; for "" it is hidden."""
    parts.write(button, not act, "hidden")
    if act:
        parts.write(button, _LABELS[act])
        parts.write(button, _NAMED_LABELS[act].format(name), "ariaLabel")
        parts[button].dataset.action = act

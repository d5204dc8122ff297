"""What went wrong, with a file's transfer or with the whole tab, and what to do about it, in plain words."""

from __future__ import annotations

import re
from dataclasses import dataclass

import filesync_web as fs

MAX_QUOTED = 160

_STATUS = re.compile(r"the server answered (\d{3})(?: \((.*)\))?")


@dataclass(frozen=True)
class Trouble:
    """`what` happened and what `to_do` about it: a sentence each. The user may have `meant` it."""

    what: str
    to_do: str
    meant: bool = False

    def __str__(self) -> str:
        return f"{self.what} {self.to_do}"


OUTDATED = Trouble("This tab has an older version of the gallery.", "Reload it to go on; nothing is lost.")
"""A newer version of the kit has taken over what this device keeps."""

_NO_ROOM = ("The server has no room for this file", "Delete something for good, then try again.")
_BY_STATUS = {
    "401": ("The server did not accept who you are", "Sign in again, then try again."),
    "403": ("The server refuses this file", "Ask whoever runs it, then try again."),
    **dict.fromkeys(
        ("404", "410"), ("The server does not have this file", "A device that has it may upload it again.")
    ),
    "413": ("This file is too large for the server", "Ask whoever runs it how large files may be."),
    "507": _NO_ROOM,
}


def plain(error: BaseException) -> str:
    """What to say of an error; of JavaScript's it is the message without its type in front."""
    if isinstance(error, fs.OutdatedError):
        return str(OUTDATED)
    return str(getattr(error, "message", "") or error) or type(error).__name__


def trouble_of(state: fs.LocalFileState | None) -> Trouble | None:
    """Why a file's transfer rests; None when it does not."""
    if state is None or not state.has_error:
        return None
    if state.is_cancelled and state.upload_status is fs.Status.ERROR:
        return Trouble("You have cancelled the upload.", "The file stays on this device.", meant=True)
    if state.is_cancelled:
        return Trouble("You have cancelled the download.", "It is still on the server.", meant=True)
    return _explained(state.last_sync_error)


def _explained(error: str) -> Trouble:
    """An error of the kit, for who reads it on a card."""
    if found := _STATUS.search(error):
        status, said = found[1], found[2]
        what, to_do = _BY_STATUS.get(status, ("The server could not do it", "Try again later."))
        if status == "413" and said and "no room" in said:  # a quota, as the kit's server words it
            what, to_do = _NO_ROOM
        return Trouble(f"{what}: {said[:MAX_QUOTED]}." if said else f"{what} ({status}).", to_do)
    if "no room" in error:
        return Trouble("This device is full.", "Free up space, then try again.")
    return Trouble(f"{error[:1].upper()}{error[1:MAX_QUOTED].rstrip('.')}.", "Try again.")

"""What went wrong, with a file's transfer or with the whole tab, and what to do about it, in plain words."""

from __future__ import annotations

import re
from dataclasses import dataclass

import filesync_web as fs

CANCELLED = "cancelled"
"""The kit's word for a transfer that somebody has ended."""
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
_NEWER_VERSION = "newer version of filesync-web"
"""What the kit says then."""

_BY_STATUS = {
    "401": ("The server did not accept who you are", "Sign in again, then try again."),
    "403": ("The server refuses this file", "Ask whoever runs it, then try again."),
    **dict.fromkeys(
        ("404", "410"), ("The server does not have this file", "A device that has it may upload it again.")
    ),
    **dict.fromkeys(
        ("413", "507"), ("The server has no room for this file", "Delete something for good, then try again.")
    ),
}


def trouble_of_tab(sync_error: str) -> Trouble | None:
    """What keeps this tab from all work, by the last error of its metadata sync; None when nothing does."""
    return OUTDATED if _NEWER_VERSION in sync_error else None


def plain(error: BaseException) -> str:
    """What to say of an error; of JavaScript's it is the message without its type in front."""
    if isinstance(error, fs.OutdatedError):
        return str(OUTDATED)
    return str(getattr(error, "message", "") or error) or type(error).__name__


def trouble_of(state: fs.LocalFileState | None) -> Trouble | None:
    """Why a file's transfer rests; None when it does not."""
    if state is None or not state.has_error:
        return None
    return explained(state.last_sync_error, is_upload=state.upload_status is fs.Status.ERROR)


def explained(error: str, *, is_upload: bool) -> Trouble:
    """An error of the kit, for who reads it on a card."""
    if error == CANCELLED:
        what = "You have cancelled the upload." if is_upload else "You have cancelled the download."
        to_do = "The file stays on this device." if is_upload else "It is still on the server."
        return Trouble(what, to_do, meant=True)
    if found := _STATUS.search(error):
        status, said = found[1], found[2]
        what, to_do = _BY_STATUS.get(status, ("The server could not do it", "Try again later."))
        return Trouble(f"{what}: {said[:MAX_QUOTED]}." if said else f"{what} ({status}).", to_do)
    if _NEWER_VERSION in error:
        return OUTDATED
    if "no room" in error:
        return Trouble("This device is full.", "Free up space, then try again.")
    return Trouble(f"{error[:1].upper()}{error[1:MAX_QUOTED].rstrip('.')}.", "Try again.")

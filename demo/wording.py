"""What the gallery says, in plain words; pure functions of a snapshot."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import filesync_web as fs

if TYPE_CHECKING:
    from app import Snapshot


MAX_SHOWN = 300
"""Characters; the kit's own paths, keys and hashes have fewer."""


@dataclass(frozen=True)
class Message:
    """A text with its tone: `good`, `busy`, `wait`, `off` or `bad`; the style sheet colours it."""

    tone: str
    text: str


def count(number: int, noun: str = "picture") -> str:
    """`1 picture`, `5,000 pictures`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def size(number_of_bytes: int | None) -> str:
    """A size for people: decimal units, three digits at most."""
    if number_of_bytes is None:
        return ""
    value = float(number_of_bytes)
    for unit in ("B", "kB", "MB"):
        if value < 999.5:
            return f"{value:.1f} {unit}" if unit == "MB" and value < 9.95 else f"{value:.0f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def clipped(text: str) -> str:
    """A text that a card has room for, were it ever so long: whoever may write to a store may write any."""
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def dimensions(metadata: fs.FileMetadata) -> str:
    """`<width>x<height>` of a picture in pixels, empty when they are not known."""
    return f"{metadata.width}x{metadata.height}" if metadata.width and metadata.height else ""


def headline(snapshot: Snapshot, saving: int = 0, found: int | None = None) -> Message:
    """The one sentence about the state of everything; `saving` files are being written to this device, and
    `found` are known of a folder that is being looked through."""
    status = snapshot.status
    uploads = status.uploading_count + status.queued_upload_count + status.pending_upload_count
    downloads = status.downloading_count + status.queued_download_count
    if found is not None:
        return Message("busy", f"Looking through the folder … {count(found, 'file')}")
    if saving:
        return Message("busy", f"Saving {count(saving)} on this device …")
    if snapshot.local_only:
        return Message("good", "Everything stays on this device")
    if not snapshot.online:
        waiting = f"{count(uploads)} {'waits' if uploads == 1 else 'wait'} to upload"
        return Message("off", f"Offline — {waiting if uploads else 'everything is kept on this device'}")
    if status.uploading_count or status.downloading_count:
        return Message("busy", _in_progress(status, uploads, downloads))
    if status.error_count:
        return Message("bad", f"{count(status.error_count)} could not be synced")
    if not snapshot.sync_enabled:
        unsent = f" — {count(snapshot.unsent, 'change')} not sent yet" if snapshot.unsent else ""
        return Message("off", f"Sync is off{unsent}")
    if uploads or downloads:
        return Message("wait", f"{count(uploads + downloads)} waiting")
    return _metadata_sync(snapshot)


def _metadata_sync(snapshot: Snapshot) -> Message:
    """The sentence when no content is on its way."""
    if snapshot.sync_failing:
        return Message("bad", "Changes of other devices do not arrive")
    if not snapshot.sync_connected:
        return Message("wait", "Connecting to your other devices …")
    if pending := snapshot.status.pending_download_count:
        return Message("wait", f"{count(pending)} not uploaded yet by another device")
    if snapshot.unsent:
        return Message("busy", f"Sending {count(snapshot.unsent, 'change')} …")
    return Message("good", "Everything is synced" if snapshot.total else "Ready")


def nothing(snapshot: Snapshot) -> str:
    """What stands where the pictures would be: without a connection nobody knows whether there are any."""
    if snapshot.local_only or snapshot.sync_connected:
        return "No pictures yet"
    if snapshot.online and snapshot.sync_enabled:
        return "Looking for your pictures …"
    return "No pictures on this device yet"


def find_in(folder: str, total: int) -> str:
    """What a search is for."""
    return f"Find in {folder_name(folder)}" if folder else f"Find in {count(total)}"


def found(wanted: str, shown: int, total: int) -> str:
    """How many are listed of all; empty when all are wanted."""
    return f"{shown:,} of {total:,}" if wanted else ""


def not_found(term: str, folder: str = "") -> str:
    """What stands where the pictures would be that were searched for, or those of a folder."""
    if not term:
        return f"No pictures in “{clipped(folder.rstrip('/'))}”"
    return f"No picture has “{term}” in its name."


def folder_name(folder: str) -> str:
    """The last part of a folder's path; empty for all pictures."""
    return clipped(folder.rstrip("/").rpartition("/")[2])


def in_folder(folder: str, shown: int, folders: int) -> str:
    """What a screen reader says when another folder is shown."""
    where = f"Folder {folder_name(folder)}" if folder else "All pictures"
    inside = f", {count(folders, 'folder')}" if folders else ""
    return f"{where}: {count(shown)}{inside}"


def stopped(added: int, wanted: int) -> str:
    """What is said when somebody stops the adding of many files; a few more may be stored in that moment."""
    return f"Stopped after {added:,} of {count(wanted, 'file')}."


def too_many(limit: int) -> str:
    """What is said of a folder that has more than one may add at once."""
    return f"There are more than {limit:,} files and folders in it: the others were left out."


def plain(error: BaseException) -> str:
    """The message of an error; of JavaScript's without its type in front."""
    return str(getattr(error, "message", "") or error or type(error).__name__)


def _in_progress(status: fs.SyncCounts, uploads: int, downloads: int) -> str:
    parts = []
    if status.uploading_count:
        parts.append(f"uploading {_of(status.uploading_count, uploads)}")
    if status.downloading_count:
        parts.append(f"downloading {_of(status.downloading_count, downloads)}")
    return ", ".join(parts).capitalize()


def _of(running: int, all_of_them: int) -> str:
    return count(running) if running == all_of_them else f"{running:,} of {count(all_of_them)}"


def badge(display: fs.FileDisplayState, *, online: bool, percent: float | None) -> Message | None:
    """What a card says about its transfer; None when there is nothing to say."""
    share = "" if percent is None else f" {percent:.0f} %"
    state = display.local_state
    if state is not None and state.upload_status is fs.Status.ERROR:
        return Message("bad", "Upload failed")
    if state is not None and state.download_status is fs.Status.ERROR:
        return Message("bad", "Download failed")
    if display.is_uploading:
        return Message("busy", f"Uploading{share}")
    if display.is_downloading:
        return Message("busy", f"Downloading{share}")
    if display.is_upload_queued:
        return Message("wait", "Waiting to upload" if online else "Waits for network")
    if display.is_download_queued:
        return Message("wait", "Waiting to download" if online else "Waits for network")
    if not display.can_display:
        return Message("wait", "Not uploaded yet")
    if display.is_on_demand:
        return Message("off", "Elsewhere, on demand")
    return None


def reason(state: fs.LocalFileState | None) -> str:
    """Why a file's transfer rests at an error; empty when none does."""
    return state.last_sync_error if state is not None and state.has_error else ""


# --- what was deleted, and what pictures were before ---

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
"""Seconds."""


def quoted(name: str) -> str:
    """A picture's name in a sentence."""
    return f"“{clipped(name or 'Untitled')}”"


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


def facts(*some: str) -> str:
    """Those of the facts that are known, in one line."""
    return " · ".join(fact for fact in some if fact)


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

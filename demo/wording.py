"""What the gallery says, in plain words; pure functions of a snapshot."""

from __future__ import annotations

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


def count(number: int, noun: str = "file") -> str:
    """`1 file`, `5,000 files`."""
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


def title(name: str | None) -> str:
    """What a file is called on the page."""
    return clipped(name or "Untitled")


def dimensions(metadata: fs.FileMetadata) -> str:
    """`<width>x<height>` of a picture in pixels, empty when they are not known."""
    return f"{metadata.width}x{metadata.height}" if metadata.width and metadata.height else ""


def headline(snapshot: Snapshot, saving: int = 0, found: int | None = None) -> Message:
    """The one sentence about the state of everything; `saving` files are being written to this device, and
    `found` are known of a folder that is being looked through."""
    status = snapshot.status
    uploads = status.uploading_count + status.queued_upload_count + status.pending_upload_count
    downloads = status.downloading_count + status.queued_download_count
    if snapshot.trouble:
        return Message("bad", str(snapshot.trouble))
    if found is not None:
        return Message("busy", f"Looking through the folder … {count(found)}")
    if saving:
        return Message("busy", f"Saving {count(saving)} on this device …")
    if snapshot.local_only:
        return Message("good", "Everything stays on this device")
    if not snapshot.online:
        waiting = f"{count(uploads)} {'waits' if uploads == 1 else 'wait'} to upload"
        return Message("off", f"Offline — {waiting if uploads else 'everything is kept on this device'}")
    if status.uploading_count or status.downloading_count:
        return Message("busy", _in_progress(status, uploads, downloads))
    if failed := status.error_count - snapshot.cancelled:
        return Message("bad", f"{count(failed)} could not be synced")
    if not snapshot.sync_enabled:
        unsent = f" — {count(snapshot.unsent, 'change')} not sent yet" if snapshot.unsent else ""
        return Message("off", f"Sync is off{unsent}")
    if waits := uploads + downloads - snapshot.paused:
        return Message("wait", f"{count(waits)} waiting")
    return _held_back(snapshot) or _metadata_sync(snapshot)


def _held_back(snapshot: Snapshot) -> Message | None:
    """The sentence when nothing is left to transfer but what the user has held back."""
    if snapshot.paused:
        return Message("off", f"{count(snapshot.paused)} paused")
    if snapshot.cancelled:
        return Message("off", f"{count(snapshot.cancelled)} not synced, as you wished")
    return None


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
        return "No files yet"
    if snapshot.online and snapshot.sync_enabled:
        return "Looking for your files …"
    return "No files on this device yet"


def find_in(folder: str, total: int) -> str:
    """What a search is for."""
    return f"Find in {folder_name(folder)}" if folder else f"Find in {count(total)}"


def found(wanted: str, shown: int, total: int) -> str:
    """How many are listed of all; empty when all are wanted."""
    return f"{shown:,} of {total:,}" if wanted else ""


def not_found(term: str, folder: str = "") -> str:
    """What stands where the pictures would be that were searched for, or those of a folder."""
    if not term:
        return f"No files in “{clipped(folder.rstrip('/'))}”"
    return f"No file has “{term}” in its name."


def folder_name(folder: str) -> str:
    """The last part of a folder's path; empty for all files."""
    return clipped(folder.rstrip("/").rpartition("/")[2])


def in_folder(folder: str, shown: int, folders: int) -> str:
    """What a screen reader says when another folder is shown."""
    where = f"Folder {folder_name(folder)}" if folder else "All files"
    inside = f", {count(folders, 'folder')}" if folders else ""
    return f"{where}: {count(shown)}{inside}"


def stopped(added: int, wanted: int) -> str:
    """What is said when somebody stops the adding of many files; a few more may be stored in that moment."""
    return f"Stopped after {added:,} of {count(wanted)}."


def too_many(limit: int) -> str:
    """What is said of a folder that has more than one may add at once."""
    return f"There are more than {limit:,} files and folders in it: the others were left out."


def refused(files: list[tuple[str, str]]) -> str:
    """What is said of files that were not added: their names and the reason of each, as one message."""
    names = [clipped(name) for name, _ in files]
    reasons = list(dict.fromkeys(reason for _, reason in files))
    if len(files) == 1:
        return f"{names[0]} was not added: {reasons[0]}"
    if len(reasons) == 1:
        return f"{count(len(files))} were not added: {reasons[0]}"
    return f"{count(len(files))} were not added. The first, {names[0]}: {reasons[0]}"


def _in_progress(status: fs.SyncCounts, uploads: int, downloads: int) -> str:
    parts = []
    if status.uploading_count:
        parts.append(f"uploading {_of(status.uploading_count, uploads)}")
    if status.downloading_count:
        parts.append(f"downloading {_of(status.downloading_count, downloads)}")
    return ", ".join(parts).capitalize()


def _of(running: int, all_of_them: int) -> str:
    return count(running) if running == all_of_them else f"{running:,} of {count(all_of_them)}"


def badge(
    display: fs.FileDisplayState, *, online: bool, percent: float | None, is_paused: bool = False
) -> Message | None:
    """What a card says about its transfer; None when there is nothing to say."""
    share = "" if percent is None else f" {percent:.0f} %"
    if (state := display.local_state) is not None and state.has_error:
        return _failed(state)
    if is_paused and not (display.is_uploaded and display.has_local_copy):
        return Message("off", "Paused")
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
        return Message("off", "Not on this device")
    return None


def _failed(state: fs.LocalFileState) -> Message:
    if state.is_cancelled:
        return Message("off", "Cancelled")
    return Message("bad", "Upload failed" if state.upload_status is fs.Status.ERROR else "Download failed")


def unshown(kind: str) -> str:
    """What a card says in place of a picture that the browser cannot show; `kind` is "" when unknown."""
    return f"This browser does not show {kind} pictures" if kind else "The browser cannot show this picture"


def why_unshown(kind: str) -> str:
    """The same with all that is known of it, where there is room for that."""
    if kind:
        return f"{unshown(kind)}. Save the file to open it elsewhere."
    return f"{unshown(kind)}: it is damaged, or of a kind that it does not know."


def pin(is_pinned: bool) -> str:
    """The button that has a file kept on the device, or no longer."""
    return "Stop keeping on this device" if is_pinned else "Keep on this device"


def quoted(name: str | None) -> str:
    """A file's name in a sentence."""
    return f"“{title(name)}”"


def facts(*some: str) -> str:
    """Those of the facts that are known, in one line."""
    return " · ".join(fact for fact in some if fact)

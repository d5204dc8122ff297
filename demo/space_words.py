"""What the gallery says of the storage that there is: pure functions of what the kit says."""

from __future__ import annotations

import wording

import filesync_web as fs

KINDS = ("live", "versions", "trash", "thumbnails")


def here(status: fs.StorageStatus) -> str:
    """One line: what is used on this device, and what is left."""
    return wording.facts(f"{wording.size(_taken(status))} on this device", left(status))


def used(status: fs.StorageStatus) -> str:
    """What the gallery's files take."""
    return f"{wording.size(_taken(status))} used"


def left(status: fs.StorageStatus) -> str:
    """What the browser still gives; empty when it does not say."""
    if status.quota is None or status.usage is None:
        return ""
    return f"{wording.size(max(0, status.quota - status.usage))} left"


def shares(status: fs.StorageStatus) -> dict[str, float]:
    """Percents of the bar by kind. What is there is seen, however little of all room it is."""
    sizes = {name: getattr(status, name) or 0 for name in KINDS}
    room = max((status.quota or 0) - (status.usage or 0), 0)
    total = sum(sizes.values()) + room or 1
    return {name: max(1.0, 100 * size / total) if size else 0.0 for name, size in sizes.items()}


def server(status: fs.StorageStatus) -> str:
    """What the server has of the store; empty when it does not count."""
    if status.remote is None:
        return ""
    there = status.remote.store
    text = f"{wording.size(there.bytes)} on the server"
    return text if there.max_bytes is None else f"{text}, of {wording.size(there.max_bytes)}"


def promise(status: fs.StorageStatus, *, local_only: bool = False) -> str:
    """Whether the browser may throw the files away."""
    if status.private_mode:
        return "This is a private window: the files on this device go when it is closed."
    if status.persisted:
        return "The browser has promised to keep the files."
    rest = "there is no other copy" if local_only else "the server has those that are uploaded"
    return f"The browser may remove files when the disk is full; {rest}."


def freed(number_of_bytes: int) -> str:
    """What is said when room was made."""
    if not number_of_bytes:
        return "Nothing can go: what is here is to be kept, not uploaded yet, or the server cannot be asked."
    return f"{wording.size(number_of_bytes)} freed. The files come back when you look at them."


def done(action: str, name: str) -> str:
    """What is said of one file."""
    return {
        "pin": f"{wording.quoted(name)} is kept on this device.",
        "unpin": f"{wording.quoted(name)} may go when room is needed.",
        "evict": f"{wording.quoted(name)} is on the server only. It comes back when you look at it.",
    }[action]


def not_evicted(error: fs.NotEvictableError) -> str:
    """Why a file stays on this device."""
    reasons = {
        "pinned": "it is to be kept here.",
        "not uploaded": "it is not uploaded yet, so this is the only copy.",
        "has not confirmed": "your other devices have not heard of it yet. Try again in a moment.",
        "not finished": "its transfer goes on. Try again when it has ended.",
        "has lost": "the server had lost it. It is uploaded again.",
    }
    why = next((text for words, text in reasons.items() if words in str(error)), f"{error}.")
    return f"The file stays on this device: {why}"


def _taken(status: fs.StorageStatus) -> int:
    return sum(getattr(status, name) or 0 for name in KINDS)

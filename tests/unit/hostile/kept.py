"""Hostile events that once did harm, and their siblings, by what is hostile about them."""

from __future__ import annotations

from tests.unit.hostile.events import (
    DEPTH,
    FOREIGN_STORE,
    METADATA,
    ODD_TEXTS,
    RAW,
    ROOT,
    STORE,
    HostileEvent,
    Json,
)

NOW = "2026-11-25T12:00:00.000Z"
LOST = "ab" * 32
"""A content that nobody has."""


def created(file_id: str = "bad-1", content_hash: str = LOST, **changes: Json) -> HostileEvent:
    args = {
        "id": file_id,
        "path": f"{ROOT}/{STORE}/{content_hash}",
        "contentHash": content_hash,
        "metadataJson": None,
        "createdAt": NOW,
        "updatedAt": NOW,
    }
    return HostileEvent("v1.FileCreated", {**args, **changes})


def updated(file_id: str = "bad-1", content_hash: str = LOST, **changes: Json) -> HostileEvent:
    args = {
        "id": file_id,
        "path": f"{ROOT}/{STORE}/{content_hash}",
        "remoteKey": f"{STORE}/{content_hash}",
        "contentHash": content_hash,
        "metadataJson": None,
        "updatedAt": NOW,
    }
    return HostileEvent("v1.FileUpdated", {**args, **changes})


def deleted(file_id: str = "bad-1", **changes: Json) -> HostileEvent:
    return HostileEvent("v1.FileDeleted", {"id": file_id, "deletedAt": NOW, **changes})


def without(event: HostileEvent, member: str) -> HostileEvent:
    """The event without one of its arguments."""
    return HostileEvent(event.name, {name: value for name, value in event.args.items() if name != member})


def _with_metadata(text: str | None) -> list[HostileEvent]:
    """A file of another client with that metadata, which is then uploaded, and our own with it."""
    return [
        created(metadataJson=text),
        updated(metadataJson=text),
        updated("<own id>", "<own hash>", metadataJson=text),
        updated("<unsent id>", "<unsent hash>", metadataJson=text, remoteKey=""),
    ]


def _with_text(text: str) -> list[HostileEvent]:
    """Files of which everything that is a text is that text."""
    return [
        created(text),
        created("bad-2", text, path=text),
        created("bad-3", path=text),
        updated("bad-3", path=text, remoteKey=text),
        updated("<own id>", "<own hash>", path=text, remoteKey=text),
        updated("<unsent id>", "<unsent hash>", path=text, remoteKey=text),
        updated("<their id>", text, path=text, remoteKey=text),
    ]


KEPT: dict[str, list[HostileEvent]] = {
    "a file whose id is that of a version": [
        created(f"<own id>@{LOST}"),
        created("<own id>@<own hash>", "<own hash>"),
        deleted("<own id>@<own hash>"),
    ],
    "a base that nobody had, told for another client": [
        HostileEvent("v1.FileVersionBase", {"id": "<own id>", "contentHash": hash_, "baseHash": LOST}, client)
        for hash_ in ("", "<own hash>", LOST, "x")
        for client in ("<own client>", "mallory")
    ],
    "the end of a file that is live": [
        HostileEvent("v1.FilePurged", {"id": "<own id>"}),
        HostileEvent("v1.FileRestored", {"id": "<unsent id>"}),
        HostileEvent("v1.FilePurged", {"id": "nobody"}),
    ],
    "metadata so deep that it ends the interpreter": [
        created(metadataJson='{"custom":' + "[" * DEPTH + "]" * DEPTH + "}"),
        updated(),
    ],
    "a path that is none and no hash": [created(content_hash="", path="evil")],
    "the same for a file that is ours": [updated("<own id>", "", path="evil", remoteKey="")],
    "the same for a file that is being uploaded": [updated("<unsent id>", "", path="evil", remoteKey="")],
    "a path as large as an event may be": [created(content_hash="", path="x" * 899_000)],
    "an id as large as an event may be": [created("i" * 898_000), deleted("i" * 898_000)],
    "a hash as large as an event may be": [created(content_hash="a" * 440_000)],
    "a key as large as an event may be": [created(), updated(remoteKey=f"{STORE}/" + "k" * 890_000)],
    "the key of another store, for content of it": [
        created(),
        deleted(),
        updated(remoteKey=f"{FOREIGN_STORE}/{LOST}", content_hash="cd" * 32),
    ],
    "the key of another store, for what we have": [
        created(content_hash="<own hash>"),
        updated(content_hash="<own hash>", remoteKey=f"{FOREIGN_STORE}/<own hash>"),
        deleted(),
    ],
    "the key of another store, for a file of ours": [
        updated("<own id>", "<own hash>", remoteKey=f"{FOREIGN_STORE}/<own hash>"),
        updated("<unsent id>", "<unsent hash>", remoteKey=f"{FOREIGN_STORE}/<unsent hash>"),
    ],
    "the path of another store": [
        created(path=f"{ROOT}/{FOREIGN_STORE}/{LOST}"),
        created("bad-2", "<own hash>", path=f"{ROOT}/{FOREIGN_STORE}/<own hash>"),
        updated("<unsent id>", "<unsent hash>", path=f"{ROOT}/{FOREIGN_STORE}/<unsent hash>", remoteKey=""),
    ],
    "the key of another file, which is then deleted": [
        created(),
        updated(remoteKey=f"{STORE}/<their hash>"),
        deleted(),
        created("bad-2"),
        updated("bad-2", remoteKey=f"{STORE}/<own hash>"),
        updated("bad-2", "cd" * 32),
        deleted("bad-2"),
    ],
    "the path of another file, for one that is being uploaded": [
        updated("<unsent id>", "<unsent hash>", path=f"{ROOT}/{STORE}/<own hash>", remoteKey=""),
    ],
    "the content of our files under other ids, deleted again": [
        created(content_hash="<own hash>"),
        created("bad-2", "<unsent hash>"),
        created("bad-3", "<later hash>"),
        updated("bad-3", "<later hash>"),
        deleted(),
        deleted("bad-2"),
        deleted("bad-3"),
    ],
    "uploaded, they say": [
        updated("<unsent id>", "<unsent hash>"),
        created("bad-1", "<later hash>"),
        updated("bad-1", "<later hash>"),
        created("bad-2", "<coming hash>"),
        updated("bad-2", "<coming hash>"),
    ],
    "our own id once more": [created("<own id>"), created("<their id>", "<own hash>")],
    "our own client id": [
        HostileEvent("v1.FileCreated", created().args, "<own client>"),
        HostileEvent("v1.FileDeleted", deleted().args, "<own client>"),
    ],
    "numbers that leave gaps": [
        HostileEvent("v1.FileCreated", created(f"bad-{gap}").args, gap=gap) for gap in (2, 7, 1_000)
    ],
    "events of this client alone, as if they were for all": [
        HostileEvent(name, args)
        for name, args in {
            "v1.LocalFileStateClear": {},
            "v1.LocalFileStateRemove": {"fileId": "<own id>"},
            "v1.LocalFileStateUpsert": {
                "fileId": "<own id>",
                "path": "evil",
                "localHash": "",
                "downloadStatus": "error",
                "uploadStatus": "error",
                "lastSyncError": "evil",
            },
            "v1.RemoteDeleteQueued": {
                "remoteKey": f"{STORE}/<their hash>",
                "contentHash": LOST,
                "fileId": "<their id>",
                "queuedAt": NOW,
            },
            "v1.BlobUsed": {"contentHash": "<own hash>", "usedAt": "1970-01-01T00:00:00.000Z"},
            "v1.TransferControlSet": {
                "fileId": "<unsent id>",
                "state": "cancelled",
                "priority": 0,
                "pinned": False,
                "evicted": True,
            },
        }.items()
    ],
    "events of nobody": [
        HostileEvent(name, args)
        for name in ("v9.Unknown", "$discarded", "$state", "sqlite_master", "", "__class__")
        for args in ([1, 2], {"id": "<own id>"}, None, "text", 5)
    ],
    "arguments that are no object": [
        HostileEvent(f"v1.File{kind}", args)
        for kind in ("Created", "Updated", "Deleted")
        for args in (None, True, 0, "", [], [{"id": "<own id>"}])
    ],
    "arguments that are missing": [
        without(event, member) for event in (created(), updated(), deleted()) for member in event.args
    ],
    "arguments of other types": [
        HostileEvent(event.name, {**event.args, member: value})
        for event in (created(), updated("<own id>", "<own hash>"), deleted("<own id>"))
        for member in event.args
        for value in (None, True, -1, 2**53, 10**40, 1e308, [], {}, [[[]]], {"$ref": "#"})
    ],
    "arguments too many": [created(evil=1, __proto__={"id": "<own id>"}, constructor=None, toString=[])],
    "times out of every range": [
        created("bad-1", createdAt="0001-01-01T00:00:00Z", updatedAt="9999-12-31T23:59:59.999Z"),
        created("bad-2", createdAt="0001-01-01T00:00:00+14:00", updatedAt="9999-12-31T23:59:59.999-14:00"),
        created("bad-3", createdAt="+275760-09-13T00:00:00.000Z"),
        created("bad-4", createdAt="2026-11-25T12:00:00", updatedAt="2026-11-25T24:00:00Z"),
        updated("<their id>", "<their hash>", updatedAt="0001-01-01T00:00:00Z"),
    ],
    "deep arguments": [
        created(metadataJson="<raw depth 300>"),
        HostileEvent("v1.FileCreated", "<raw depth 300>"),
    ],
    "control characters and halves of characters": [
        event
        for text in ("a\x00b", "a\r\nb", "\x1b[2J", "\u202e", "\ud800", "\udc00\ud800", "\uffff", "\u2028")
        for event in _with_text(text)
    ],
    "half a character beside a long text": [created("\ud800", metadataJson="я" * 250_000)],
}
"""By what is hostile about them."""

KEPT |= {
    f"metadata {number}: {str(text)[:30]!r}": _with_metadata(text) for number, text in enumerate(METADATA)
}
KEPT |= {f"text {number}: {text[:30]!r}": _with_text(text) for number, text in enumerate(ODD_TEXTS)}
KEPT |= {
    f"a frame with {token}": [
        created(metadataJson=token),
        HostileEvent("v1.FileCreated", token),
        updated("<own id>", "<own hash>", metadataJson=token),
        HostileEvent("v9.Unknown", {"deep": token}),
    ]
    for token in RAW
}

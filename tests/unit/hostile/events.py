"""What a hostile member may push to a store, made from a `Random`: well-formed events that lie, and
ill-formed ones of every kind.

A *member* is anybody who may push: also an older or a buggy client, or an app that commits events of its own.
A hostile one reads everything in its store, so its events name what others have saved, by *tokens*: `<own
id>` is the id of the victim's first file. Who pushes the events fills in what the tokens stand for (`fill`).
What no JSON library would write, but a server may send, is a token as well, for a piece of JSON text (`RAW`).

    random_event(Random(7))                               one event
    st.randoms(use_true_random=False).map(random_event)   for Hypothesis, which can then make it simpler

Standard library only, because it also runs in Pyodide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

DEPTH = 6_000
"""Nested brackets in JSON text that end Pyodide's interpreter for good; 4,000 do not."""

Json = Any


@dataclass(frozen=True)
class HostileEvent:
    """An event as it is pushed. `gap`: how far its number is from the one before it."""

    name: str
    args: Json
    client_id: str = "mallory"
    gap: int = 1


TOKENS = (
    "<own id>",
    "<own hash>",
    "<unsent id>",
    "<unsent hash>",
    "<their id>",
    "<their hash>",
    "<later hash>",
    "<coming hash>",
    "<own client>",
)
"""A file that the victim has uploaded, one that it is uploading, and a friend's; what the victim and the
friend are going to save, of which nobody knows the ids yet; the victim's client id."""

RAW = {
    "<raw 1e400>": "1e400",
    "<raw -0.0>": "-0.0",
    "<raw 5,000 digits>": "1" + "0" * 4_999,
    "<raw surrogate>": '"\\ud800"',
    "<raw nul>": '"\\u0000"',
    "<raw depth 300>": "[" * 300 + "]" * 300,
    "<raw depth 2,000>": '{"a":' * 1_000 + "[" * 1_000 + "]" * 1_000 + "}" * 1_000,
    "<raw depth 6,000>": "[" * DEPTH + "]" * DEPTH,
    "<raw twice>": '{"id":"bad-1","id":5,"id":"bad-2"}',
}
"""What only a frame's text can say, by the JSON string that stands for it."""

STORE, FOREIGN_STORE = "s", "private"
ROOT = "livestore-filesync-files"

_HEX = "0123456789abcdef"
_NOW = "2026-11-25T12:00:00.000Z"

IDS = ("bad-1", "bad-2", "bad-3", "<own id>", "<unsent id>", "<their id>")
HASHES = (
    "<own hash>",
    "<unsent hash>",
    "<their hash>",
    "<later hash>",
    "<coming hash>",
    "ab" * 32,
    "cd" * 32,
)
TIMES = (
    _NOW,
    "1970-01-01T00:00:00.000Z",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59.999Z",
    "9999-12-31T23:59:59.999-14:00",
    "+275760-09-13T00:00:00.000Z",
    "2026-11-25",
    "2026-11-25T12:00:00",
    "yesterday",
)
NAMES = (
    "v1.FileCreated",
    "v1.FileUpdated",
    "v1.FileDeleted",
    "v1.FileVersionBase",
    "v1.FileVersionStored",
    "v1.FileVersionResolved",
    "v1.FileVersionPolicySet",
    "v1.FileRestored",
    "v1.FilePurged",
    "v1.LocalFileStateUpsert",
    "v1.LocalFileStateClear",
    "v1.TransferControlSet",
    "v1.RemoteDeleteQueued",
    "v1.UploadOpened",
    "v1.BlobUsed",
    "v2.FileCreated",
    "$discarded",
    "$state",
    "__init__",
    "",
)
"""The three synced events of files that livestore-filesync knows, then those of versions and trash; then
client-only ones, and names of nobody."""
_OF_FILES, _OF_VERSIONS = NAMES[:3], NAMES[3:9]

ODD_TEXTS = (
    "",
    " ",
    "evil",
    "/",
    "..",
    ".",
    "../../../etc/passwd",
    "..\\..\\windows",
    "%2e%2e/%2e%2e",
    f"{ROOT}/{STORE}",
    f"{ROOT}/{STORE}/",
    f"{ROOT}/../{'ab' * 32}",
    f"{ROOT}/{FOREIGN_STORE}/{'ab' * 32}",
    f"/{ROOT}/{STORE}/{'ab' * 32}",
    f"{ROOT}/{STORE}/{'AB' * 32}",
    f"{ROOT}/{STORE}/{'ab' * 32}/more",
    f"{ROOT}/{STORE}/{'ab' * 32}\n",
    f"{FOREIGN_STORE}/{'ab' * 32}",
    f"{STORE}/{'ab' * 32}",
    f"{STORE}/<own hash>",
    f"{STORE}/<their hash>",
    f"{FOREIGN_STORE}/<own hash>",
    f"bad-1@{'ab' * 32}",
    "<own id>@<own hash>",
    "<unsent id>@<unsent hash>",
    "https://elsewhere.example/x",
    "javascript:alert(1)",
    "a\x00b",
    "a\r\nX-Evil: 1",
    "\u202etxt.exe",
    "\ud800",
    "\udfff tail",
    "\U0001f600",
    "'; DROP TABLE files; --",
    '<img src=x onerror="x()">',
    "__proto__",
    "constructor",
    "NaN",
    "null",
    "ü" * 300,
    "x" * 1_025,
    "x" * 100_000,
)
ODD_VALUES: tuple[Json, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1.5,
    2**53,
    -(2**63),
    10**40,
    1e308,
    "",
    [],
    {},
    [[[[]]]],
    {"_tag": "None"},
    {"__proto__": {"id": "x"}},
    *RAW,
)
METADATA = (
    None,
    "",
    "null",
    "[]",
    "{",
    "NaN",
    '"text"',
    "[" * DEPTH + "]" * DEPTH,
    '{"custom":' + "[" * DEPTH + "]" * DEPTH + "}",
    '{"custom":{"a":' * DEPTH + "1" + "}}" * DEPTH,
    "[" * DEPTH,
    "{" * 100_000,
    '{"sizeBytes":NaN,"image":{"width":Infinity,"height":-Infinity}}',
    '{"sizeBytes":1e400,"image":{"width":1e308,"height":1e400}}',
    '{"sizeBytes":-1,"image":{"width":-1,"height":0}}',
    '{"sizeBytes":9007199254740993}',
    '{"sizeBytes":' + "9" * 400 + "}",
    '{"sizeBytes":' + "9" * 5_000 + "}",
    '{"sizeBytes":"5","mimeType":5,"image":[],"custom":[]}',
    '{"sizeBytes":true,"mimeType":null,"image":{"width":true,"height":"1"},"custom":null}',
    '{"mimeType":"text/html"}',
    '{"mimeType":"text/plain\\r\\nX-Evil: 1"}',
    '{"mimeType":"tëxt/plain"}',
    '{"mimeType":"' + "a" * 300 + '/b"}',
    '{"mimeType":"\\ud800/x"}',
    '{"custom":{"name":"../../../../tmp/evil"}}',
    '{"custom":{"name":"a\\u0000b"}}',
    '{"custom":{"name":"\\ud800"}}',
    '{"custom":{"name":{"a":1},"n":NaN,"i":1e999}}',
    '{"custom":{"name":"' + "n" * 100_000 + '"}}',
    '{"custom":{"__proto__":{"name":"x"}}}',
    '{"custom":' + '{"k":"v"}' + "}" * 3,
    "\ufeff{}",
)


def fill(value: Json, tokens: Mapping[str, str]) -> Json:
    """The value with what the tokens stand for, in texts and in the names of members."""
    if isinstance(value, str):
        for token, meaning in tokens.items():
            value = value.replace(token, meaning)
        return value
    if isinstance(value, list):
        return [fill(item, tokens) for item in value]
    if isinstance(value, dict):
        return {fill(key, tokens): fill(item, tokens) for key, item in value.items()}
    return value


def write_raw(frame: str) -> str:
    """A frame in which the strings that stand for pieces of JSON text are those pieces."""
    if "<raw " in frame:
        for token, text in RAW.items():
            frame = frame.replace(f'"{token}"', text)
    return frame


# --- making events ------------------------------------------------------------------------------------------


def random_event(random: Random) -> HostileEvent:
    """Any event. Most are one of a file, and well-formed: what is refused at once does no harm."""
    kind = random.random()
    name = random.choice(_OF_FILES if kind < 0.65 else _OF_VERSIONS if kind < 0.85 else NAMES)
    args = random.choice(ODD_VALUES) if random.random() > 0.97 else _args(random, name)
    client_id = (
        random.choice(("mallory", "<own client>", "", "ü" * 50)) if random.random() > 0.9 else "mallory"
    )
    return HostileEvent(name, args, client_id, gap=random.choice((1, 1, 1, 1, 2, 1_000)))


def _args(random: Random, name: str) -> dict[str, Json]:
    """The arguments of an event of that name, of which up to three may be broken."""
    args = {member: make(random) for member, make in _MEMBERS.get(name, _MEMBERS["v1.FileCreated"]).items()}
    content_hash = args.get("contentHash")
    if "path" in args and random.random() < 0.7:
        args["path"] = f"{ROOT}/{STORE}/{content_hash}"
    if "remoteKey" in args and random.random() < 0.7:
        args["remoteKey"] = random.choice(("", f"{STORE}/{content_hash}", f"{FOREIGN_STORE}/{content_hash}"))
    for _ in range(random.choice((0, 0, 0, 0, 1, 1, 2, 3))):
        member = random.choice(sorted(args) or ["id"])
        random.choice((_lose, _retype, _odden))(random, args, member)
    return args


def _lose(_random: Random, args: dict[str, Json], member: str) -> None:
    args.pop(member, None)


def _retype(random: Random, args: dict[str, Json], member: str) -> None:
    args[member] = random.choice(ODD_VALUES)


def _odden(random: Random, args: dict[str, Json], member: str) -> None:
    args[member] = random.choice(ODD_TEXTS)
    args[random.choice(ODD_TEXTS)] = random.choice(ODD_VALUES)  # and one that nobody asked for


def _id(random: Random) -> str:
    if random.random() < 0.1:
        return f"bad-{random.randrange(1_000_000)}"
    return str(random.choice(IDS if random.random() < 0.8 else ODD_TEXTS))


def _of(values: tuple[Json, ...]) -> Callable[[Random], Json]:
    return lambda random: random.choice(values if random.random() < 0.8 else ODD_TEXTS)


def _time(random: Random) -> str:
    return _NOW if random.random() < 0.9 else random.choice(TIMES)


def _hash(random: Random) -> str:
    if random.random() < 0.1:
        return "".join(random.choice(_HEX) for _ in range(64))
    return str(random.choice(HASHES if random.random() < 0.85 else ODD_TEXTS))


def _hash_or_none(random: Random) -> str:
    return "" if random.random() < 0.3 else _hash(random)


def _limit(random: Random) -> int | None:
    return random.choice((None, 0, 1, -1, 30 * 24 * 3600 * 1000, 2**53 - 1))


def _metadata(random: Random) -> str | None:
    return random.choice(METADATA) if random.random() < 0.5 else None


_PATH = _KEY = _of(ODD_TEXTS)
_MEMBERS: dict[str, dict[str, Callable[[Random], Json]]] = {
    "v1.FileCreated": {
        "id": _id,
        "path": _PATH,
        "contentHash": _hash,
        "metadataJson": _metadata,
        "createdAt": _time,
        "updatedAt": _time,
    },
    "v1.FileUpdated": {
        "id": _id,
        "path": _PATH,
        "remoteKey": _KEY,
        "contentHash": _hash,
        "metadataJson": _metadata,
        "updatedAt": _time,
    },
    "v1.FileDeleted": {"id": _id, "deletedAt": _time},
    "v1.FileVersionBase": {"id": _id, "contentHash": _hash_or_none, "baseHash": _hash_or_none},
    "v1.FileVersionStored": {"id": _id, "contentHash": _hash, "remoteKey": _KEY},
    "v1.FileVersionResolved": {"id": _id, "contentHash": _hash},
    "v1.FileVersionPolicySet": {
        "keepLast": _limit,
        "keepMs": _limit,
        "trashMs": _limit,
        "editRevives": lambda random: random.random() < 0.5,
    },
    "v1.FileRestored": {"id": _id},
    "v1.FilePurged": {"id": _id},
    "v1.LocalFileStateUpsert": {
        "fileId": _id,
        "path": _PATH,
        "localHash": _hash,
        "downloadStatus": _of(("done", "error")),
        "uploadStatus": _of(("done", "error")),
        "lastSyncError": _of(ODD_TEXTS),
    },
    "v1.TransferControlSet": {
        "fileId": _id,
        "state": _of(("cancelled", "paused")),
        "priority": _of((0, 2**53)),
        "pinned": _of((False, True)),
        "evicted": _of((True, False)),
    },
    "v1.RemoteDeleteQueued": {
        "remoteKey": _of((f"{STORE}/<own hash>", f"{FOREIGN_STORE}/<own hash>")),
        "contentHash": _hash,
        "fileId": _id,
        "queuedAt": _time,
    },
    "v1.UploadOpened": {"remoteKey": _KEY, "uploadId": _of(("u",)), "partSize": _of((1, 0))},
    "v1.BlobUsed": {"contentHash": _hash, "usedAt": _time},
    "v1.LocalFileStateClear": {},
    "$discarded": {},
}

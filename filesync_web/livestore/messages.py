"""The messages of LiveStore's sync protocol as typed values; `wire` puts them into JSON and back.

Pure and shared by the client (`filesync_web.livestore`) and the backend (`filesync_server.sync`).
Standard library only; runs under CPython and Pyodide.

Vocabulary
    message     one WebSocket text frame: `ClientMessage` goes to the backend, `ServerMessage` to the client
    request     a call with an id; answered by `Chunk`s (`Ack` answers each), then `Success` or `Failure`
    event       one entry of a store's log; `seq_num` ascends, `parent_seq_num` is the one before (first: 0)
    backend id  the identity of a backend's log; it changes when the backend was reset
    cursor      where a client stands: backend id and the last `seq_num` that it has

Names and shapes follow Effect RPC's JSON serialization and LiveStore 0.4's `sync-cf`.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from filesync_web.core.light_dataclass import dataclass

from ..errors import SyncError

Json: TypeAlias = Any
"""A JSON value as `json.loads` makes it."""

MAX_BATCH_EVENTS = 100
"""Most events in one push or one pulled chunk."""
MAX_BATCH_BYTES = 900_000
"""Most bytes of events (`wire.encoded_size`) in one push or pulled chunk; so also the limit of one event."""
MAX_EVENT_DEPTH = 240
"""Most levels of arrays and objects in the arguments of an event of ours: within what everybody reads
(`core.foreign.MAX_DEPTH`), also with the message around them."""
MAX_FRAME_BYTES = 1_048_576
"""Most bytes of one frame; `sync-cf` drops the connection above it."""
MAX_SEQ_NUM = 2**53 - 1
"""The largest sequence number: JavaScript's largest exact integer."""

PULL = "SyncWsRpc.Pull"
PUSH = "SyncWsRpc.Push"


class WireError(SyncError, ValueError):
    """A message is not what the protocol says; the text names the member that is wrong."""

    retryable = False


# --- values -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a store's log as it travels."""

    name: str
    args: Json
    seq_num: int
    parent_seq_num: int
    client_id: str
    session_id: str


@dataclass(frozen=True, slots=True)
class PulledEvent:
    """An event with the time at which the backend stored it (ISO 8601), when the backend tells."""

    event: Event
    created_at: str | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    backend_id: str
    seq_num: int


@dataclass(frozen=True, slots=True)
class PullRequest:
    """Ask for the events after `cursor` (None: from the beginning); `live` keeps the stream open.

    `max_bytes`, over HTTP: answer with about so many bytes of events, one event at least, and say how many
    remain. Our own extension; another backend answers with everything.
    """

    store_id: str
    live: bool = True
    cursor: Cursor | None = None
    payload: Json = None
    max_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class PullResponse:
    """One chunk's value. `remaining` counts the events still to come: 0 is `NoMore`, None `MoreUnknown`."""

    batch: tuple[PulledEvent, ...]
    backend_id: str
    remaining: int | None = 0


@dataclass(frozen=True, slots=True)
class PushRequest:
    """Append `batch`; `backend_id` None means that the client does not know it yet."""

    store_id: str
    batch: tuple[Event, ...]
    backend_id: str | None = None
    payload: Json = None


# --- failures -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ServerAhead:
    """The push does not start at the backend's head: pull, rebase and push again."""

    minimum_expected_num: int
    provided_num: int


@dataclass(frozen=True, slots=True)
class BackendIdMismatch:
    """The backend was reset (or is another one): the client must start over."""

    expected: str
    received: str


@dataclass(frozen=True, slots=True)
class OtherError:
    """An expected error of the backend that this kit has no type for."""

    error: Json


@dataclass(frozen=True, slots=True)
class Die:
    """The backend met something that it did not expect; `defect` says what, mostly a string."""

    defect: Json


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The request was ended by an `Interrupt`, or the backend is going down."""


Cause: TypeAlias = ServerAhead | BackendIdMismatch | OtherError | Die | Interrupted


# --- messages -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Request:
    """A call; `payload` is decoded apart (`decode_pull_request`, `decode_push_request`) so that a bad one can
    still be answered under its id."""

    id: str
    tag: str
    payload: Json


@dataclass(frozen=True, slots=True)
class Ack:
    request_id: str


@dataclass(frozen=True, slots=True)
class Interrupt:
    request_id: str


@dataclass(frozen=True, slots=True)
class Ping:
    pass


@dataclass(frozen=True, slots=True)
class Eof:
    """The client will send no further request; it needs no answer."""


@dataclass(frozen=True, slots=True)
class Chunk:
    request_id: str
    values: tuple[PullResponse, ...]


@dataclass(frozen=True, slots=True)
class Success:
    """The end of a request. `value` is `{}` for a push and absent (None) for a pull."""

    request_id: str
    value: Json = None


@dataclass(frozen=True, slots=True)
class Failure:
    """The failed end of a request. `causes` are the leaves of Effect's cause tree, left to right."""

    request_id: str
    causes: tuple[Cause, ...] = ()


@dataclass(frozen=True, slots=True)
class Pong:
    pass


@dataclass(frozen=True, slots=True)
class Defect:
    """The backend did not understand a frame; it belongs to no request and the socket stays usable."""

    defect: Json


ClientMessage: TypeAlias = Request | Ack | Interrupt | Ping | Eof
ServerMessage: TypeAlias = Chunk | Success | Failure | Pong | Defect

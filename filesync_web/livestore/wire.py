"""The codec of LiveStore's sync protocol: `messages` to JSON text and back.

Pure, standard library only; runs under CPython and Pyodide. camelCase exists only here. Unknown members of an
object are ignored, as Effect Schema does. Whatever does not fit raises `WireError`; but in what a backend has
kept and hands out, one event that should never have got there does not cost the others: what cannot be read
of it is left out (`_AROUND_ARGS`, `_mended`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from urllib.parse import quote, unquote

from ..core.foreign import ForeignTextError, parse_json
from ..core.text import clean_text
from .members import array_in, number_in, object_of, option_of, some_of, text_in
from .messages import (
    PULL,
    PUSH,
    Ack,
    BackendIdMismatch,
    Cause,
    Chunk,
    ClientMessage,
    Cursor,
    Defect,
    Die,
    Eof,
    Event,
    Failure,
    Interrupt,
    Interrupted,
    Json,
    OtherError,
    Ping,
    Pong,
    PulledEvent,
    PullRequest,
    PullResponse,
    PushRequest,
    Request,
    ServerAhead,
    ServerMessage,
    Success,
    WireError,
)

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_SURROGATE = re.compile("[\ud800-\udfff]")
_REQUEST_ID = re.compile(r"[0-9]{1,20}", re.ASCII)

_AROUND_ARGS = 6  # levels, in what is pulled: {"values": [{"batch": [{"eventEncoded": {"args": ...


# --- JSON ---------------------------------------------------------------------------------------------------


def to_json(value: Json) -> str:
    """Compact JSON that always encodes to UTF-8: lone surrogates, legal in JSON, are escaped, and only they.

    So a text has the same length wherever it stands, and what was measured is what is sent.
    """
    try:
        text = _encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise WireError(f"not representable as JSON: {error}") from error
    try:
        text.encode()
    except UnicodeEncodeError:
        return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    return text


def from_json(text: str | bytes, *, envelope: int | None = None) -> Json:
    """`parse_json`, but raises WireError."""
    try:
        return parse_json(text, envelope=envelope)
    except ForeignTextError as error:
        raise WireError(str(error)) from error


def kept_args(text: str) -> Json:
    """The arguments of an event that a log has kept; null when they are nested too deep to be read."""
    return from_json(text, envelope=0)


def encoded_size(event: Event) -> int:
    """Bytes of the event's JSON in UTF-8: what `MAX_BATCH_BYTES` counts."""
    return len(to_json(event_to_wire(event)).encode())


# --- values to and from the wire ----------------------------------------------------------------------------


def event_to_wire(event: Event) -> Json:
    return {
        "name": event.name,
        "args": event.args,
        "seqNum": event.seq_num,
        "parentSeqNum": event.parent_seq_num,
        "clientId": event.client_id,
        "sessionId": event.session_id,
    }


def event_from_wire(value: Json, where: str = "event") -> Event:
    obj = object_of(value, where)
    if "args" not in obj:
        raise WireError(f"{where}.args is missing")
    return Event(
        name=text_in(obj, "name", where),
        args=obj["args"],
        seq_num=number_in(obj, "seqNum", where),
        parent_seq_num=number_in(obj, "parentSeqNum", where),
        client_id=text_in(obj, "clientId", where),
        session_id=text_in(obj, "sessionId", where),
    )


def pull_request(request_id: str, pull: PullRequest) -> Request:
    cursor = pull.cursor
    position = cursor and {"backendId": cursor.backend_id, "eventSequenceNumber": cursor.seq_num}
    wire = {"storeId": pull.store_id, "live": pull.live, "cursor": option_of(position)}
    if pull.payload is not None:
        wire["payload"] = pull.payload
    if pull.max_bytes is not None:
        wire["maxBytes"] = pull.max_bytes
    return Request(request_id, PULL, wire)


def decode_pull_request(payload: Json) -> PullRequest:
    obj = object_of(payload, "payload")
    if not isinstance(obj.get("live"), bool):
        raise WireError("payload.live must be a boolean")
    cursor = some_of(obj.get("cursor"), "payload.cursor")
    if cursor is not None:
        where = "payload.cursor.value"
        cursor = object_of(cursor, where)
        cursor = Cursor(text_in(cursor, "backendId", where), number_in(cursor, "eventSequenceNumber", where))
    max_bytes = number_in(obj, "maxBytes", "payload") if "maxBytes" in obj else None
    return PullRequest(text_in(obj, "storeId", "payload"), obj["live"], cursor, obj.get("payload"), max_bytes)


def push_request(request_id: str, push: PushRequest) -> Request:
    wire = {
        "storeId": push.store_id,
        "batch": [event_to_wire(event) for event in push.batch],
        "backendId": option_of(push.backend_id),
    }
    if push.payload is not None:
        wire["payload"] = push.payload
    return Request(request_id, PUSH, wire)


def decode_push_request(payload: Json) -> PushRequest:
    obj = object_of(payload, "payload")
    batch = array_in(obj, "batch", "payload")
    backend_id = some_of(obj.get("backendId"), "payload.backendId")
    if backend_id is not None and not isinstance(backend_id, str):
        raise WireError("payload.backendId.value must be a string")
    return PushRequest(
        store_id=text_in(obj, "storeId", "payload"),
        batch=tuple(event_from_wire(event, f"payload.batch[{i}]") for i, event in enumerate(batch)),
        backend_id=backend_id,
        payload=obj.get("payload"),
    )


def _pull_response_to_wire(response: PullResponse) -> Json:
    page_info: Json
    if response.remaining is None:
        page_info = {"_tag": "MoreUnknown"}
    elif response.remaining == 0:
        page_info = {"_tag": "NoMore"}
    else:
        page_info = {"_tag": "MoreKnown", "remaining": response.remaining}
    return {
        "batch": [_pulled_to_wire(pulled) for pulled in response.batch],
        "pageInfo": page_info,
        "backendId": response.backend_id,
    }


def _pulled_to_wire(pulled: PulledEvent) -> Json:
    created_at = pulled.created_at
    metadata = None if created_at is None else {"_tag": "SyncMessage.SyncMetadata", "createdAt": created_at}
    return {"eventEncoded": event_to_wire(pulled.event), "metadata": option_of(metadata)}


def _pull_response_from_wire(value: Json) -> PullResponse:
    where = "values"
    obj = object_of(value, where)
    page_info = object_of(obj.get("pageInfo"), f"{where}.pageInfo")
    remaining: int | None
    match page_info.get("_tag"):
        case "NoMore":
            remaining = 0
        case "MoreKnown":
            remaining = number_in(page_info, "remaining", f"{where}.pageInfo")
        case "MoreUnknown":
            remaining = None
        case other:
            raise WireError(f"{where}.pageInfo._tag is unknown: {other!r}")
    batch = tuple(_pulled_from_wire(item) for item in array_in(obj, "batch", where))
    return PullResponse(batch, text_in(obj, "backendId", where), remaining)


def _pulled_from_wire(value: Json) -> PulledEvent:
    obj = object_of(value, "batch")
    event = event_from_wire(_mended(obj.get("eventEncoded")), "batch.eventEncoded")
    metadata = some_of(obj.get("metadata", {"_tag": "None"}), "batch.metadata")
    created_at = metadata.get("createdAt") if isinstance(metadata, dict) else None
    return PulledEvent(event, created_at if isinstance(created_at, str) else None)


def _mended(event: Json) -> Json:
    """An event that a backend in JavaScript may keep, as one that can be kept here: with arguments, and with
    names that UTF-8 can carry. No client of this kit makes such events."""
    if not isinstance(event, dict):
        return event
    mended: dict[str, Json] = {"args": None, **event}
    for key in ("name", "clientId", "sessionId"):
        if isinstance(text := mended.get(key), str):
            mended[key] = clean_text(text)
    return mended


# --- causes -------------------------------------------------------------------------------------------------


def _cause_to_wire(cause: Cause) -> Json:
    error: Json
    match cause:
        case ServerAhead(minimum, provided):
            error = {"_tag": "ServerAheadError", "minimumExpectedNum": minimum, "providedNum": provided}
        case BackendIdMismatch(expected, received):
            error = {"_tag": "BackendIdMismatchError", "expected": expected, "received": received}
        case OtherError(other):
            error = other
        case Die(defect):
            return {"_tag": "Die", "defect": defect}
        case Interrupted():
            return {"_tag": "Interrupt", "fiberId": {"_tag": "None"}}
    return {"_tag": "Fail", "error": error}


def _causes_to_wire(causes: Sequence[Cause]) -> Json:
    if not causes:
        return {"_tag": "Empty"}
    tree = _cause_to_wire(causes[-1])
    for cause in reversed(causes[:-1]):
        tree = {"_tag": "Sequential", "left": _cause_to_wire(cause), "right": tree}
    return tree


def _causes_from_wire(value: Json) -> tuple[Cause, ...]:
    found: list[Cause] = []
    todo = [value]
    while todo:
        cause = object_of(todo.pop(), "cause")
        match cause.get("_tag"):
            case "Empty":
                pass
            case "Fail":
                found.append(_error_from_wire(cause.get("error")))
            case "Die":
                found.append(Die(cause.get("defect")))
            case "Interrupt":
                found.append(Interrupted())
            case "Sequential" | "Parallel":
                todo += [cause.get("right"), cause.get("left")]
            case other:
                raise WireError(f"cause._tag is unknown: {other!r}")
    return tuple(found)


def _error_from_wire(value: Json) -> Cause:
    """The typed error; some versions wrap it as `{"_tag": "InvalidPushError", "cause": ...}`."""
    while isinstance(value, dict) and value.get("_tag") in {"InvalidPushError", "InvalidPullError"}:
        if not isinstance(value.get("cause"), dict):
            break
        value = value["cause"]
    tag = value.get("_tag") if isinstance(value, dict) else None
    if tag == "ServerAheadError":
        return ServerAhead(number_in(value, "minimumExpectedNum", tag), number_in(value, "providedNum", tag))
    if tag == "BackendIdMismatchError":
        return BackendIdMismatch(text_in(value, "expected", tag), text_in(value, "received", tag))
    return OtherError(value)


# --- whole messages -----------------------------------------------------------------------------------------


def encode(message: ClientMessage | ServerMessage) -> str:
    """The frame's text. Raises WireError when a value inside is not JSON."""
    return to_json(_message_to_wire(message))


def _message_to_wire(message: ClientMessage | ServerMessage) -> Json:
    match message:
        case Request(request_id, tag, payload):
            return {"_tag": "Request", "id": request_id, "tag": tag, "payload": payload, "headers": []}
        case Ack(request_id) | Interrupt(request_id):
            return {"_tag": type(message).__name__, "requestId": request_id}
        case Ping() | Pong() | Eof():
            return {"_tag": type(message).__name__}
        case Chunk(request_id, values):
            encoded = [_pull_response_to_wire(value) for value in values]
            return {"_tag": "Chunk", "requestId": request_id, "values": encoded}
        case Success(request_id, value):
            exit_: Json = {"_tag": "Success"} if value is None else {"_tag": "Success", "value": value}
            return {"_tag": "Exit", "requestId": request_id, "exit": exit_}
        case Failure(request_id, causes):
            exit_ = {"_tag": "Failure", "cause": _causes_to_wire(causes)}
            return {"_tag": "Exit", "requestId": request_id, "exit": exit_}
        case Defect(defect):
            return {"_tag": "Defect", "defect": defect}


def decode_client(text: str | bytes) -> ClientMessage:
    """What the backend received. Raises WireError: answer it with `Defect`."""
    obj = object_of(from_json(text), "message")
    match obj.get("_tag"):
        case "Request":
            return Request(_request_id(obj, "id"), text_in(obj, "tag", "message"), obj.get("payload"))
        case "Ack":
            return Ack(_request_id(obj, "requestId"))
        case "Interrupt":
            return Interrupt(_request_id(obj, "requestId"))
        case "Ping":
            return Ping()
        case "Eof":
            return Eof()
        case other:
            raise WireError(f"message._tag is unknown: {other!r}")


def decode_server(text: str | bytes) -> ServerMessage:
    """What the client received. Raises WireError: the connection cannot be trusted any more."""
    return _server_message(from_json(text, envelope=_AROUND_ARGS))


def decode_answers(body: bytes) -> list[ServerMessage]:
    """What the client received over HTTP: an array of messages. Raises WireError."""
    messages = from_json(body, envelope=_AROUND_ARGS + 1)
    if not isinstance(messages, list):
        raise WireError("the answer must be an array")
    return list(map(_server_message, messages))


def _server_message(value: Json) -> ServerMessage:
    obj = object_of(value, "message")
    match obj.get("_tag"):
        case "Chunk":
            values = tuple(_pull_response_from_wire(value) for value in array_in(obj, "values", "message"))
            return Chunk(_request_id(obj, "requestId"), values)
        case "Exit":
            return _exit_from_wire(_request_id(obj, "requestId"), object_of(obj.get("exit"), "message.exit"))
        case "Pong":
            return Pong()
        case "Defect" | "ClientProtocolError" as tag:
            return Defect(obj.get("defect" if tag == "Defect" else "error"))
        case other:
            raise WireError(f"message._tag is unknown: {other!r}")


def _exit_from_wire(request_id: str, exit_: dict[str, Json]) -> Success | Failure:
    if exit_.get("_tag") == "Success":
        return Success(request_id, exit_.get("value"))
    if exit_.get("_tag") == "Failure":
        return Failure(request_id, _causes_from_wire(exit_.get("cause")))
    raise WireError(f"message.exit._tag is unknown: {exit_.get('_tag')!r}")


def _request_id(obj: dict[str, Json], key: str) -> str:
    value = text_in(obj, key, "message")
    if not _REQUEST_ID.fullmatch(value):
        raise WireError(f"message.{key} must be a decimal string")
    return value


def sync_query(store_id: str, payload: Json = None, transport: str = "ws") -> str:
    """The query string of the backend's URL. The payload is encoded twice, as LiveStore does."""
    query = f"storeId={quote(store_id, safe='')}&transport={transport}"
    if payload is None:
        return query
    return f"{query}&payload={quote(quote(to_json(payload), safe=''), safe='')}"


def decode_query_payload(value: str | None) -> Json:
    """The payload from the query parameter (decoded once already, as URL parsers do). Raises WireError."""
    return None if value is None else from_json(unquote(value))

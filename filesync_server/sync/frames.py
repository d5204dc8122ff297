"""What a client sent: the message, or what to answer to a frame that is none.

The codec bounds the nesting of frames before they are parsed, so that whatever is accepted can be pulled by
everybody.
"""

from __future__ import annotations

from filesync_web.core.foreign import ForeignTextError, parse_json
from filesync_web.livestore import messages as m
from filesync_web.livestore.wire import decode_client, to_json

_SHALLOW = 8  # levels of a request that are read to find out whose it is


class RefusedFrameError(Exception):
    """The frame is not understood; `answer` says so to the client."""

    def __init__(self, answer: m.ServerMessage) -> None:
        super().__init__(answer)
        self.answer = answer


def decode_frame(frame: str | bytes) -> m.ClientMessage:
    """The message in a frame. Raises RefusedFrameError."""
    try:
        return decode_client(frame)
    except m.WireError as error:
        raise RefusedFrameError(_refusal(frame, str(error))) from error


def _refusal(frame: str | bytes, reason: str) -> m.ServerMessage:
    """Who sent a request that is nested too deep waits for an answer under its id; other frames have none."""
    try:
        message = decode_client(to_json(parse_json(frame, max_depth=_SHALLOW, envelope=1)))
    except (ForeignTextError, m.WireError):
        return m.Defect(reason)
    return m.Failure(message.id, (m.Die(reason),)) if isinstance(message, m.Request) else m.Defect(reason)

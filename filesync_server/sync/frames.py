"""What a client sent, read within bounds, so that whatever is accepted can be pulled by everybody."""

from __future__ import annotations

import re

from filesync_web.livestore import messages as m
from filesync_web.livestore.wire import decode_client

from ..shared.json_text import TooDeepError, check_depth

_REQUEST_ID = re.compile(r'"id"\s*:\s*"([0-9]{1,20})"', re.ASCII)


class RefusedFrameError(Exception):
    """The frame is not understood; `answer` says so to the client."""

    def __init__(self, answer: m.ServerMessage) -> None:
        super().__init__(answer)
        self.answer = answer


def decode_frame(frame: str | bytes) -> m.ClientMessage:
    """The message in a frame. Raises RefusedFrameError."""
    try:
        text = frame if isinstance(frame, str) else frame.decode()
        check_depth(text)
        return decode_client(text)
    except TooDeepError as error:
        raise RefusedFrameError(_answer_unparsed(text, str(error))) from error
    except (m.WireError, UnicodeDecodeError) as error:
        raise RefusedFrameError(m.Defect(str(error))) from error


def _answer_unparsed(text: str, reason: str) -> m.ServerMessage:
    """The failure of a request that is not parsed; who sent it waits for an answer under its id."""
    found = _REQUEST_ID.search(text)
    return m.Failure(found[1], (m.Die(reason),)) if found else m.Defect(reason)

"""What the command logs, on standard error: lines of text, or of JSON for who collects them."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from .config import Settings

_TEXT = "%(asctime)s %(levelname)s %(name)s %(message)s"
_OWN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}
"""What every record has; the rest is `extra`."""


def configure_logging(settings: Settings) -> None:
    """Set up this process's logging; uvicorn speaks up from warnings on."""
    level = settings.log_level.upper()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if settings.log_format == "json" else logging.Formatter(_TEXT))
    logging.basicConfig(level=level, handlers=[handler])
    uvicorn = logging.getLogger("uvicorn")
    uvicorn.setLevel(max(logging.WARNING, logging.getLevelName(level)))
    logging.getLogger("uvicorn.error").addFilter(_is_no_refusal)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time` (ISO 8601, UTC), `level`, `logger`, `message`, `exception` where there
    is one, and the fields that were logged as `extra` (of the access log: `client`, `method`, `path` and so
    on)."""

    def format(self, record: logging.LogRecord) -> str:
        fields = {name: value for name, value in vars(record).items() if name not in _OWN_FIELDS}
        fields |= {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, default=str)


def _is_no_refusal(record: logging.LogRecord) -> bool:
    """Whether to keep the record.

    uvicorn calls it an error of the app when it refuses a WebSocket with an answer. It is none, anybody could
    fill the log with it, and the access log has the refusal.
    """
    return "without completing handshake" not in record.getMessage()

"""What the command logs, on standard error."""

from __future__ import annotations

import logging
import sys

from .config import Settings


def configure_logging(settings: Settings) -> None:
    """Set up this process's logging; uvicorn speaks up from warnings on."""
    level = settings.log_level.upper()
    logging.basicConfig(
        level=level, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr
    )
    uvicorn = logging.getLogger("uvicorn")
    uvicorn.setLevel(max(logging.WARNING, logging.getLevelName(level)))
    logging.getLogger("uvicorn.error").addFilter(_is_no_refusal)


def _is_no_refusal(record: logging.LogRecord) -> bool:
    """Whether to keep the record.

    uvicorn calls it an error of the app when it refuses a WebSocket with an answer. It is none, anybody could
    fill the log with it, and the access log has the refusal.
    """
    return "without completing handshake" not in record.getMessage()

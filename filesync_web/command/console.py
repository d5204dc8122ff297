"""What a command writes: its result on standard output, all else on standard error.

Names come from other people: whatever a terminal would take for a command of its own is written as `\\x1b`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import typer
from rich.console import Console as RichConsole


class Console:
    """Writes for a reader, or with `as_json` for a program: one JSON value on standard output."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.err = RichConsole(stderr=True, highlight=False, soft_wrap=True)

    @property
    def shows_progress(self) -> bool:
        """Whether somebody sees a bar that moves."""
        return not self.as_json and self.err.is_terminal

    def result(self, value: Any, *lines: str) -> None:
        """The result: `value` for a program, `lines` for a reader."""
        if self.as_json:
            typer.echo(json.dumps(value, indent=2, ensure_ascii=True))
        else:
            for line in lines:
                typer.echo(shown_columns(line))

    def table(self, value: Any, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A result of many rows: aligned under a header for a reader, tabs between the cells in a pipe."""
        lines = [[shown(cell) for cell in row] for row in rows]
        if not sys.stdout.isatty():
            self.result(value, *map("\t".join, lines))
            return
        widths = [max(map(len, column)) for column in zip(columns, *lines, strict=True)]
        widths[-1] = 0  # nothing stands behind the last one
        padded = (map(str.ljust, cells, widths) for cells in (columns, *lines))
        self.result(value, *map("  ".join, padded))

    def step(self, line: str) -> None:
        """A line of the result that is there already, for a reader; a program gets all at the end."""
        if not self.as_json:
            typer.echo(shown_columns(line))

    def event(self, value: Any, line: str) -> None:
        """Something that has happened just now; for a program, one line of JSON."""
        typer.echo(json.dumps(value) if self.as_json else shown(line))

    def note(self, text: str) -> None:
        """Something to know that is not the result."""
        typer.echo(shown(text), err=True)


def shown(text: str) -> str:
    """Text of others in one line that no terminal takes for a command."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def shown_columns(line: str) -> str:
    """The same with the tabs between columns left as they are."""
    return "\t".join(map(shown, line.split("\t")))


def shown_time(milliseconds: int | None) -> str | None:
    """A time of a record as ISO 8601 in UTC; None for none, and for what is no time."""
    if milliseconds is None:
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds")
    except (OverflowError, ValueError, OSError):
        return None

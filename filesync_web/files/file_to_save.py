"""What is to be saved, as one value, and what an app records together with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import KW_ONLY, field
from typing import TypeAlias

from filesync_web.core.light_dataclass import dataclass
from filesync_web.core.metadata import FileMetadata
from filesync_web.core.records import FileOperationResult
from filesync_web.errors import InvalidArgumentError
from filesync_web.livestore.schema import NewEvent
from filesync_web.ports import Source

AppEvents: TypeAlias = Callable[[FileOperationResult], Iterable[NewEvent]]
"""Makes the events that an app commits together with what happens to a file: all of them are in the log, or
none. It is called when nothing but the commit is left to be done, and must not wait for anything."""


@dataclass(frozen=True, slots=True)
class FileToSave:
    """One of the files for `save_files`, where more is to be said of it than its bytes.

    The fields are the arguments of `save_file`. With `file_id` that live file gets the content, as by
    `update_file`, which `if_content` belongs to; else it is a new file, and `new_id` its id.
    """

    source: Source = field(repr=False)
    _: KW_ONLY
    name: str | None = None
    mime_type: str | None = None
    metadata: FileMetadata | None = None
    file_id: str | None = None
    new_id: str | None = None
    if_content: str | None = None
    events: AppEvents | None = None


def check_events(events: AppEvents | None) -> None:
    """Raises `InvalidArgumentError` for what cannot be called."""
    if events is not None and not callable(events):
        raise InvalidArgumentError(f"events is a function of the result, not {events!r:.100}")


def made_events(events: AppEvents | None, result: FileOperationResult) -> list[NewEvent]:
    """What the app commits with that; raises what the function raises, `InvalidArgumentError` when it gives
    something else than events: it may be asynchronous, say."""
    if events is None:
        return []
    made = events(result)
    listed = list(made) if isinstance(made, Iterable) else None
    if listed is None or not all(isinstance(event, NewEvent) for event in listed):
        raise InvalidArgumentError(f"the function for events gives a list of events, not {made!r:.100}")
    return listed

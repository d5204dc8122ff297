"""How the command counts the bytes of its transfers, and what it lets a terminal see."""

from __future__ import annotations

from filesync_web.command.console import shown, shown_time
from filesync_web.command.progress import ByteCount
from filesync_web.core.display import FileSyncEvent


def test_bytes_are_counted_for_the_files_that_are_followed() -> None:
    count = ByteCount({"a": 100, "b": 50})
    count.on_event(FileSyncEvent("upload:progress", "a", 40, 100))
    count.on_event(FileSyncEvent("upload:complete", "b"))
    count.on_event(FileSyncEvent("upload:progress", "another", 999, 999))
    count.on_event(FileSyncEvent("online"))
    assert (count.moved, count.total) == (90, 150)
    count.on_event(FileSyncEvent("upload:start", "a"))  # tried again, from the beginning
    assert count.moved == 50
    count.on_event(FileSyncEvent("upload:progress", "a", 120, 0))
    assert count.moved == count.total


def test_no_name_is_a_command_for_the_terminal() -> None:
    assert shown("photo ü 日本.jpg") == "photo ü 日本.jpg"
    assert shown("\x1b]0;title\x07\nname\u202e") == "\\x1b]0;title\\x07\\nname\\u202e"


def test_times_are_utc_and_foreign_ones_that_are_none_are_nothing() -> None:
    assert shown_time(0) == "1970-01-01T00:00:00+00:00"
    assert shown_time(None) is None
    assert shown_time(10**18) is None

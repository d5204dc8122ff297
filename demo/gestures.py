"""The ways in for files: the file chooser, drag and drop, and paste."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyscript import when

OnFiles = Callable[[list[Any]], None]


def accept_files(page: Any, on_files: OnFiles) -> None:
    """Call `on_files` with the JavaScript `File` objects that the user chooses, drops or pastes."""
    _accept_chosen(page["file-input"], on_files)
    _accept_dropped(page.body, on_files)

    @when("paste", "body")
    def _pasted(event: Any) -> None:
        if files := list(event.clipboardData.files):
            event.preventDefault()
            on_files(files)


def _accept_chosen(chooser: Any, on_files: OnFiles) -> None:
    def take(_event: Any) -> None:
        if files := list(chooser.files):
            chooser.value = ""  # so that choosing the same file again is a change again
            on_files(files)

    when("change", chooser)(take)
    take(None)  # what was chosen before the page was ready


def _accept_dropped(body: Any, on_files: OnFiles) -> None:
    def offer(event: Any) -> None:
        """Say that files may be dropped here; without this the browser would open them instead."""
        if "Files" in list(event.dataTransfer.types):
            event.preventDefault()
            event.dataTransfer.dropEffect = "copy"
            body.classList.add("dropping")

    def leave(event: Any) -> None:
        if not event.relatedTarget:  # out of the window, not just from one element to the next
            body.classList.remove("dropping")

    def take(event: Any) -> None:
        event.preventDefault()
        body.classList.remove("dropping")
        if files := list(event.dataTransfer.files):
            on_files(files)

    when("dragenter", body)(offer)
    when("dragover", body)(offer)
    when("dragleave", body)(leave)
    when("drop", body)(take)

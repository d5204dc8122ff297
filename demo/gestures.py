"""The ways in for files and folders: the choosers, drag and drop, and paste."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from adding import Given, given_file, is_hidden
from pyscript import document, when

OnFiles = Callable[[list[Given]], None]
OnEntries = Callable[[list[Any]], None]


def accept_files(page: Any, on_files: OnFiles, on_entries: OnEntries) -> None:
    """Call `on_files` with what the user chooses, drops or pastes, and `on_entries` with the JavaScript
    `FileSystemEntry` objects of what was dropped when there is a folder among it."""
    _accept_chosen(page["file-input"], on_files)
    _accept_folders(page["add-folder"], on_files)
    _accept_dropped(page.body, on_files, on_entries)

    @when("paste", "body")
    def _pasted(event: Any) -> None:
        if files := list(event.clipboardData.files):
            event.preventDefault()
            on_files([given_file(file) for file in files])


def _accept_chosen(chooser: Any, on_files: OnFiles) -> None:
    def take(_event: Any) -> None:
        if files := list(chooser.files):
            chooser.value = ""  # so that choosing the same file again is a change again
            on_files([given_file(file) for file in files])

    when("change", chooser)(take)
    take(None)  # what was chosen before the page was ready


def _accept_folders(button: Any, on_files: OnFiles) -> None:
    """A button for a chooser that gives a whole folder, in browsers that have one."""
    chooser = document.createElement("input")
    button.hidden = not hasattr(chooser, "webkitdirectory")
    chooser.type, chooser.webkitdirectory = "file", True

    def take(_event: Any) -> None:
        given = [given_file(file) for file in chooser.files]
        chooser.value = ""
        on_files([one for one in given if not any(map(is_hidden, one.name.split("/")[1:]))])

    when("change", chooser)(take)
    when("click", button)(lambda _event: chooser.click())


def _accept_dropped(body: Any, on_files: OnFiles, on_entries: OnEntries) -> None:
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
        entries = [entry for item in event.dataTransfer.items if (entry := item.webkitGetAsEntry())]
        if any(entry.isDirectory for entry in entries):
            on_entries(entries)
        elif files := list(event.dataTransfer.files):
            on_files([given_file(file) for file in files])

    when("dragenter", body)(offer)
    when("dragover", body)(offer)
    when("dragleave", body)(leave)
    when("drop", body)(take)

"""The dialog in which what was deleted, a picture's versions, or a conflict is shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from parts import Parts
from pyscript import document, when, window

import filesync_web as fs

Act = Callable[[str, str], None]
SHOWN = {"image/png", "image/jpeg", "image/webp", "image/gif", "image/avif", "image/bmp"}
"""Types that run nothing, were their address opened as a page."""


class Sheet:
    """One view at a time. Pictures that it shows are let go of when it closes."""

    def __init__(self) -> None:
        self._root = document.getElementById("sheet")
        self._parts = Parts(self._root)
        self._act: Act | None = None
        self._on_close: Callable[[], None] | None = None
        self._urls: dict[str, str] = {}
        self._armed: Any = None
        when("click", self._root)(self._on_click)
        when("close", self._root)(self._closed)
        when("error", self._root, capture=True)(lambda event: event.target.remove())  # no picture, after all

    @property
    def is_open(self) -> bool:
        """Whether something is shown."""
        return bool(self._root.open)

    def open(self, title: str, view: Any, act: Act, on_close: Callable[[], None]) -> None:
        """Show the element `view`. `act` is called with a button's action and the `data-row` around it."""
        self._act, self._on_close = act, on_close
        self.name(title)
        self._parts["sheet-body"].replaceChildren(view)
        self.say("")
        self._root.showModal()
        self._parts["sheet-title"].focus()

    def name(self, title: str) -> None:
        """Give what is shown another title."""
        self._parts.write("sheet-title", title)

    def say(self, text: str, *, is_bad: bool = False) -> None:
        """Tell how something ended; screen readers read it."""
        self._parts["sheet-said"].textContent = text
        self._parts["sheet-said"].className = "sheet-said bad" if is_bad else "sheet-said"

    def fill(self, rows_part: Any, rows: list[Any]) -> None:
        """Put other rows into a list. The focus stays at its place in the list, on a button for the same."""
        focused = document.activeElement
        row = focused.closest("[data-row]") if rows_part.contains(focused) else None
        place = list(rows_part.children).index(row) if row else 0
        action = focused.dataset.action if row else ""
        rows_part.replaceChildren(*rows)
        if row and rows and not rows_part.contains(focused):
            now = rows_part.children[min(place, len(rows) - 1)]
            same = now.querySelector(f'[data-action="{action}"]:not([hidden])')
            (same or now.querySelector("button:not([hidden])")).focus()
        self.keep_focus()

    def keep_focus(self) -> None:
        """Give the focus to the title, when what had it is gone."""
        if not self._root.contains(document.activeElement) or document.activeElement.isSameNode(self._root):
            self._parts["sheet-title"].focus()

    def close(self) -> None:
        """Show nothing any more; what was said last can still be heard."""
        document.getElementById("past-said").textContent = self._parts["sheet-said"].textContent
        self._root.close()

    async def show_picture(
        self, frame: Any, file_id: str, content_hash: str, alt: str, *, wait: bool = False
    ) -> None:
        """Show a content in `frame`, when its bytes are on this device; with `wait` once they are."""
        frame.dataset.content = content_hash
        url = await self._url(file_id, content_hash, wait=wait)
        if url is not None and frame.isConnected and frame.dataset.content == content_hash:
            image = document.createElement("img")
            image.decoding, image.alt, image.src = "async", alt, url
            frame.append(image)

    async def _url(self, file_id: str, content_hash: str, *, wait: bool) -> str | None:
        if content_hash not in self._urls:
            try:
                js_file = await fs.read_version(file_id, content_hash, wait=wait)
            except fs.FileSyncError:
                return None  # it is elsewhere
            if js_file.type not in SHOWN:
                return None
            self._urls[content_hash] = str(window.URL.createObjectURL(js_file))
        return self._urls[content_hash]

    def _on_click(self, event: Any) -> None:
        button = event.target.closest("button")
        if self._armed is not None and not self._armed.isSameNode(button):
            self._disarm()
        if not button:
            if event.target.isSameNode(self._root):  # beside the sheet
                self.close()
        elif button.dataset.action == "close":
            self.close()
        elif button.hasAttribute("data-sure") and self._armed is None:
            self._arm(button)
        elif self._act is not None and button.dataset.action:
            self._disarm()
            row = button.closest("[data-row]")
            self._act(button.dataset.action, row.dataset.row if row else "")

    def _arm(self, button: Any) -> None:
        """What cannot be undone takes a second click."""
        self._armed = button
        button.style.minWidth = f"{button.offsetWidth}px"  # what stands beside it stays there
        button.dataset.label, button.textContent = button.textContent, button.dataset.sure
        button.classList.add("armed")

    def _disarm(self) -> None:
        if self._armed is not None:
            self._armed.textContent = self._armed.dataset.label
            self._armed.classList.remove("armed")
            self._armed = None

    def _closed(self, _event: Any) -> None:
        self._armed = self._act = None
        self._parts["sheet-body"].replaceChildren()
        for url in self._urls.values():
            window.URL.revokeObjectURL(url)
        self._urls.clear()
        on_close, self._on_close = self._on_close, None
        if on_close is not None:
            on_close()


def copy_template(name: str) -> tuple[Any, Parts]:
    """A new element of a template of the page, and its parts."""
    root = document.getElementById(name).content.firstElementChild.cloneNode(True)
    return root, Parts(root)

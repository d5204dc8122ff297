"""The folders that names with `/` are in: a path to the one that is shown, and links to those in it.

Which one is shown stands in the address, behind `#/`: its links are links, the browser's Back leads back, and
a reload changes nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote

import wording
from listing import Listing
from pace import Pace
from parts import Parts
from pyscript import document, when, window

ROOT = "#/"
MAX_SHOWN = 200
"""Folders; of more only the first ones, the path and the search lead to the others."""
REST, LONGEST_REST = 20.0, 10.0
"""How long to rest between two looks at all names, as `Pace` has it: they take a while in a large store."""


class Folders:
    """The line above the pictures; it is not there while no name has a slash."""

    def __init__(self, parts: Parts, listing: Listing, on_choose: Callable[[str], None]) -> None:
        self._parts = parts
        self._listing = listing
        self._on_choose = on_choose
        self._root = parts["folders"]
        self._inside: dict[str, int] = {}
        self._read_of = ""  # the folder that these are in
        self._said_of = ""  # the folder that screen readers were told of
        self._shown: tuple[Any, ...] = ()
        self._is_due = False
        self._reading: asyncio.Task[None] | None = None
        self._pace = Pace(self.read, REST, LONGEST_REST)
        self.chosen = ""
        """The folder that is to be shown, with a slash at its end; empty for all pictures."""
        when("hashchange", window)(lambda _event: self.follow_address())

    def follow_address(self) -> None:
        """Show the folder that the address tells."""
        self.chosen = folder_of(str(window.location.hash))
        self._on_choose(self.chosen)
        self.read()

    def changed(self) -> None:
        """Names may have come, gone or changed."""
        self._pace.ask()

    def read(self) -> None:
        """Look for the folders in the chosen one, now or after the look that goes on."""
        self._is_due = True
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        started = time.perf_counter()
        try:
            while self._is_due:
                self._is_due = False
                folder = self.chosen
                self._inside, self._read_of = await self._listing.folders(folder), folder
                self.update()
        finally:
            self._reading = None
            self._pace.took(time.perf_counter() - started)

    def update(self) -> None:
        """Show the path and the folders in it, where they have changed, once they are known."""
        if self._read_of != self.chosen:
            return
        shown = (self.chosen, list(self._inside.items()))
        if shown != self._shown:
            self._shown = shown
            focused = document.activeElement.getAttribute("href") if self._has_focus() else None
            self._parts.write("folders", not (self.chosen or self._inside), "hidden")
            self._parts["folder-path"].replaceChildren(*_path(self.chosen))
            self._parts["folder-list"].replaceChildren(*_chips(self.chosen, self._inside))
            if focused is not None:
                self._focus(focused)
        if self._listing.folder == self.chosen != self._said_of:
            self._said_of = self.chosen
            said = wording.in_folder(self.chosen, self._listing.count, len(self._inside))
            self._parts.write("folder-said", said)

    def _has_focus(self) -> bool:
        return bool(self._root.contains(document.activeElement))

    def _focus(self, address: str) -> None:
        """Give the focus to the link to that folder again; one that was followed is now the path's last."""
        links = {link.getAttribute("href"): link for link in self._root.querySelectorAll("a")}
        (links.get(address) or links[address_of(self.chosen)]).focus(preventScroll=True)


def address_of(folder: str) -> str:
    """Where a link to a folder leads."""
    return ROOT + quote(folder, safe="/", errors="replace")


def folder_of(address: str) -> str:
    """The folder that an address leads to; empty for all pictures."""
    path = unquote(address.removeprefix(ROOT)) if address.startswith(ROOT) else ""
    return path if not path or path.endswith("/") else f"{path}/"


def _path(folder: str) -> list[Any]:
    """A link to each folder on the way, the last one being here."""
    links, way = [_link("", "All files")], ""
    for name in folder.split("/")[:-1]:
        way += f"{name}/"
        links.append(_link(way, wording.clipped(name)))
    links[-1].ariaCurrent = "page"
    return [_element("li", link) for link in links]


def _chips(folder: str, inside: dict[str, int]) -> list[Any]:
    """A link to each folder in it, with how many pictures it has."""
    icon = document.getElementById("folder-icon").content.firstElementChild
    chips = []
    for name, count in list(inside.items())[:MAX_SHOWN]:
        shown = wording.clipped(name)
        number = _element("span")  # the style sheet shows it: what can be heard is in the label
        number.className, number.dataset.count = "quiet", f"{count:,}"
        link = _link(f"{folder}{name}/", icon.cloneNode(True), _element("span", shown), number)
        link.className, link.title, link.ariaLabel = "chip", shown, f"Folder {shown}, {wording.count(count)}"
        chips.append(_element("li", link))
    if len(inside) > MAX_SHOWN:
        chips.append(_element("li", f"and {len(inside) - MAX_SHOWN:,} more"))
    return chips


def _link(folder: str, *content: Any) -> Any:
    link = _element("a", *content)
    link.href = address_of(folder)
    return link


def _element(tag: str, *content: Any) -> Any:
    element = document.createElement(tag)
    element.append(*content)
    return element

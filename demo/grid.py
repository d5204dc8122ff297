"""The grid of cards: those in view and some around them exist, the others are empty space of that height.

A card whose place is known is a blank first. Blanks become cards in passes, one a frame and those in view
first, so that no pass holds up the page, whatever happens to the list. When the list changes above the
screen, what is on the screen stays where it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from anchors import HEADER, Anchors
from cards import Card, CardTemplate
from keyboard import Keyboard
from layout import Layout
from listing import Entry, Listing
from lookups import Lookups, UrlOf
from places import Places
from pyscript import document, ffi, when, window

Percents = Mapping[str, float | None]
PASS = 0.012
"""Seconds that one pass may spend on cards, and then a little for the last one."""


class Grid:
    """The cards of a listing. `ask_frame` asks for a call of `paint` in the next frame."""

    def __init__(self, listing: Listing, url_of: UrlOf, ask_frame: Callable[[], None]) -> None:
        self.cards: dict[str, Card] = {}
        self.broken: set[str] = set()
        """The hashes of contents that the browser could not show."""
        self._root = document.getElementById("cards")
        self._template = CardTemplate(document.getElementById("card-template"))
        self._listing = listing
        self.layout = Layout()
        self.count = 0
        self._entries: dict[str, Entry] = {}
        self._places = Places(self._root)
        self._keyboard = Keyboard(self._root, self, listing)
        self._lookups = Lookups(url_of)
        self._ask_frame = ask_frame
        self._todo: list[str] = []
        self._busy: set[str] = set()
        self._marks: Mapping[str, str] = {}
        self._percents: Percents = {}
        self._online = True
        self._is_outdated = self._is_resized = True
        self._is_measured = False
        self._width = 0.0
        self._anchors = Anchors(self._places)
        self._observer = window.IntersectionObserver.new(ffi.create_proxy(self._on_view))
        window.ResizeObserver.new(ffi.create_proxy(self._on_resize)).observe(self._root)
        when("scroll", document)(lambda _event: ask_frame())
        for event in ("load", "error"):  # of the images: these events do not bubble, but can be captured
            when(event, self._root, capture=True)(self._on_image_settled)

    def on_action(self, act: Callable[[str, str], None]) -> None:
        """Call `act` with the action and the file id of a button that was pressed."""

        def on_click(event: Any) -> None:
            button, card = event.target.closest("[data-action]"), event.target.closest(".card")
            if button and card and not button.disabled:
                act(button.dataset.action, card.dataset.fileId)

        when("click", self._root)(on_click)

    # --- what is to be shown --------------------------------------------------------------------------------

    def refresh(self, *, online: bool) -> None:
        """The files or their states have changed: the next pass reads again what it shows of them."""
        self._online = online
        self._is_outdated = True

    def progress(self, percents: Percents) -> None:
        """Show the progress of transfers; that of a file without a card costs nothing."""
        for file_id in {*percents, *self._percents} & self.cards.keys():
            self.cards[file_id].progress(percents.get(file_id))
        self._percents = percents

    def set_busy(self, file_id: str, busy: bool) -> None:
        """Mark a file's card while it is being edited, also one that it gets later."""
        (self._busy.add if busy else self._busy.discard)(file_id)
        if card := self.cards.get(file_id):
            card.set_busy(busy)

    def mark(self, marks: Mapping[str, str]) -> None:
        """Say something of these files on their cards, which lead to the choice about it; nothing of the
        others."""
        self._marks = marks
        for file_id, card in self.cards.items():
            card.mark(marks.get(file_id, ""))

    def focus(self, file_id: str) -> None:
        """Have the focus on a file's picture; on the grid, when that is not listed."""
        self._keyboard.go_to(file_id, "view")

    def bring_back(self, file_id: str) -> None:
        """Have the bytes of an evicted file on this device again; does nothing for any other file."""
        card = self.cards.get(file_id)
        if card is not None and card.is_on_demand:
            self._lookups.begin(card)

    def place(self, file_id: str) -> int | None:
        """Which of the list a file is, if it has a place on the page."""
        return self._places.place(file_id) if file_id in self._places else None

    # --- painting -------------------------------------------------------------------------------------------

    def paint(self) -> bool:
        """One pass; returns whether the next frame has something to do."""
        until = time.perf_counter() + PASS
        offset = self._offset()
        if self._is_resized:
            self._measure()  # what is to stay where it is was noted before
        else:
            self._anchors.find(offset, self.layout)
        is_changed = self._is_outdated or self._is_resized
        if is_changed:
            self.count = self._listing.count
        in_view = self._in_view(offset, is_changed=is_changed)
        is_moved = is_changed or self.layout.is_outgrown(self._places.window, in_view, self.count)
        self._is_outdated = self._is_resized = False
        if is_moved:
            self._move(in_view)
        if is_moved or self._todo:
            self._fill(in_view, until)
            self._anchors.hold_still(self._offset, self.layout)
            self._keyboard.reach_aim()
        return bool(self._todo) or self._is_resized

    def _in_view(self, offset: float, *, is_changed: bool) -> range:
        """The cards in view; where they are now, when the list may have changed above them."""
        in_view = self.layout.in_view(offset, self.count)
        if is_changed:
            for file_id, top in self._anchors.tops.items():
                place = self._listing.place(file_id)
                if place is not None:
                    there = self.layout.in_view(self.layout.top(place) - top, self.count)
                    return there if place in there else in_view
        return in_view

    def _move(self, in_view: range) -> None:
        """Have places and entries for the window around what is in view."""
        target = self.layout.around(in_view, self.count)
        self._entries = {entry.record.id: entry for entry in self._listing.page(target)}
        with self._keyboard.keeping_its_place():
            for file_id in self.cards.keys() - self._entries.keys():
                card = self.cards.pop(file_id)
                self._observer.unobserve(card.root)
                card.let_go()
            self._places.set(target, list(self._entries), self.layout, self.count)
        self._todo = list(self._entries)

    def _fill(self, in_view: range, until: float) -> None:
        """Make cards of blanks, and bring cards up to date; first the one that gets the focus, and those in
        view."""
        first = {self._keyboard.aim, *self._places.ids(in_view)}
        self._todo.sort(key=lambda file_id: file_id not in first)
        done = 0
        while done < len(self._todo) and time.perf_counter() < until:
            self._show(self._todo[done])
            done += 1
        del self._todo[:done]
        if not self._is_measured:
            self._is_resized = self._measure()

    def _show(self, file_id: str) -> None:
        card = self.cards.get(file_id) or Card(self._template, file_id)
        card.stand(self._places.place(file_id) + 1, self.count)
        if card.update(self._entries[file_id], online=self._online, percent=self._percents.get(file_id)):
            self._lookups.begin(card)
        if file_id not in self.cards:
            card.set_busy(file_id in self._busy)
            card.mark(self._marks.get(file_id, ""))
            self.cards[file_id] = card
            self._places.put(file_id, card.root)
            self._observer.observe(card.root)

    # --- where things are on the screen ---------------------------------------------------------------------

    def scroll_to(self, place: int) -> None:
        """Bring a card of the list, which may not exist yet, to the middle of the screen."""
        middle = (self.layout.height - self.layout.pitch) / 2
        window.scrollBy(0, self.layout.top(place) - self._offset() - middle)
        self._ask_frame()

    def scroll_to_top(self) -> None:
        """Go back to the first card, if the screen is below it."""
        if self._offset() > 0:
            window.scrollBy(0, -self._offset() - HEADER)

    def _offset(self) -> float:
        """How far the grid's top is above the screen's."""
        return -float(self._root.getBoundingClientRect().top)

    def _measure(self) -> bool:
        """Find out how the style sheet lays out the grid, as far as there are cards to tell; whether that is
        another layout than before."""
        style, before = window.getComputedStyle(self._root), self.layout
        columns, gap = len(style.gridTemplateColumns.split()), float(style.rowGap.removesuffix("px"))
        self.layout = replace(before, columns=columns, height=float(window.innerHeight))
        ids = self._places.ids(self._places.window)
        for row, next_row in zip(ids[::columns], ids[columns::columns], strict=False):
            cards = [self.cards.get(file_id) for file_id in ids[ids.index(row) : ids.index(next_row)]]
            if all(card is not None and not card.is_open for card in cards):
                pitch = self._places.top(next_row) - self._places.top(row)
                self.layout = replace(self.layout, pitch=pitch)
                self._root.style.setProperty("--row", f"{pitch - gap:.1f}px")
                self._is_measured = True
                break
        return self.layout != before

    # --- what the browser says ------------------------------------------------------------------------------

    def _on_resize(self, *_args: Any) -> None:
        width, height = float(self._root.clientWidth), float(window.innerHeight)
        if (width, height) != (self._width, self.layout.height):
            self._is_resized, self._is_measured = True, self._is_measured and width == self._width
            self._width = width
            self._ask_frame()

    def _on_view(self, entries: Any, _observer: Any) -> None:
        """Some cards have come into view, or have left it."""
        for entry in entries:
            if entry.isIntersecting:
                self.bring_back(entry.target.dataset.fileId)

    def _on_image_settled(self, event: Any) -> None:
        element = event.target.closest(".card")
        card = self.cards.get(element.dataset.fileId) if element else None
        if card is not None and card.source is not None:
            is_broken = event.type == "error"
            card.settle(is_broken)
            (self.broken.add if is_broken else self.broken.discard)(card.source[0])

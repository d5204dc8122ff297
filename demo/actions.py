"""What the buttons of cards, and of the lists of files, do."""

from __future__ import annotations

from collections.abc import Callable

import space_words
import trouble
from app import Gallery
from background import Start
from cards import Card
from grid import Grid
from kinds import Kind
from messages import Toasts
from past import Past
from pyscript import document
from pyscript.js_modules import images
from viewer import Viewer

import filesync_web as fs


class Actions:
    """Performs an action with a file. Most of them need its card, a few only its id."""

    def __init__(self, gallery: Gallery, grid: Grid, past: Past, toasts: Toasts, start: Start) -> None:
        self._gallery = gallery
        self._grid = grid
        self._past = past
        self._toasts = toasts
        self._start = start
        more = {"versions": self._open_versions, "save": self._save_soon}
        self._viewer = Viewer(gallery.listing, gallery.url, grid.broken, more)
        self._with_card: dict[str, Callable[[Card], None]] = {
            "view": self._view,
            "details": Card.toggle_details,
            "edit": lambda card: start(self._edit(card)),
            "delete": lambda card: start(past.delete(card.file_id, card.metadata.name or "")),
            "conflict": lambda card: past.open_conflicts(card.file_id),
        }
        self._with_id: dict[str, Callable[[str], None]] = {
            **more,
            **{act: self._steering(act) for act in ("retry", "pause", "resume", "cancel")},
            "pin": lambda file_id: start(gallery.space.pin(file_id)),
            "unpin": lambda file_id: start(gallery.space.unpin(file_id)),
            "evict": lambda file_id: start(self._evict(file_id)),
        }

    def act(self, action: str, file_id: str) -> None:
        """Do it; nothing when the file has no card and one is needed."""
        card = self._grid.cards.get(file_id)
        if action in self._with_id:
            self._with_id[action](file_id)
        elif card is not None:
            self._with_card[action](card)

    def _save_soon(self, file_id: str) -> None:
        self._start(self._save(file_id))

    def _open_versions(self, file_id: str) -> None:
        self._past.open_versions(file_id, self._viewer.refresh)

    def _steering(self, act: str) -> Callable[[str], None]:
        return lambda file_id: self._start(self._gallery.steer(act, file_id))

    def _view(self, card: Card) -> None:
        if card.kind not in {Kind.VIDEO, Kind.AUDIO}:  # what is played comes as it is played
            self._grid.bring_back(card.file_id)
        if card.record is not None and card.is_viewable:
            self._viewer.open(card.record, at_once=True)

    async def _edit(self, card: Card) -> None:
        self._grid.set_busy(card.file_id, True)
        try:
            await self._gallery.edit(card.file_id, images.invert)
        except Exception as error:  # a picture that the browser cannot decode is a JsException
            name = card.metadata.name or "The picture"
            self._toasts.show(f"{name} was not changed: {trouble.plain(error)}")
        finally:
            self._grid.set_busy(card.file_id, False)

    async def _save(self, file_id: str) -> None:
        """Offer the file to the browser's downloads."""
        if url := await self._gallery.url(file_id):
            (entry,) = self._gallery.listing.entries([file_id])
            link = document.createElement("a")
            link.href, link.download = url, fs.get_file_metadata(entry.record).name or "file"
            link.click()

    async def _evict(self, file_id: str) -> None:
        try:
            await self._gallery.space.evict(file_id)
        except fs.NotEvictableError as error:
            self._toasts.show(space_words.not_evicted(error))

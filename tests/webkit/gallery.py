"""The gallery in WebKitGTK, as a test sees it: what its cards say, and the gestures of a person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.harness.waiting import wait_until
from tests.harness.webkit import WebKitBrowser, WebKitPage

SLOW = 30.0
"""Seconds to wait for what happens at once on a quiet machine."""

_CARDS = """
() => [...document.querySelectorAll('[data-testid=file-card]')].map((card) => {
    const text = (selector) => card.querySelector(selector)?.textContent ?? '';
    const image = card.querySelector('[data-testid=file-image]');
    return {
        name: text('[data-part=name]'),
        path: text('[data-part=path]'),
        content_hash: text('[data-part=hash]'),
        local_hash: text('[data-testid=file-local-hash]'),
        remote_key: text('[data-testid=file-remote-key]'),
        upload: text('[data-testid=file-upload-status]'),
        download: text('[data-testid=file-download-status]'),
        error: text('[data-part=error]'),
        width: image?.checkVisibility() && image.complete ? image.naturalWidth : 0,
    };
})
"""
_VISIBLE = "(selector) => Boolean(document.querySelector(selector)?.checkVisibility())"
_CLICK = "([selector, index]) => document.querySelectorAll(selector)[index].click()"
_TEXT = "(selector) => document.querySelector(selector).textContent"


@dataclass(frozen=True)
class Card:
    """What a card says; `width` is that of its decoded picture, 0 until there is one."""

    name: str
    path: str
    content_hash: str
    local_hash: str
    remote_key: str
    upload: str
    download: str
    error: str
    width: int

    @property
    def is_synced(self) -> bool:
        """Whether this device has its content, and the remote one is recorded."""
        return self.content_hash == self.local_hash and self.remote_key.endswith(f"/{self.content_hash}")


class Gallery:
    """A tab that shows the gallery."""

    def __init__(self, browser: WebKitBrowser, store_id: str) -> None:
        """Open it, and wait until it is ready."""
        self.page: WebKitPage = browser.new_page()
        self.page.goto(f"/?storeId={store_id}&healthCheckIntervalMs=500")
        self.expect_ready()

    def expect_ready(self) -> None:
        """Wait until the gallery is shown."""
        started = "[data-testid=gallery], #loading.failed"
        self._expect(lambda: self.page.evaluate(_VISIBLE, started), "the gallery is shown", 2 * SLOW)
        failure = self.page.evaluate(_VISIBLE, "#loading.failed") and self.text("#loading-text")
        assert not failure, failure

    def reload(self) -> None:
        """Reload the page."""
        self.page.reload()
        self.expect_ready()

    def text(self, selector: str) -> str:
        """The text of the first element."""
        return str(self.page.evaluate(_TEXT, selector))

    def cards(self) -> list[Card]:
        """What the cards say."""
        return [Card(**card) for card in self.page.evaluate(_CARDS)]

    def add(self, *files: Path) -> None:
        """Choose files, and wait until each has its card."""
        before = len(self.cards())
        self.page.choose_files("#file-input", files)
        self._expect(lambda: len(self.cards()) == before + len(files), "each file has a card")

    def click(self, test_id: str, index: int = 0) -> None:
        """Click the button of the card with that index."""
        self.page.evaluate(_CLICK, [f"[data-testid={test_id}]", index])

    def expect_cards(self, awaited: str, condition: Callable[[Sequence[Card]], bool]) -> list[Card]:
        """Wait until the cards are so; the cards."""
        return self._expect(lambda: cards if condition(cards := self.cards()) else None, awaited) or []

    def expect_synced(self, *widths: int) -> list[Card]:
        """Wait until there are cards with pictures of these widths, here and remote; the cards."""

        def are_synced(cards: Sequence[Card]) -> bool:
            return [card.width for card in cards] == [*widths] and all(card.is_synced for card in cards)

        return self.expect_cards(f"pictures of the widths {widths} are shown and synced", are_synced)

    def expect_headline(self, text: str) -> None:
        """Wait until the headline contains the text."""
        self._expect(lambda: text in self.text(".headline"), f"the headline says {text!r}")

    def _expect(self, condition: Callable[[], object], awaited: str, timeout: float = SLOW) -> object:
        return wait_until(condition, lambda: f"{awaited}; now: {self.cards()}", timeout=timeout)

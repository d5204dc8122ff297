"""The tokens that a tab has sent: what its report leaves out, wherever it stands."""

from __future__ import annotations

from collections.abc import Iterable

MOST = 100
"""Of tokens that change all the time, so many are known."""


class SentTokens:
    """The last ones, not only those of now: an error that is kept may quote one that has been replaced."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._texts: dict[str, None] = {}
        self.add(texts)

    def add(self, texts: Iterable[str]) -> None:
        """These are sent now."""
        for text in texts:
            self._texts.pop(text, None)
            self._texts[text] = None
            if len(self._texts) > MOST:
                del self._texts[next(iter(self._texts))]

    def all(self) -> set[str]:
        """What is known."""
        return set(self._texts)

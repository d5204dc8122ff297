"""What this device remembers of the gallery beside its files: a few words in the browser's local storage."""

from __future__ import annotations

from pyscript import window


class Remembered:
    """A text under a name. Where the browser keeps nothing, it lasts as long as the page."""

    def __init__(self, name: str) -> None:
        self._name = f"filesync-gallery:{name}"
        self._text = ""

    def read(self) -> str:
        """The text; empty when there is none."""
        try:
            return str(window.localStorage.getItem(self._name) or "")
        except Exception:  # a JsException: site data are blocked
            return self._text

    def write(self, text: str) -> None:
        """Keep another text; other tabs read it from then on."""
        self._text = text
        try:
            window.localStorage.setItem(self._name, text)
        except Exception as error:
            window.console.info(f"The browser does not remember {self._name}: {error}")

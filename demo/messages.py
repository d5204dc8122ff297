"""Toasts: short messages in plain words that the reader dismisses."""

from __future__ import annotations

from typing import Any

from pyscript import web, when

MAX_TOASTS = 4


class Toasts:
    """The newest few messages, newest last; a text that is already there is not shown twice."""

    def __init__(self, root: Any) -> None:
        self._root = root
        when("click", root)(self._on_click)

    def show(self, text: str) -> None:
        shown = list(self._root.children)
        if any(toast.dataset.text == text for toast in shown):
            return
        for oldest in shown[: len(shown) + 1 - MAX_TOASTS]:
            oldest.remove()
        close = web.button(
            "\N{MULTIPLICATION SIGN}", type="button", classes="button small round", ariaLabel="Dismiss"
        )
        toast = web.div(web.p(textContent=text), close, classes="toast")
        toast.dataset.text = text
        self._root.append(toast)

    def _on_click(self, event: Any) -> None:
        if event.target.closest("button"):
            event.target.closest(".toast").remove()

"""Toasts: short messages in plain words. What went wrong stays until the reader dismisses it; what can be
done about something that has happened is offered with a button."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyscript import document, web, when

MAX_TOASTS = 4


class Toasts:
    """The newest few messages, newest last; a text that is already there is not shown twice.

    Screen readers read those in `alerts` at once, and those in `notices` when they have come to an end.
    """

    def __init__(self, alerts: Any, notices: Any) -> None:
        self._alerts = alerts
        self._notices = notices
        self._offered: dict[str, tuple[Any, Callable[[], None]]] = {}
        for root in (alerts, notices):
            when("click", root)(self._on_click)

    def show(self, text: str) -> None:
        """Tell what went wrong."""
        shown = list(self._alerts.children)
        if any(toast.dataset.text == text for toast in shown):
            return
        for oldest in shown[: len(shown) + 1 - MAX_TOASTS]:
            oldest.remove()
        toast = web.div(web.p(textContent=text), _close(), classes="toast")
        toast.dataset.text = text
        self._alerts.append(toast)

    def offer(self, key: str, text: str, label: str, accept: Callable[[], None]) -> None:
        """Tell what happened, with a button that calls `accept`; it replaces what has the same key."""
        if key in self._offered:
            toast, _ = self._offered[key]
            toast.querySelector("p").textContent = text
        else:
            button = web.button(label, type="button", classes="button small act")
            toast = web.div(web.p(textContent=text), button, _close(), classes="toast notice")
            toast.dataset.key = key
            self._notices.append(toast)
        self._offered[key] = (toast, accept)

    def withdraw(self, key: str) -> None:
        """Offer that no longer."""
        if key in self._offered:
            had_focus = self.has_focus(key)
            self._offered.pop(key)[0].remove()
            if had_focus:
                document.getElementById("cards").focus(preventScroll=True)

    def has_focus(self, key: str) -> bool:
        """Whether the keyboard is at that offer."""
        focused = document.querySelector(".toast :focus-visible")
        return bool(focused) and focused.closest(".toast").getAttribute("data-key") == key

    def _on_click(self, event: Any) -> None:
        button = event.target.closest("button")
        if not button:
            return
        toast = button.closest(".toast")
        if not toast.hasAttribute("data-key"):
            toast.remove()
        elif button.classList.contains("act"):
            self._offered[toast.dataset.key][1]()
        else:
            self.withdraw(toast.dataset.key)


def _close() -> Any:
    return web.button(
        "\N{MULTIPLICATION SIGN}", type="button", classes="button small round", ariaLabel="Dismiss"
    )

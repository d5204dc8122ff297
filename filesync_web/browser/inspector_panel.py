"""The inspector's elements in the page: a panel at its edge, and a pill in its place while that is collapsed.

They live in a shadow root with a style sheet of its own, so that neither the page's style nor its scripts
meet them. Nothing here evaluates a text, and there are no inline styles: a strict Content-Security-Policy
lets it be. What is shown is HTML that `inspector.html` has made. Works on a page's main thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib.resources import files
from typing import Any

import js
from pyodide.ffi import create_proxy, to_js

from filesync_web.browser.js_util import JsError, call, in_worker, is_none, js_object
from filesync_web.errors import InvalidArgumentError

Section = tuple[str, str, str, str]
"""Key, title, hint and body."""

OnAction = Callable[[str, str], None]
"""Called with what the user asked for (`refresh`, `save`, `copy`, `store`, `find`, `open`), and its value."""

_FRAME = """
<aside class="panel" aria-label="Inspector">
  <header>
    <span class="dot"></span><h2>Inspector <span class="word"></span></h2>
    <button type="button" data-action="copy" aria-label="Copy the report">Copy</button>
    <button type="button" data-action="save" aria-label="Save the report">Save</button>
    <button type="button" class="icon" data-action="collapse" aria-label="Close the inspector">✕</button>
    <select aria-label="Store" data-action="store" hidden></select>
  </header>
  <p class="said" role="status"></p>
  <div class="content"><ul class="findings" aria-label="What may be wrong"></ul></div>
</aside>
<button type="button" class="pill" data-action="open" hidden><span class="dot"></span>Inspector</button>
"""
_SECTION = """
<summary><span class="title"></span><span class="hint"></span></summary><div class="body"></div>
"""
_FIND = """
<div class="find"><input type="search" data-action="find" placeholder="Id, hash or name of a file"
  aria-label="Show the history of files by id, hash or name" autocomplete="off" spellcheck="false"></div>
"""
_HEARD = ("click", "change", "toggle", "keydown")
OPEN_AT_FIRST = {"transfers", "events", "files", "storage"}


class InspectorPanel:
    """One panel. Bodies are written when their section is open, and only where something changed."""

    def __init__(self, stores: Sequence[str], on_action: OnAction, *, is_open: bool) -> None:
        if in_worker() or is_none(getattr(js, "document", None)):
            raise InvalidArgumentError(
                "the inspector is shown by a page's main thread; elsewhere, debug_report() tells the same"
            )
        self._on_action = on_action
        self._bodies: dict[str, str] = {}
        self._written: dict[str, str] = {}
        self._js_sections: dict[str, Any] = {}
        self._is_ended = False
        self._js_host = js.document.createElement("filesync-inspector")
        self._js_root = self._js_host.attachShadow(mode="open")
        js_sheet = js.CSSStyleSheet.new()
        js_sheet.replaceSync((files("filesync_web.inspector") / "inspector.css").read_text(encoding="utf-8"))
        self._js_root.adoptedStyleSheets = to_js([js_sheet])
        self._js_root.innerHTML = _FRAME
        self._js_listener = create_proxy(self._on_event)
        for kind in _HEARD:
            self._js_root.addEventListener(kind, self._js_listener, True)
        self._offer(stores)
        self._set_open(is_open)
        js.document.body.append(self._js_host)

    # --- what it shows

    @property
    def is_in_page(self) -> bool:
        """Whether the page has it still: a script of the page may have taken it out."""
        return bool(self._js_host.isConnected)

    @property
    def is_watched(self) -> bool:
        """Whether somebody may see what it shows."""
        is_open = not self._find("aside").hidden
        return is_open and js.document.visibilityState == "visible"

    def show(self, level: str, word: str, findings: str, sections: Iterable[Section]) -> None:
        """Show how things stand ("good", "wait" or "bad", and a word for it), and the sections."""
        for js_dot in self._js_root.querySelectorAll(".dot"):
            js_dot.className = f"dot {level}"
        self._find(".word").textContent = word
        self._write("findings", self._find(".findings"), findings)
        for key, title, hint, body in sections:
            js_section = self._js_sections.get(key) or self._add(key, title)
            self._bodies[key] = body
            js_hint = js_section.querySelector(".hint")
            if js_hint.textContent != hint:
                js_hint.textContent = hint
            self._write_body(key)

    def say(self, text: str) -> None:
        """Tell how something ended; screen readers read it."""
        self._find(".said").textContent = text

    def open(self) -> None:
        """Show the panel, with the focus."""
        self._set_open(True)
        self._find("[data-action=collapse]").focus()

    def collapse(self) -> None:
        """Show the pill in its place."""
        had_focus = not is_none(self._js_root.activeElement)
        self._set_open(False)
        if had_focus:
            self._find(".pill").focus()

    def remove(self) -> None:
        """Take it out of the page, if it is there still, and end it. Does nothing the second time."""
        self._js_host.remove()
        if not self._is_ended:
            self._is_ended = True
            for kind in _HEARD:
                self._js_root.removeEventListener(kind, self._js_listener, True)
            self._js_listener.destroy()

    # --- what it gives away

    def save(self, name: str, text: str) -> None:
        """Let the browser save a text as a file."""
        js_blob = js.Blob.new(to_js([text]), js_object({"type": "application/json"}))
        url = js.URL.createObjectURL(js_blob)
        js_link = js.document.createElement("a")
        js_link.href, js_link.download = url, name
        js_link.click()
        js.setTimeout(js.URL.revokeObjectURL.bind(js.URL, url), 60_000)

    async def copy(self, text: str) -> bool:
        """Put a text into the clipboard; whether the browser lets us."""
        js_clipboard = getattr(js.navigator, "clipboard", None)
        if is_none(js_clipboard):
            return False
        try:
            await call(js_clipboard, "writeText", text)
        except JsError:
            return False
        return True

    # --- inside

    def _find(self, selector: str) -> Any:
        return self._js_root.querySelector(selector)

    def _set_open(self, is_open: bool) -> None:
        self._find("aside").hidden = not is_open
        self._find(".pill").hidden = is_open

    def _offer(self, stores: Sequence[str]) -> None:
        js_select = self._find("select")
        js_select.hidden = len(stores) < 2
        for number, store in enumerate(stores):
            js_select.append(js.Option.new(store, str(number)))

    def _add(self, key: str, title: str) -> Any:
        js_section = js.document.createElement("details")
        js_section.className = "section"
        js_section.dataset.section = key
        js_section.open = key in OPEN_AT_FIRST
        js_section.innerHTML = _SECTION
        js_section.querySelector(".title").textContent = title
        if key == "files":
            js_section.firstElementChild.insertAdjacentHTML("afterend", _FIND)
        self._find(".content").append(js_section)
        self._js_sections[key] = js_section
        return js_section

    def _write_body(self, key: str) -> None:
        js_section = self._js_sections[key]
        if js_section.open:
            self._write(key, js_section.lastElementChild, self._bodies[key])

    def _write(self, key: str, js_body: Any, html: str) -> None:
        """Write HTML where it changed; what is unfolded, scrolled, selected or has the focus stays so."""
        if self._written.get(key) == html or self._is_selected(js_body):
            return
        self._written[key] = html
        unfolded = {js_open.dataset.key for js_open in js_body.querySelectorAll("details[open]")}
        scrolled = [js_list.scrollTop for js_list in js_body.querySelectorAll(".rows")]
        js_focused = js_body.querySelector("details:has(> summary:focus)")
        focused = None if is_none(js_focused) else js_focused.dataset.key
        js_body.innerHTML = html
        for js_details in js_body.querySelectorAll("details"):
            js_details.open = js_details.dataset.key in unfolded
            if js_details.dataset.key == focused:
                js_details.firstElementChild.focus()
        for js_list, top in zip(js_body.querySelectorAll(".rows"), scrolled, strict=False):
            js_list.scrollTop = top

    def _is_selected(self, js_body: Any) -> bool:
        """Whether a text in it is selected, which may be about to be copied."""
        js_owner = self._js_root if hasattr(self._js_root, "getSelection") else js.document
        js_selection = js_owner.getSelection()
        if is_none(js_selection) or js_selection.type != "Range":
            return False
        return bool(js_body.contains(js_selection.anchorNode))

    def _on_event(self, js_event: Any) -> None:
        js_target = js_event.target
        if js_event.type == "keydown":
            if js_event.key == "Escape":
                self.collapse()
        elif js_event.type == "toggle":
            if js_target.className == "section":
                self._write_body(js_target.dataset.section)
        elif not is_none(js_button := js_target.closest("[data-action]")):
            is_button = js_button.tagName == "BUTTON"
            if is_button is (js_event.type == "click"):
                self._act(js_button.dataset.action, "" if is_button else str(js_button.value))

    def _act(self, action: str, value: str) -> None:
        if action == "collapse":
            self.collapse()
            return
        if action == "open":
            self.open()
        self._on_action(action, value)

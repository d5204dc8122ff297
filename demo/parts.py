"""Named elements of a piece of the page, written to only where a value changed: crossing to JavaScript costs.

They are the browser's own elements: wrapping each in a `pyscript.web` object takes fifteen times as long.
"""

from __future__ import annotations

from typing import Any


class Parts:
    """The elements under `root` that have a `data-part`, a `data-testid` or an `id`, by that name."""

    def __init__(self, root: Any) -> None:
        found = root.querySelectorAll("[data-part], [data-testid], [id]")
        self._elements = {_name(part): part for part in found}
        self._written: dict[tuple[str, str], Any] = {}

    def __getitem__(self, name: str) -> Any:
        return self._elements[name]

    def write(self, name: str, value: Any, attribute: str = "textContent") -> None:
        """Set an attribute, or with `style.<property>` a style, of a part."""
        if self._written.get((name, attribute)) == value:
            return
        self._written[name, attribute] = value
        part = self._elements[name]
        if attribute.startswith("style."):
            part.style.setProperty(attribute.removeprefix("style."), value)
        else:
            setattr(part, attribute, value)


def _name(part: Any) -> str:
    name = part.getAttribute("data-part") or part.getAttribute("data-testid") or part.id
    return str(name)

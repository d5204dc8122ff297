"""Named elements of a piece of the page, written to only where a value changed: crossing to JavaScript costs.

They are the browser's own elements: wrapping each in a `pyscript.web` object takes fifteen times as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

SELECTOR = "[data-part], [data-testid], [id]"


class Parts:
    """The elements under `root` that have a `data-part`, a `data-testid` or an `id`, by that name.

    `names` are theirs in the order of the page, where they are known: of many copies of a template.
    """

    def __init__(self, root: Any, names: Sequence[str] | None = None) -> None:
        found = root.querySelectorAll(SELECTOR)
        self._elements = dict(zip(names or map(_name, found), found, strict=True))
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


def names_of(root: Any) -> list[str]:
    """The names of the parts under `root`, in the order of the page."""
    return [_name(part) for part in root.querySelectorAll(SELECTOR)]


def _name(part: Any) -> str:
    name = part.getAttribute("data-part") or part.getAttribute("data-testid") or part.id
    return str(name)

"""Takes out of a report what nobody else may read: tokens, what signs a URL, and contents of files.

Two nets, since a token may stand in any error message, an app's or a server's. What this process has sent
as a token is known, and is taken out wherever it stands. And some things are secrets by their looks: the
query of a URL, a bearer token, a JSON Web Token, what follows `password=`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

GONE = "…"
"""What stands in a secret's place."""

SHORTEST_TOKEN = 5
"""Characters: what is shorter protects nothing, and would be found in other words."""

_SIGHTS = (
    (re.compile(r"\bdata:[^\s\"'<>]+"), f"data:{GONE}"),
    (re.compile(r"(//)[^\s/@\"'<>]+@"), rf"\1{GONE}@"),
    (re.compile(r"(//[^\s?#\"'<>]*)[?#][^\s\"'<>]*"), rf"\1?{GONE}"),
    (re.compile(r"[?&#][^\s\"'<>=]+=[^\s\"'<>]*"), f"?{GONE}"),
    (re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]{6,}", re.IGNORECASE), rf"\1 {GONE}"),
    (re.compile(r"\beyJ[\w-]{6,}\.[\w-]+(\.[\w-]*)?"), GONE),
    (
        re.compile(
            r"((?:token|secret|passw(?:or)?d|api[_-]?key|authorization|signature|credential|cookie)"
            r"[\"']?\s*[:=]\s*)(\"[^\"]*\"|'[^']*'|[^\s\"',;}]+)",
            re.IGNORECASE,
        ),
        rf"\1{GONE}",
    ),
)


class Redaction:
    """Cleans values of JSON. `tokens`: what is known to be secret."""

    def __init__(self, tokens: Iterable[str] = ()) -> None:
        known = sorted({token for token in tokens if len(token) >= SHORTEST_TOKEN}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def text(self, text: str) -> str:
        """A text without secrets."""
        if self._known is not None:
            text = self._known.sub(GONE, text)
        for sight, instead in _SIGHTS:
            text = sight.sub(instead, text)
        return text

    def value(self, value: Any) -> Any:
        """The same of all texts in a value, keys included."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(key): self.value(member) for key, member in value.items()}
        if isinstance(value, list):
            return [self.value(member) for member in value]
        return value

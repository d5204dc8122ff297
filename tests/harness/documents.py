"""The fragments of Python in the documents, for tests that run them as they stand there."""

from __future__ import annotations

import re

from tools.common import ROOT

_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def fragments(page: str) -> list[str]:
    """Those of `docs/<page>.md`, in their order."""
    return _BLOCK.findall((ROOT / "docs" / f"{page}.md").read_text())


def fragment(page: str, words: str) -> str:
    """The only one of the page that has these words."""
    (found,) = [text for text in fragments(page) if words in text]
    return found

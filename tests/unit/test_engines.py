"""What the browsers of the tests are started with."""

from __future__ import annotations

import re
from pathlib import Path

import playwright

from tests.harness.engines import PLAYWRIGHT_DISABLES

BUNDLE = Path(playwright.__file__).parent / "driver/package/lib/coreBundle.js"


def test_what_playwright_turns_off_in_chromium_is_off() -> None:
    found = re.search(r"^ *disabledFeatures = \[(.*?)\]", BUNDLE.read_text(), re.DOTALL | re.MULTILINE)
    assert found
    names = re.findall(r'^ *"(\w+)",?$', found[1], re.MULTILINE)
    assert sorted(names) == sorted(PLAYWRIGHT_DISABLES)

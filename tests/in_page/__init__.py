"""What functions that run in a page share: these modules are in every test page, under the same names.

`kept` holds what later functions of the same page need, until it is reloaded.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

kept: Any = SimpleNamespace()

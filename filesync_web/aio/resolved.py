"""What an app may give as a value or as a function that is asked for it: tokens, headers, handlers."""

from __future__ import annotations

import inspect
from typing import Any


async def resolved(source: Any, *args: Any) -> Any:
    """The value of `source`: itself, or what it answers to `args` when it is a function, plain or async.

    Raises whatever the function raises. JavaScript's functions and promises count as well.
    """
    value = source(*args) if callable(source) else source
    return await value if inspect.isawaitable(value) else value

"""What a report says of the place where a process runs; no paths, which tell who its user is."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

PACKAGES = ("httpx", "websockets", "pillow", "fsspec")


async def describe_process() -> dict[str, Any]:
    """The system and the versions of the packages that the kit uses, None for what is not installed."""
    return {
        "system": platform.platform(),
        "python": platform.python_implementation(),
        "packages": {name: _version(name) for name in PACKAGES},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None

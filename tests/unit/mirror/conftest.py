"""A device, and two folders that are mirrored with its store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from filesync_web.mirror.decisions.limit import NO_LIMIT
from tests.unit.mirror.scene import Device, MirroredFolder, new_device


@pytest.fixture
async def device(tmp_path: Path) -> AsyncIterator[Device]:
    async with new_device(tmp_path / "data") as device:
        yield device


@pytest.fixture
def folder(device: Device, tmp_path: Path) -> MirroredFolder:
    return MirroredFolder(device, tmp_path / "folder", limit=NO_LIMIT)


@pytest.fixture
def other(device: Device, tmp_path: Path) -> MirroredFolder:
    return MirroredFolder(device, tmp_path / "other", limit=NO_LIMIT)

"""The contract of what keeps thumbnails, on the fake in memory and on a directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from filesync_web.native.blobs import DirectoryBlobStore
from filesync_web.native.thumbnails import DirectoryThumbnails
from filesync_web.testing import MemoryBlobStore, MemoryThumbnails
from tests.contract.thumbnails import ThumbnailsContract


class TestMemoryThumbnails(ThumbnailsContract):
    @pytest.fixture
    def blobs(self) -> MemoryBlobStore:
        return MemoryBlobStore()

    @pytest.fixture
    def thumbnails(self, blobs: MemoryBlobStore) -> MemoryThumbnails:
        return MemoryThumbnails(blobs)


class TestDirectoryThumbnails(ThumbnailsContract):
    @pytest.fixture
    def blobs(self, tmp_path: Path) -> DirectoryBlobStore:
        return DirectoryBlobStore(tmp_path, "store")

    @pytest.fixture
    def thumbnails(self, tmp_path: Path) -> DirectoryThumbnails:
        return DirectoryThumbnails(tmp_path, "store")

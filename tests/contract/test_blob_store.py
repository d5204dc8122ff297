"""The contract of a blob store, on the fake in memory and on a directory."""

from __future__ import annotations

import pytest

from tests.contract.blob_store import BlobStoreContract
from tests.contract.worlds import DirectoryWorld, MemoryWorld


class TestMemoryBlobStore(BlobStoreContract):
    @pytest.fixture
    def world(self, memory_world: MemoryWorld) -> MemoryWorld:
        return memory_world


class TestDirectoryBlobStore(BlobStoreContract):
    @pytest.fixture
    def world(self, directory_world: DirectoryWorld) -> DirectoryWorld:
        return directory_world

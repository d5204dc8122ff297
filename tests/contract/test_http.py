"""The contract of an HTTP adapter, on the held network and on httpx."""

from __future__ import annotations

import pytest

from tests.contract.http import HttpContract
from tests.contract.worlds import DirectoryWorld, MemoryWorld


class TestHeldHttp(HttpContract):
    @pytest.fixture
    def world(self, memory_world: MemoryWorld) -> MemoryWorld:
        return memory_world


class TestHttpxHttp(HttpContract):
    @pytest.fixture
    def world(self, directory_world: DirectoryWorld) -> DirectoryWorld:
        return directory_world

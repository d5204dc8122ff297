"""Fixtures of the server's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from filesync_server.embedded import EmbeddedStore
from tests.server.postgres_server import PostgresServer, postgres_server
from tests.server.s3_server import S3Server, s3_server
from tests.server.support import Clock, Deployment, deployed, embedded_app


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A real S3 server."""
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL."""
    with postgres_server() as server:
        yield server


@pytest.fixture
async def database(postgres: PostgresServer) -> str:
    """The URL of an empty PostgreSQL database."""
    return await postgres.new_database()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def embedded(tmp_path: Path, clock: Clock) -> Iterator[EmbeddedStore]:
    store = EmbeddedStore(tmp_path / "objects", clock=clock)
    yield store
    store.directory.close()


@pytest.fixture
async def plane(embedded: EmbeddedStore) -> AsyncIterator[Deployment]:
    """The embedded store behind a real server."""
    async with deployed(embedded_app(embedded), embedded) as deployment:
        yield deployment

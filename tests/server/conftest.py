"""Fixtures of the server's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from filesync_server import Compose, Hub, SqliteStorage, create_sync_backend, token_auth
from filesync_server.objects.embedded import EmbeddedStore
from tests.interop.signer_process import SignerProcess
from tests.server.deployments import (
    OWN,
    REFERENCE,
    own_deployment,
    reference_deployment,
    reference_signer,
)
from tests.server.postgres_server import PostgresServer, postgres_server
from tests.server.s3_server import S3Server, s3_server
from tests.server.support import DATA, KEY, TOKEN, Clock, Deployment, deployed, embedded_app, serving


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


@pytest.fixture
async def stored(plane: Deployment) -> Deployment:
    """The embedded store behind a real server, with the picture `KEY`."""
    assert (await plane.put(KEY, DATA, contentType="image/png")).status_code == 200
    return plane


@pytest.fixture
async def hub(tmp_path: Path, clock: Clock) -> AsyncIterator[Hub]:
    """The stores of event logs in an SQLite file."""
    hub = Hub(SqliteStorage(tmp_path / "sync.sqlite", clock=clock))
    yield hub
    await hub.close()


@pytest.fixture
async def url(hub: Hub) -> AsyncIterator[str]:
    """The origin of a server with the hub's sync backend at `/sync`."""
    sync = create_sync_backend(hub, authenticate=token_auth(TOKEN))
    async with serving(Compose({"/sync": sync})) as url:
        yield url


@pytest.fixture(scope="session")
def reference_s3(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SignerProcess]:
    """livestore-filesync's signer for S3."""
    with reference_signer(tmp_path_factory.mktemp("signer"), s3) as process:
        yield process


@pytest.fixture(scope="session")
def reference_r2(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SignerProcess]:
    """livestore-filesync's signer for R2."""
    with reference_signer(tmp_path_factory.mktemp("signer"), None) as process:
        yield process


@asynccontextmanager
async def _deployment(request: pytest.FixtureRequest) -> AsyncIterator[Deployment]:
    kind = request.param
    if kind in OWN:
        s3 = request.getfixturevalue("s3") if kind == "s3" else None
        running = own_deployment(request.getfixturevalue("tmp_path"), s3)
    else:
        running = reference_deployment(request.getfixturevalue(kind), REFERENCE[kind])
    async with running as deployment:
        yield deployment


@pytest.fixture(params=OWN)
async def own(request: pytest.FixtureRequest) -> AsyncIterator[Deployment]:
    """Each of this kit's signers."""
    async with _deployment(request) as deployment:
        yield deployment


@pytest.fixture(params=REFERENCE)
async def reference(request: pytest.FixtureRequest) -> AsyncIterator[Deployment]:
    """Each of livestore-filesync's signers."""
    async with _deployment(request) as deployment:
        yield deployment


@pytest.fixture(params=[*OWN, *REFERENCE])
async def deployment(request: pytest.FixtureRequest) -> AsyncIterator[Deployment]:
    """Every signer that has to fulfil the contract."""
    async with _deployment(request) as deployment:
        yield deployment

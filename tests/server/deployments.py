"""The signers that must fulfil the contract: this kit's over each of its stores, and livestore-filesync's.

A `Deviation` names what a signer does otherwise than the contract says; tests expect exactly that of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from enum import Enum
from pathlib import Path

import httpx

from filesync_server import Compose, ObjectStore, create_signer, token_auth
from filesync_server.objects.embedded import EmbeddedStore
from tests.interop.signer_process import SignerProcess
from tests.server.s3_server import ACCESS_KEY, BUCKET, SECRET_KEY, S3Server
from tests.server.support import TIMEOUT, TOKEN, Deployment, deployed, embedded_app


class Deviation(Enum):
    LAX_KEYS = "signs keys with empty segments, control characters or more than 1,024 bytes"
    NO_KEY_RULES = "signs empty keys and keys with `..`, whose URLs are for another object"
    LAX_FIELDS = "ignores contentType and contentLength, whatever they are; uploads are not bound to them"
    STATUS_401 = "answers a URL of another key or method with 401, not 403"
    PLAIN_404 = "leaves unknown routes to the app, whose 404 is no JSON"
    NO_RANGES = "ignores Range: the answer is the whole object"


_S3 = frozenset({Deviation.LAX_KEYS, Deviation.LAX_FIELDS, Deviation.PLAIN_404})
_R2 = _S3 | {Deviation.NO_KEY_RULES, Deviation.STATUS_401, Deviation.NO_RANGES}
OWN = ("embedded", "s3")
REFERENCE = {"reference_r2": _R2, "reference_s3": _S3}


@asynccontextmanager
async def own_deployment(folder: Path, s3: S3Server | None) -> AsyncIterator[Deployment]:
    """This kit's signer, over a directory or over the S3 server."""
    store: ObjectStore
    if s3 is None:
        store = EmbeddedStore(folder / "objects")
        app = embedded_app(store)
    else:
        store = s3.store(prefix=folder.name)
        app = Compose({"/api": create_signer(store, authenticate=token_auth(TOKEN))})
    async with deployed(app, store) as deployment:
        yield deployment
    await store.close()


@asynccontextmanager
async def reference_deployment(
    process: SignerProcess, deviations: frozenset[Deviation]
) -> AsyncIterator[Deployment]:
    """A running signer of livestore-filesync."""
    # workerd closes a connection when an answer did not need the request's body.
    limits = httpx.Limits(max_keepalive_connections=0)
    async with httpx.AsyncClient(timeout=TIMEOUT, limits=limits) as client:
        yield Deployment(process.url, client, deviations=deviations)


@contextmanager
def reference_signer(folder: Path, s3: S3Server | None) -> Iterator[SignerProcess]:
    """@livestore-filesync/s3-signer in front of the S3 server, or @livestore-filesync/r2 with its bucket."""
    if s3 is None:
        process = SignerProcess(folder, "r2", TOKEN)
    else:
        bindings = {"S3_ENDPOINT": s3.endpoint, "S3_REGION": "us-east-1", "S3_BUCKET": BUCKET}
        bindings |= {"S3_ACCESS_KEY_ID": ACCESS_KEY, "S3_SECRET_ACCESS_KEY": SECRET_KEY}
        process = SignerProcess(folder, "s3", TOKEN, S3_FORCE_PATH_STYLE="true", **bindings)
    process.start()
    try:
        yield process
    finally:
        process.stop()

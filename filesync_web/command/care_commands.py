"""`filesync orphans`, `doctor` and `report`: what to do when something is not as it should be."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from filesync_web.command.cli import Json, common_of, tell_server, use_store
from filesync_web.command.console import Console, shown_time
from filesync_web.command.failures import ExitCode
from filesync_web.command.probes import Probes, SignerAnswer, probing
from filesync_web.command.session import Session
from filesync_web.command.settings import Settings
from filesync_web.core.shown_size import shown_size
from filesync_web.errors import FileSyncError

MAX_SKEW = 300.0
"""Seconds; object stores of S3's kind refuse signatures from 15 minutes on."""
LITTLE_SPACE = 500_000_000
"""Bytes."""
REPORT_PATIENCE = 10.0
"""Seconds in which a report learns what is new at the server, if it can."""


def orphans(
    context: typer.Context,
    recover: Annotated[
        str | None, typer.Option(metavar="HASH", help="Save the bytes as a file again.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The name of the file to recover.")] = None,
    drop: Annotated[str | None, typer.Option(metavar="HASH", help="Remove the bytes for good.")] = None,
    as_json: Json = False,
) -> None:
    """List the bytes on this device whose files have vanished without a deletion, or recover or drop some.

    Example: filesync orphans --recover 5891b5b5... --name notes.txt
    """
    console = Console(as_json=as_json)

    async def use(session: Session) -> None:
        if recover is not None:
            saved = await session.files.recover_orphan(recover, name=name)
            console.result({"id": saved.file_id}, f"recovered\t{saved.file_id}")
            await tell_server(session, console, no_wait=False)
        elif drop is not None:
            await session.files.drop_orphan(drop)
            console.result({"dropped": drop}, f"dropped\t{drop}")
        else:
            await _list_orphans(session, console)

    use_store(context, use)


async def _list_orphans(session: Session, console: Console) -> None:
    found = await session.files.list_orphans()
    value = [
        {
            "content_hash": orphan.content_hash,
            "size": orphan.size,
            "since": shown_time(orphan.since),
            "name": orphan.metadata.name,
        }
        for orphan in found
    ]
    rows = [
        (
            orphan.content_hash,
            shown_size(orphan.size),
            shown_time(orphan.since) or "?",
            orphan.metadata.name or "",
        )
        for orphan in found
    ]
    console.table(value, ("hash", "size", "since", "name"), rows)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look of the doctor has found; `advice` is "" when all is well."""

    what: str
    is_well: bool
    says: str
    advice: str = ""


def doctor(context: typer.Context, as_json: Json = False) -> None:
    """Look at everything that a sync needs, and say what is wrong and what to do.

    Signer, token, object store for pages (CORS), sync backend, clock, space and rights of the data folder,
    versions.

    Example: filesync doctor
    """
    console = Console(as_json=as_json)
    findings = asyncio.run(_examine(common_of(context).settings()))
    lines = []
    for finding in findings:
        lines.append(f"{'ok     ' if finding.is_well else 'PROBLEM'}  {finding.what}: {finding.says}")
        if finding.advice:
            lines.append(f"         {finding.advice}")
    console.result([asdict(finding) for finding in findings], *lines)
    if not all(finding.is_well for finding in findings):
        raise typer.Exit(ExitCode.PROBLEMS)


async def _examine(settings: Settings) -> list[Finding]:
    async with probing(settings) as probes:
        findings = [finding async for finding in _server(settings, probes)]
    return [*findings, _space(settings.data_dir), _versions()]


async def _server(settings: Settings, probes: Probes) -> AsyncIterator[Finding]:
    try:
        answer = await probes.signer()
    except FileSyncError as error:
        yield Finding("signer", False, str(error), "start the server, or log in with its right URL")
    else:
        yield Finding(
            "signer", True, f"{settings.signer} offers {', '.join(answer.features) or 'nothing more'}"
        )
        yield _clock(answer)
        try:
            signed = await probes.signed_download()
        except FileSyncError as error:
            yield Finding("token", False, str(error), "log in again with the right token: filesync login")
        else:
            yield Finding("token", True, "the signer takes it")
            yield await _cors(settings, probes, signed)
    try:
        await probes.sync()
    except FileSyncError as error:
        advice = "check the URL and the token, and that a proxy in between lets WebSockets through"
        yield Finding("sync backend", False, str(error), advice)
    else:
        yield Finding("sync backend", True, f"{settings.sync} lets this device in")


def _clock(answer: SignerAnswer) -> Finding:
    try:
        there = parsedate_to_datetime(answer.date).timestamp()
    except (TypeError, ValueError):
        return Finding("clock", True, "the server does not tell its time")
    skew = time.time() - there
    if abs(skew) <= MAX_SKEW:
        return Finding("clock", True, f"{abs(skew):.0f} s beside that of the server")
    advice = "set the clock of this device: signed requests are refused with a wrong one"
    return Finding(
        "clock", False, f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the server", advice
    )


async def _cors(settings: Settings, probes: Probes, signed: str) -> Finding:
    """Whether pages of the server's origin may use the object store; it matters for browsers only."""
    origin, store = (f"{url.scheme}://{url.netloc}" for url in map(urlsplit, (settings.url, signed)))
    if origin == store:
        return Finding("object store", True, f"{store} is the server itself, so that pages need no CORS")
    try:
        allowed = await probes.cors(signed, origin)
    except FileSyncError as error:
        return Finding("object store", False, str(error), "check that this device can reach the object store")
    if allowed:
        return Finding("object store", True, f"{store} lets pages of {origin} in")
    advice = f"allow GET and PUT from {origin} with all headers in the CORS rules of the bucket"
    return Finding("object store", False, f"{store} does not let pages of {origin} in", advice)


def _space(data_dir: Path) -> Finding:
    folder = next(path for path in (data_dir.absolute(), *data_dir.absolute().parents) if path.exists())
    if not os.access(folder, os.W_OK):
        return Finding(
            "data folder", False, f"{folder} cannot be written", "change its rights, or --data-dir"
        )
    free = shutil.disk_usage(folder).free
    says = f"{data_dir} has {shown_size(free)} free"
    if free < LITTLE_SPACE:
        return Finding("data folder", False, says, "make room, or use another disk with --data-dir")
    return Finding("data folder", True, says)


def _versions() -> Finding:
    packages = {name: _version_of(name) for name in ("filesync-web", "httpx", "websockets")}
    packages |= {"Python": platform.python_version(), "SQLite": sqlite3.sqlite_version}
    return Finding("versions", True, ", ".join(f"{name} {number}" for name, number in packages.items()))


def _version_of(name: str) -> Any:
    try:
        return version(name)
    except PackageNotFoundError:
        return "of a checkout"


def report(
    context: typer.Context,
    names: Annotated[bool, typer.Option("--names", help="With the names of files.")] = False,
) -> None:
    """Write what this device knows of the store as JSON, for a bug report: without tokens, contents of files,
    queries of URLs and, unless they are asked for, the names of files.

    Example: filesync report > report.json
    """

    async def use(session: Session) -> None:
        with suppress(FileSyncError, TimeoutError):  # the report tells of it
            await asyncio.wait_for(session.connect(), REPORT_PATIENCE)
        Console(as_json=True).result(await session.files.debug_report(names=names))

    use_store(context, use)


def add_to(app: typer.Typer) -> None:
    """Give the command line these commands."""
    app.command()(orphans)
    app.command()(doctor)
    app.command()(report)

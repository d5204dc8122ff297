"""What all commands of `filesync` share: their flags, and how they open a store and end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import typer

from filesync_web.command.console import Console
from filesync_web.command.failures import InterruptedCommandError
from filesync_web.command.session import OFFLINE_ERRORS, Session, open_session
from filesync_web.command.settings import Flags, Settings, load_settings
from filesync_web.errors import SyncAuthError

T = TypeVar("T")

Json = Annotated[bool, typer.Option("--json", help="Write the result as one JSON value.")]
NoWait = Annotated[
    bool, typer.Option("--no-wait", help="Do not wait for the server: a later command tells it.")
]
FileName = Annotated[
    str, typer.Argument(metavar="FILE", help="Id, name or hash, or the beginning of id or hash.")
]
FileNames = Annotated[
    list[str], typer.Argument(metavar="FILE...", help="Ids, names or hashes, or the beginning of id or hash.")
]


@dataclass(frozen=True, slots=True)
class Common:
    """What the flags before the command say."""

    flags: Flags = field(default_factory=Flags)

    def settings(self) -> Settings:
        """Raises `SettingsError` when there are none yet."""
        return load_settings(self.flags)


def common_of(context: typer.Context) -> Common:
    """What the flags before this command say."""
    return context.obj if isinstance(context.obj, Common) else Common()


def use_store(
    context: typer.Context,
    use: Callable[[Session], Awaitable[T]],
    *,
    downloads: Literal["eager", "on_demand"] = "on_demand",
) -> T:
    """Open the store, use it, close it."""
    settings = common_of(context).settings()

    async def used() -> T:
        async with open_session(settings, downloads=downloads) as session:
            return await use(session)

    try:
        return asyncio.run(used())
    except KeyboardInterrupt:
        raise InterruptedCommandError(
            "interrupted: what was saved is kept, and 'filesync sync' goes on with it"
        ) from None


async def offline_reason(session: Session) -> Exception | None:
    """Learn what is new at the server; returns why that cannot be had. Raises the errors of a refused token:
    with it nothing is to be begun."""
    try:
        await session.connect()
    except SyncAuthError:
        raise
    except OFFLINE_ERRORS as error:
        return error
    return None


async def freshen(session: Session, console: Console) -> None:
    """Learn what is new at the server; without it, go on with what this device knows, and say so.

    Raises the errors of a refused token.
    """
    error = await offline_reason(session)
    if error is not None:
        console.note(f"offline, so this is what this device knows: {error}")


async def tell_server(session: Session, console: Console, *, no_wait: bool) -> None:
    """Wait until the server knows what was done, unless nobody wants that. Raises as `Session.connect`."""
    if no_wait:
        return
    try:
        await session.until_confirmed()
    except OFFLINE_ERRORS:
        console.note("done on this device; the server gets to know it with the next command that reaches it")
        raise


def configure_logging(*, verbose: bool) -> None:
    """Warnings to standard error, with `verbose` more; never URLs of requests, which may be signed."""
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(levelname)s: %(message)s")
    for chatty in ("httpx", "httpcore", "websockets", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def existing(paths: list[Path]) -> list[Path]:
    """The paths, once all of them are known to be there; else it is a wrong use."""
    for path in paths:
        if not path.exists():
            raise typer.BadParameter(f"{path} does not exist")
    return paths

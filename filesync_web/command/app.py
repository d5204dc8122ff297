"""The command line of `filesync`: its commands, and how an error becomes a sentence and an exit code."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from filesync_web.command import (
    archive_commands,
    care_commands,
    file_commands,
    mirror_command,
    store_commands,
    version_commands,
)
from filesync_web.command.cli import Common, Json, common_of, configure_logging
from filesync_web.command.console import Console, shown
from filesync_web.command.failures import ExitCode, SettingsError, exit_code_of
from filesync_web.command.probes import probing
from filesync_web.command.settings import (
    DEFAULT_STORE,
    Flags,
    Settings,
    checked_token,
    checked_url,
    save_settings,
    with_flags,
)
from filesync_web.errors import FileSyncError

EXAMPLES = """\
Examples:

  filesync login https://files.example

  filesync put holiday/ notes.txt

  filesync ls --long

  filesync get notes.txt -o copy.txt

Exit codes: 0 done, 1 failed, 2 wrong use, 3 no settings, 4 refused (the token), 5 the server does not answer,
6 no such file, 7 not everything was transferred, 8 this device's storage, 9 doctor found problems,
130 interrupted. Environment: FILESYNC_URL, FILESYNC_TOKEN, FILESYNC_STORE, FILESYNC_DATA_DIR,
FILESYNC_CONFIG_DIR.
"""

app = typer.Typer(
    name="filesync",
    help="Files that are saved here first, and synced with a filesync server and its other devices.",
    epilog=EXAMPLES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
file_commands.add_to(app)
store_commands.add_to(app)
mirror_command.add_to(app)
archive_commands.add_to(app)
version_commands.add_to(app)
care_commands.add_to(app)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"filesync {version('filesync-web')}")
        raise typer.Exit


@app.callback()
def common(
    context: typer.Context,
    store: Annotated[str | None, typer.Option(help="The store to use, instead of that of the login.")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="The folder for this device's copy of the store.", file_okay=False)
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say what is being done.")] = False,
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Say it.")] = False,
) -> None:
    """Keep what the flags before the command say."""
    configure_logging(verbose=verbose)
    context.obj = Common(Flags(store, data_dir))


@app.command()
def login(  # noqa: PLR0917 - a flag each
    context: typer.Context,
    url: Annotated[str, typer.Argument(help="The server, such as https://files.example")] = "",
    token_file: Annotated[
        Path | None, typer.Option(help="A file with the token; - is standard input. Else you are asked.")
    ] = None,
    sync_url: Annotated[str | None, typer.Option(help="The sync backend, when it is not URL/sync.")] = None,
    signer_url: Annotated[str | None, typer.Option(help="The signer, when it is not URL/api.")] = None,
    no_keyring: Annotated[
        bool,
        typer.Option("--no-keyring", help="Keep the token in the settings, not in the system's keyring."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Keep the server and the token for the next commands, once both were checked.

    The token is never taken from the command line, which others can read. It is kept in the system's keyring
    when the package `keyring` is there, else in a file that only you can read.

    Example: filesync --store gallery login https://files.example
    """
    console = Console(as_json=as_json)
    url = url or typer.prompt("Server (such as https://files.example)", err=True)
    settings = Settings(
        url=checked_url(url),
        token=checked_token(_token(token_file)),
        store=DEFAULT_STORE,
        sync_url=checked_url(sync_url) if sync_url else None,
        signer_url=checked_url(signer_url) if signer_url else None,
    )
    settings = with_flags(settings, common_of(context).flags)
    asyncio.run(_check(settings))
    file = save_settings(settings, use_keyring=not no_keyring)
    value = {"url": settings.url, "store": settings.store, "settings": str(file)}
    console.result(value, f"logged in to {settings.url}, store {settings.store!r}")


async def _check(settings: Settings) -> None:
    async with probing(settings) as probes:
        await probes.access()


def _token(file: Path | None) -> str:
    if file is None:
        token: str = typer.prompt("Token", hide_input=True, err=True)
        return token
    try:
        return sys.stdin.readline() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise SettingsError(f"the token cannot be read from {file}: {error}") from error


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; why it failed is on standard error."""
    try:
        app(list(arguments), prog_name="filesync")
    except SystemExit as ended:  # typer's way to end, also after it has said what is wrong with the arguments
        return ended.code if isinstance(ended.code, int) else ExitCode.DONE
    except BrokenPipeError:  # the reader has seen enough
        sys.stderr.close()
        return ExitCode.DONE
    except (FileSyncError, OSError) as error:
        lines = str(error).splitlines() or [type(error).__name__]
        typer.echo("\n".join(["filesync: " + shown(lines[0]), *map(shown, lines[1:])]), err=True)
        return exit_code_of(error)
    return ExitCode.DONE

"""What the settings amount to, in words: for the server's first line, and for `filesync-server check-config`.

Nothing secret is in it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import TextIO
from urllib.parse import urlsplit

from .config import (
    DEVELOPMENT_TOKEN,
    SECRETS,
    SYNC_FILE,
    ConfigError,
    Settings,
    add_flags,
    settings_from,
)


def check_config(
    arguments: Sequence[str], environment: Mapping[str, str], target: TextIO, errors: TextIO = sys.stderr
) -> int:
    """`filesync-server check-config`: print each setting as it would be used, and what they amount to.

    Returns 0, or 2 for settings that cannot work, with the reason on `errors`.
    """
    parser = argparse.ArgumentParser(
        prog="filesync-server check-config",
        description="Say what the settings are, wherever they come from, and whether they can work.",
        allow_abbrev=False,
    )
    add_flags(parser, [setting.name for setting in fields(Settings)])
    try:
        settings = settings_from(parser.parse_args(arguments), environment)
    except ConfigError as error:
        errors.write(f"filesync-server: {error}\n")
        return 2
    target.writelines(
        f"{setting.name} = {_shown(setting.name, getattr(settings, setting.name))}\n"
        for setting in fields(Settings)
    )
    target.write("\n")
    target.writelines(f"{name}: {value}\n" for name, value in described(settings).items())
    target.writelines(f"warning: {warning}\n" for warning in _warnings(settings))
    return 0


def start_line(settings: Settings) -> str:
    """Where everything is, and who may come in."""
    return "; ".join(f"{name}: {value}" for name, value in described(settings).items())


def described(settings: Settings) -> dict[str, str]:
    """The facts that somebody who runs the server looks for first."""
    return {
        "data folder": str(settings.data.resolve()),
        "storage": _storage(settings),
        "sync database": _database(settings),
        "who may come in": _admitted(settings),
        "pages of": ", ".join(["this origin", *settings.allowed_origins]),
    }


def _storage(settings: Settings) -> str:
    if settings.storage == "embedded":
        return "embedded, in the data folder"
    at = settings.s3_endpoint or f"AWS, {settings.s3_region}"
    public = f", for clients at {settings.s3_public_endpoint}" if settings.s3_public_endpoint else ""
    return f"S3 bucket {settings.s3_bucket} at {at}{public}"


def _database(settings: Settings) -> str:
    if settings.sync_database is None:
        return f"SQLite, {(settings.data / SYNC_FILE).resolve()}"
    try:
        url = urlsplit(settings.sync_database)
    except ValueError:
        return "PostgreSQL"
    return f"PostgreSQL, {url.hostname or 'this machine'}{url.path}"


def _admitted(settings: Settings) -> str:
    ways = []
    if settings.token == DEVELOPMENT_TOKEN:
        ways.append("whoever has the development token, which everybody knows, to every store")
    elif settings.token is not None:
        ways.append("whoever has the token, to every store")
    if settings.tokens is not None:
        ways.append("whoever has one of the tokens, each to its stores")
    if settings.jwt_key is not None:
        end = "" if settings.jwt_require_exp else ", with or without an end"
        ways.append(f"JSON Web Tokens ({', '.join(settings.jwt_algorithms)}{end}), each to its stores")
    return "; ".join(ways)


def _shown(name: str, value: object) -> str:
    if name in SECRETS:
        return "(not set)" if value is None else "(set)"
    if isinstance(value, tuple):
        return ", ".join(value) or "(none)"
    return "(none)" if value is None else str(value)


def _warnings(settings: Settings) -> Iterator[str]:
    if "*" in settings.allowed_origins:
        yield "allowed_origins: pages of every site may ask this server"
    if settings.hosts is None:
        yield "allowed_hosts and public_url are not set: the server answers to every host name"
    if settings.public_url and settings.public_url.startswith("http:"):
        yield "public_url is not https: browsers keep no files and start no service worker there"

"""The settings of the `filesync-server` command: read, merged and validated.

Each comes from, first found: the command line, the environment (`FILESYNC_<NAME>`), the TOML file
(`--config`), the default. Secrets come from the environment or the file only, since a command line can be
read by others, and are never shown: not by `repr`, not in messages.
"""

from __future__ import annotations

import argparse
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..shared.tokens import MIN_LENGTH
from .reach import how_others_reach, is_loopback
from .rules import rules_of_parts

DEVELOPMENT_TOKEN = "dev-token-change-in-production"  # noqa: S105
"""What a server on loopback uses when no token is configured. Known to everybody, so refused anywhere
else."""
MIN_TOKEN_LENGTH = MIN_LENGTH
_MIN_KEY_LENGTH = 32
OBJECTS_FOLDER = "objects"
"""The embedded store in the data directory."""
SYNC_FILE = "sync.sqlite"
"""The event logs in the data directory."""
USAGE_FILE = "usage.sqlite"
"""What was uploaded by whom, in the data directory, where that is counted."""
SECRETS = frozenset(
    {"auth_token", "jwt_key", "metrics_token", "s3_access_key", "s3_secret_key", "sync_database", "tokens"}
)
"""Settings that have no flag and are never shown."""

_IN_FILES = ("auth_token", "tokens", "jwt_key")
"""Secrets that a file may hold, which the setting `<name>_file` names."""
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_HOST = re.compile(r"(\*\.)?[^\s/:@*]+|[0-9A-Fa-f:.]+")

HELP = {
    "host": "address to listen on",
    "port": "port to listen on; 0 takes a free one",
    "data": "directory of objects and event logs",
    "site": "directory of a static site to serve at /",
    "cross_origin_isolation": "lets the site's pages share memory with workers: off, require-corp or"
    " credentialless",
    "api_path": "path of the signer",
    "files_path": "path of the embedded data plane",
    "sync_path": "path of the sync backend",
    "auth_token": "bearer token of signer, data plane and sync, for everything in all stores",
    "auth_token_file": "file that holds the token",
    "tokens": "more tokens as TOML, each with its stores and rights",
    "tokens_file": "file that holds these tokens",
    "jwt_key": "shared secret, or public key in PEM, of JSON Web Tokens that may come in",
    "jwt_key_file": "file that holds the key",
    "jwt_algorithms": "what such tokens are signed with, commas between",
    "jwt_audience": "who they have to be for (aud)",
    "jwt_issuer": "whose they have to be (iss)",
    "jwt_require_exp": "false: they need no end (exp)",
    "allowed_origins": "other origins whose pages may use this server, with commas between",
    "allowed_headers": "request headers that such pages may send as well, with commas between",
    "allowed_hosts": "host names to answer to, with commas between; *.example.org for all below it",
    "public_url": "scheme and host under which clients reach this server",
    "url_lifetime": "seconds for which a signed URL is good",
    "max_upload_bytes": "largest single upload to the embedded data plane",
    "max_store_bytes": "most bytes of all objects of a store",
    "max_store_files": "most objects of a store",
    "max_user_bytes": "most bytes of all that one identity has uploaded",
    "max_user_files": "most objects that one identity has uploaded",
    "storage": "where objects are kept: embedded (in the data directory) or s3",
    "s3_bucket": "bucket of the object store",
    "s3_endpoint": "URL of an S3-compatible service; without it AWS",
    "s3_public_endpoint": "where clients reach it, when that is not s3_endpoint",
    "s3_region": "region to sign for",
    "s3_access_key": "access key; without it botocore looks where AWS tools do",
    "s3_secret_key": "secret key",
    "s3_path_style": "true: the bucket is in the path, not in the host name",
    "s3_checksums": "true: uploads are bound to their SHA-256; false for a store that refuses such headers",
    "s3_prefix": "goes before every key",
    "sync_database": "postgresql:// URL of the event logs; without it they are in the data directory",
    "tls_certificate": "PEM file of the certificate chain",
    "tls_key": "PEM file of the certificate's key",
    "workers": "processes that answer; more than one needs sync_database",
    "trusted_proxies": "addresses whose X-Forwarded-* headers count, with commas between",
    "idle_timeout": "seconds without a byte after which a connection is closed",
    "shutdown_timeout": "seconds that running requests get at the end",
    "metrics_token": "bearer token for /metrics, which is not there without one",
    "log_level": "debug, info, warning or error",
    "log_format": "text or json",
}


class ConfigError(Exception):
    """The settings cannot work; the message says which, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that `filesync-server` can be told. Durations are seconds; `HELP` says what each means."""

    host: str = "127.0.0.1"
    port: int = 8000
    data: Path = Path(".data")
    site: Path | None = None
    cross_origin_isolation: str = "off"
    api_path: str = "/api"
    files_path: str = "/livestore-filesync-files"
    sync_path: str = "/sync"
    auth_token: str | None = field(default=None, repr=False)
    auth_token_file: Path | None = None
    tokens: str | None = field(default=None, repr=False)
    tokens_file: Path | None = None
    jwt_key: str | None = field(default=None, repr=False)
    jwt_key_file: Path | None = None
    jwt_algorithms: tuple[str, ...] = ("HS256",)
    jwt_audience: str | None = None
    jwt_issuer: str | None = None
    jwt_require_exp: bool = True
    allowed_origins: tuple[str, ...] = ()
    allowed_headers: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    public_url: str | None = None
    url_lifetime: float = 900.0
    max_upload_bytes: int = 5 * 1024**3
    max_store_bytes: int | None = None
    max_store_files: int | None = None
    max_user_bytes: int | None = None
    max_user_files: int | None = None
    storage: str = "embedded"
    s3_bucket: str | None = None
    s3_endpoint: str | None = None
    s3_public_endpoint: str | None = None
    s3_region: str = "us-east-1"
    s3_access_key: str | None = field(default=None, repr=False)
    s3_secret_key: str | None = field(default=None, repr=False)
    s3_path_style: bool = False
    s3_checksums: bool = True
    s3_prefix: str = ""
    sync_database: str | None = field(default=None, repr=False)
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    workers: int = 1
    trusted_proxies: str = "127.0.0.1"
    idle_timeout: float = 60.0
    shutdown_timeout: float = 10.0
    metrics_token: str | None = field(default=None, repr=False)
    log_level: str = "info"
    log_format: str = "text"

    @property
    def token(self) -> str | None:
        """The token for everything; None where there are others, and none of that kind."""
        if self.auth_token is not None or self.tokens is not None or self.jwt_key is not None:
            return self.auth_token
        return DEVELOPMENT_TOKEN

    @property
    def hosts(self) -> tuple[str, ...] | None:
        """The host names to answer to. None: to all, since nobody said how clients reach this server."""
        if self.public_url is None and not self.allowed_hosts and not is_loopback(self.host):
            return None
        own = [] if self.public_url is None else [urlsplit(self.public_url).hostname or ""]
        return (*self.allowed_hosts, *own, self.host)


def load_settings(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Merge and validate. Raises ConfigError; argparse exits by itself on `--help` and unknown flags."""
    parser = argparse.ArgumentParser(
        prog="filesync-server",
        description="Signer, data plane, sync and site.",
        epilog="'filesync-server admin --help' says how to list, export, import, back up and verify what it"
        " has; 'check-config' prints the settings, 'check-storage' tries the object store.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"filesync-server {version('filesync-web')}")
    add_flags(parser, [setting.name for setting in fields(Settings)])
    return settings_from(parser.parse_args(arguments), environment)


def add_flags(parser: argparse.ArgumentParser, names: Sequence[str]) -> None:
    """A flag for each of these settings that is no secret, and `--config`."""
    parser.add_argument("--config", type=Path, help="TOML file with these settings, names with _ for -")
    for setting in fields(Settings):
        if setting.name in names and setting.name not in SECRETS:
            flag = f"--{setting.name.replace('_', '-')}"
            parser.add_argument(flag, dest=setting.name, help=_help(setting))


def settings_from(parsed: argparse.Namespace, environment: Mapping[str, str]) -> Settings:
    """Merge the flags with the rest and validate. Raises ConfigError."""
    found: dict[str, Any] = _read_file(parsed.config) if parsed.config else {}
    for setting in fields(Settings):
        variable = f"FILESYNC_{setting.name.upper()}"
        if variable in environment:
            found[setting.name] = environment[variable]
        if getattr(parsed, setting.name, None) is not None:
            found[setting.name] = getattr(parsed, setting.name)
    settings = Settings(**{name: _convert(name, value) for name, value in found.items()})
    _check_site(settings, parsed.config)
    return _validated(settings)


def _help(setting: Field[Any]) -> str:
    default = "" if setting.default in {None, ()} else f" (default: {setting.default})"
    return f"{HELP[setting.name]}{default}"


def _read_file(path: Path) -> dict[str, Any]:
    try:
        found = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ConfigError(f"the config file {path} cannot be read: {error}") from error
    unknown = found.keys() - {setting.name for setting in fields(Settings)}
    if unknown:
        raise ConfigError(f"the config file {path} has unknown settings: {', '.join(sorted(unknown))}")
    return found


def _convert(name: str, value: Any) -> Any:
    """The setting's type out of text or TOML. The value is not repeated in the error: it may be secret."""
    kind = Settings.__annotations__[name].removesuffix(" | None")
    try:
        return _CONVERTERS[kind](value)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ConfigError(f"the setting {name} is not a valid {kind}") from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _boolean(value: Any) -> bool:
    return value if isinstance(value, bool) else {"true": True, "false": False}[value.lower()]


def _items(value: Any) -> tuple[str, ...]:
    items = value.split(",") if isinstance(value, str) else list(value)
    return tuple(item.strip() for item in items if item.strip())


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "str": _text,
    "bool": _boolean,
    "int": int,
    "float": float,
    "Path": Path,
    "tuple[str, ...]": _items,
}


def _validated(settings: Settings) -> Settings:
    secrets: dict[str, Any] = {name: _secret_of(settings, name) for name in _IN_FILES}
    settings = replace(settings, **secrets)
    for works, otherwise in _rules(settings):
        if not works:
            raise ConfigError(otherwise)
    origins = [*settings.allowed_origins]
    if settings.public_url is not None:
        origins.append(settings.public_url)
    for origin in origins:
        if origin != "*" and not _is_origin(origin):
            raise ConfigError(f"{origin!r} is not an origin: scheme://host[:port], nothing behind it")
    _check_token(settings)
    return settings


def _check_site(settings: Settings, config: Path | None) -> None:
    """Keep what is private out of what everybody can read. Raises ConfigError."""
    if settings.site is None:
        return
    site = settings.site.resolve()
    private = {
        "data directory": settings.data,
        "token file": settings.auth_token_file,
        "file of tokens": settings.tokens_file,
        "file of the tokens' key": settings.jwt_key_file,
        "key of the certificate": settings.tls_key,
        "config file": config,
    }
    for what, path in private.items():
        if path is not None and path.resolve().is_relative_to(site):
            raise ConfigError(
                f"the {what} {path} is inside of the site {settings.site}, which everybody can read: keep it"
                " somewhere else"
            )
    if site.is_relative_to((settings.data / OBJECTS_FOLDER).resolve()):
        raise ConfigError(f"the site {settings.site} is inside of the data directory's objects")


def _rules(new: Settings) -> list[tuple[bool, str]]:
    """What must hold, and what to say when it does not."""
    tls_alone = (new.tls_certificate is None) != (new.tls_key is None)
    s3_alone = (new.s3_access_key is None) != (new.s3_secret_key is None)
    return [
        (0 <= new.port <= 65535, "the setting port must be between 0 and 65535"),
        (new.site is None or new.site.is_dir(), f"the site directory {new.site} does not exist"),
        (1 <= new.url_lifetime <= 7 * 24 * 3600, "url_lifetime must be between 1 second and 7 days"),
        (new.max_upload_bytes > 0, "max_upload_bytes must be positive"),
        *(
            ((getattr(new, name) or 0) >= 0, f"{name} must not be negative")
            for name in ("max_store_bytes", "max_store_files", "max_user_bytes", "max_user_files")
        ),
        (new.shutdown_timeout >= 0, "shutdown_timeout must not be negative"),
        (new.idle_timeout > 0, "idle_timeout must be positive"),
        (all(map(_HEADER.fullmatch, new.allowed_headers)), "allowed_headers are names of headers"),
        (all(map(_HOST.fullmatch, new.allowed_hosts)), "allowed_hosts are names without scheme and port"),
        (not tls_alone, "tls_certificate and tls_key are needed together"),
        (new.storage in {"embedded", "s3"}, "the setting storage must be embedded or s3"),
        (new.storage != "s3" or bool(new.s3_bucket), "storage = s3 needs the setting s3_bucket"),
        (new.workers > 0, "the setting workers must be positive"),
        (
            new.workers == 1 or new.sync_database is not None,
            f"workers = {new.workers} needs the setting sync_database: event logs in SQLite are served by one"
            " process, for the others would not hear of what is pushed to it",
        ),
        *rules_of_parts(new),
        (
            new.jwt_key is None or len(new.jwt_key) >= _MIN_KEY_LENGTH,
            f"jwt_key must have at least {_MIN_KEY_LENGTH} characters",
        ),
        (not s3_alone, "s3_access_key and s3_secret_key are needed together"),
        (
            new.log_level in {"debug", "info", "warning", "error"},
            "the setting log_level must be debug, info, warning or error",
        ),
    ]


def _secret_of(settings: Settings, name: str) -> str | None:
    """A secret of the settings, or of its file."""
    secret: str | None = getattr(settings, name)
    file: Path | None = getattr(settings, f"{name}_file")
    if file is None:
        return secret
    if secret is not None:
        raise ConfigError(f"set either {name} or {name}_file, not both")
    try:
        return file.read_text().strip()
    except (OSError, ValueError) as error:
        raise ConfigError(f"the setting {name}_file cannot be read: {error}") from error


def _check_token(settings: Settings) -> None:
    token = settings.token
    if token is None:
        return
    if not token.isascii() or not token.isprintable() or not token.strip():
        raise ConfigError("the token must be printable ASCII and not empty")
    is_weak = token == DEVELOPMENT_TOKEN or len(token) < MIN_TOKEN_LENGTH
    reached = how_others_reach(
        settings.host, settings.public_url, settings.allowed_hosts, settings.allowed_origins
    )
    if is_weak and reached:
        raise ConfigError(
            f"{reached}, so the server needs a token of its own of at least {MIN_TOKEN_LENGTH} characters:"
            " set FILESYNC_AUTH_TOKEN, or tokens or jwt_key"
        )


def _is_origin(text: str) -> bool:
    parts = urlsplit(text)
    return (
        parts.scheme in {"http", "https"}
        and bool(parts.netloc)
        and text == f"{parts.scheme}://{parts.netloc}"
    )

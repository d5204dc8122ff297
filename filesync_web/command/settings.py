"""Where the store is and who we are: from flags, the environment, and what `filesync login` has kept.

The file is this user's alone (rights 0600). The token is in it, or in the system's keyring; it never comes
from a flag, since others of this machine can read the command line of a process.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import platformdirs

from filesync_web.command import keyring
from filesync_web.command.failures import SettingsError
from filesync_web.core.paths import check_store_id
from filesync_web.native.data_dir import APP_NAME, default_data_dir

DEFAULT_STORE = "gallery"
"""That of the gallery in `demo/`."""
_PRIVATE_FOLDER = 0o700


@dataclass(frozen=True, slots=True)
class Settings:
    """One store of one server. `data_dir`: where this device keeps its events and bytes."""

    url: str
    token: str = field(repr=False)
    store: str = DEFAULT_STORE
    sync_url: str | None = None
    signer_url: str | None = None
    data_dir: Path = field(default_factory=default_data_dir)

    @property
    def sync(self) -> str:
        """The URL of the sync backend."""
        return self.sync_url or f"{self.url}/sync"

    @property
    def signer(self) -> str:
        """The URL of the signer."""
        return self.signer_url or f"{self.url}/api"


@dataclass(frozen=True, slots=True)
class Flags:
    """What the flags before the command say; None where they say nothing."""

    store: str | None = None
    data_dir: Path | None = None


def settings_file(environment: Mapping[str, str] = os.environ) -> Path:
    """Where the settings are kept."""
    folder = environment.get("FILESYNC_CONFIG_DIR") or platformdirs.user_config_dir(APP_NAME)
    return Path(folder) / "settings.json"


def load_settings(flags: Flags, environment: Mapping[str, str] = os.environ) -> Settings:
    """Merge flags, environment (`FILESYNC_URL`, `_TOKEN`, `_STORE`, `_DATA_DIR`) and file, in this order.

    Raises `SettingsError` when there is no URL or no token, or when something of it cannot be used.
    """
    kept = _read(settings_file(environment))
    url = environment.get("FILESYNC_URL") or kept.get("url")
    if not url:
        raise SettingsError("there is no server yet: run 'filesync login URL', or set FILESYNC_URL")
    url = checked_url(url)
    token = environment.get("FILESYNC_TOKEN") or _kept_token(kept, url)
    if not token:
        raise SettingsError(f"there is no token for {url}: run 'filesync login', or set FILESYNC_TOKEN")
    is_kept = url == kept.get("url")  # the addresses of one server are not those of another
    data_dir = flags.data_dir or environment.get("FILESYNC_DATA_DIR") or kept.get("data_dir")
    return Settings(
        url=url,
        token=token,
        store=checked_store(
            flags.store or environment.get("FILESYNC_STORE") or kept.get("store") or DEFAULT_STORE
        ),
        sync_url=kept.get("sync_url") if is_kept else None,
        signer_url=kept.get("signer_url") if is_kept else None,
        data_dir=Path(data_dir).expanduser() if data_dir else default_data_dir(),
    )


def save_settings(
    settings: Settings, *, use_keyring: bool, environment: Mapping[str, str] = os.environ
) -> Path:
    """Keep them for the next commands, readable for this user only; returns the file. Raises `SettingsError`.

    With `use_keyring`, the token goes into the system's keyring where there is one.
    """
    in_keyring = use_keyring and keyring.keep_token(settings.url, settings.token)
    members = {
        "url": settings.url,
        "store": settings.store,
        "sync_url": settings.sync_url,
        "signer_url": settings.signer_url,
        "data_dir": None if settings.data_dir == default_data_dir() else str(settings.data_dir.absolute()),
        "token": None if in_keyring else settings.token,
    }
    path = settings_file(environment)
    try:
        _write_private(path, {name: value for name, value in members.items() if value is not None})
    except OSError as error:
        raise SettingsError(f"the settings cannot be kept in {path}: {error}") from error
    return path


def checked_url(url: str) -> str:
    """The URL without a slash at its end; raises `SettingsError` for what is none of http."""
    parts = urlsplit(url.strip())
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise SettingsError(f"{url!r} is no URL of a server: it looks like https://files.example")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise SettingsError("the URL of the server has neither user nor token nor query in it")
    return url.strip().rstrip("/")


def checked_token(token: str) -> str:
    """The token without the space around it; raises `SettingsError` for one that cannot be sent."""
    token = token.strip()
    if not token or not token.isascii() or not token.isprintable():
        raise SettingsError("the token is printable ASCII, and not empty")
    return token


def checked_store(store: str) -> str:
    """The id of a store; raises `SettingsError`."""
    try:
        return check_store_id(store)
    except ValueError as error:
        raise SettingsError(str(error)) from error


def with_flags(settings: Settings, flags: Flags) -> Settings:
    """The settings of a login, with what the flags before the command say."""
    store = checked_store(flags.store) if flags.store else settings.store
    return replace(settings, store=store, data_dir=flags.data_dir or settings.data_dir)


def _kept_token(kept: Mapping[str, Any], url: str) -> str | None:
    """The token that belongs to that server, and to no other."""
    if url != kept.get("url"):
        return None
    return kept.get("token") or keyring.find_token(url)


def _read(path: Path) -> dict[str, Any]:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"the settings in {path} cannot be read: {error}; run 'filesync login'"
        ) from error
    if not isinstance(kept, dict) or not all(isinstance(value, str) for value in kept.values()):
        raise SettingsError(f"the settings in {path} are damaged: run 'filesync login' again")
    return kept


def _write_private(path: Path, members: Mapping[str, str]) -> None:
    """Put the file in place as a whole, and nobody else can read it at any moment."""
    path.parent.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".settings-")  # has the rights 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(members, file, indent=2)
            file.write("\n")
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise

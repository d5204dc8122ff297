"""The settings of the command `filesync`, and where the token is kept."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from filesync_web.command.failures import ExitCode, SettingsError, exit_code_of
from filesync_web.command.settings import Flags, Settings, checked_url, load_settings, save_settings
from filesync_web.errors import AuthError, FileSyncError, NetworkError, QuotaExceededError, SyncAuthError


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"FILESYNC_CONFIG_DIR": str(tmp_path / "config")}


class FakeKeyring:
    def __init__(self, priority: float) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self._priority = priority

    def get_keyring(self) -> SimpleNamespace:
        return SimpleNamespace(priority=self._priority)

    def set_password(self, service: str, user: str, password: str) -> None:
        self.kept[service, user] = password

    def get_password(self, service: str, user: str) -> str | None:
        return self.kept.get((service, user))


SETTINGS = Settings("https://files.example", "secret-token", "shelf")


@pytest.mark.parametrize(("priority", "in_keyring"), [(5, True), (0, False)], ids=["works", "is none"])
def test_the_token_is_in_the_keyring_where_one_works(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, priority: float, in_keyring: bool
) -> None:
    keyring = FakeKeyring(priority)
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    file = save_settings(SETTINGS, use_keyring=True, environment=environment)
    assert ("token" in json.loads(file.read_text())) is not in_keyring
    assert bool(keyring.kept) is in_keyring
    assert load_settings(Flags(), environment) == SETTINGS


def test_flags_go_before_the_environment_and_that_before_the_file(environment: dict[str, str]) -> None:
    save_settings(SETTINGS, use_keyring=False, environment=environment)
    environment["FILESYNC_STORE"] = "of-environment"
    assert load_settings(Flags(), environment).store == "of-environment"
    assert load_settings(Flags(store="of-flag"), environment).store == "of-flag"


def test_a_token_is_given_to_its_own_server_only(environment: dict[str, str]) -> None:
    save_settings(SETTINGS, use_keyring=False, environment=environment)
    environment["FILESYNC_URL"] = "https://other.example"
    with pytest.raises(SettingsError, match=r"no token for https://other\.example"):
        load_settings(Flags(), environment)


@pytest.mark.parametrize(
    "url", ["", "files.example", "ftp://files.example", "https://me:pw@files.example", "https://a.example/?b"]
)
def test_what_is_no_url_of_a_server_is_refused(url: str) -> None:
    with pytest.raises(SettingsError):
        checked_url(url)


@pytest.mark.parametrize("text", ["no json", "[]", '{"url": 7}'])
def test_damaged_settings_are_said(environment: dict[str, str], text: str) -> None:
    folder = Path(environment["FILESYNC_CONFIG_DIR"])
    folder.mkdir()
    (folder / "settings.json").write_text(text)
    with pytest.raises(SettingsError, match="filesync login"):
        load_settings(Flags(), environment)


def test_the_token_is_not_in_what_is_shown_of_the_settings() -> None:
    assert "secret-token" not in repr(SETTINGS)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingsError(), ExitCode.SETTINGS),
        (AuthError(""), ExitCode.REFUSED),
        (SyncAuthError(), ExitCode.REFUSED),
        (NetworkError(""), ExitCode.UNREACHABLE),
        (QuotaExceededError(), ExitCode.STORAGE),
        (FileSyncError(), ExitCode.FAILED),
        (OSError(), ExitCode.FAILED),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_has_its_exit_code(error: Exception, code: ExitCode) -> None:
    assert exit_code_of(error) is code

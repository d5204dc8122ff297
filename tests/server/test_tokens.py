"""Tokens that are written down, and the settings that say who may come in."""

from __future__ import annotations

import time
from pathlib import Path

import jwt
import pytest
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from filesync_server import ALL_RIGHTS, Identity
from filesync_server.command.access import authentication
from filesync_server.command.config import DEVELOPMENT_TOKEN, ConfigError, Settings, load_settings
from filesync_server.shared.identity import identify
from filesync_server.shared.tokens import read_tokens

ANN = "the-token-of-ann"
TOKENS = f'ann = {{token = "{ANN}", stores = {{ann = ["read", "write"], team = ["read"]}}}}'
KEY = "a-shared-secret-of-at-least-32-bytes"


async def who(settings: Settings, token: str) -> str:
    """The name of who comes in with the token, "" for nobody."""
    request = HTTPConnection({"type": "http", "headers": [(b"authorization", f"Bearer {token}".encode())]})
    try:
        return (await identify(authentication(settings), request)).name
    except HTTPException as error:
        return "" if error.status_code == 401 else str(error)


def test_a_table_is_an_identity() -> None:
    text = f"""
        {TOKENS}
        [operations]
        token = "the-token-of-operations"
        stores = ["*"]
        expires_at = 2027-01-01T00:00:00Z
        [nobody]
        token = "the-token-of-nobody"
        stores = []
    """
    assert read_tokens(text) == {
        ANN: Identity("ann", {"ann": ["read", "write"], "team": ["read"]}),
        "the-token-of-operations": Identity("operations", {"*": ALL_RIGHTS}, expires_at=1798761600.0),
        "the-token-of-nobody": Identity("nobody", {}),
    }


@pytest.mark.parametrize(
    "text",
    [
        "ann = 1",
        'ann = {token = "a-secret-that-is-long"}',
        'ann = {stores = ["a"]}',
        'ann = {token = "a-secret-that-is-long", stores = "a"}',
        'ann = {token = "a-secret-that-is-long", stores = ["a b"]}',
        'ann = {token = "a-secret-that-is-long", stores = {a = ["all"]}}',
        'ann = {token = "a-secret-that-is-long", stores = ["a"], rights = ["read"]}',
        'ann = {token = "a-secret-that-is-long", stores = ["a"], expires_at = 2027-01-01}',
        'ann = {token = "a-secret-that-is-long", stores = ["a"], expires_at = 2027-01-01T00:00:00}',
        'ann = {token = "secret-short", stores = ["a"]}',
        'ann = {token = " a-secret-that-is-long", stores = ["a"]}',
        'ann = {token = "a-secret-that-is-löng", stores = ["a"]}',
        'ann = {token = ["a-secret"], stores = ["a"]}',
        "\n".join(f'{name} = {{token = "a-secret-that-is-long", stores = []}}' for name in ("ann", "bob")),
        'ann = {token = "a-secret-that-is-long" stores = ["a"]}',
        '"" = {token = "a-secret-that-is-long", stores = ["a"]}',
    ],
)
def test_what_is_no_list_of_tokens_is_refused_without_telling_one(text: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - it says different things, and none of them a token
        read_tokens(text)
    assert "secret" not in str(error.value)


async def test_tokens_come_from_the_environment_or_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "tokens.toml"
    file.write_text(TOKENS)
    for settings in (
        load_settings([], {"FILESYNC_TOKENS": TOKENS}),
        load_settings(["--tokens-file", str(file)], {}),
        load_settings(["--tokens-file", str(file), "--host", "0.0.0.0"], {}),
    ):
        assert await who(settings, ANN) == "ann"
        assert await who(settings, DEVELOPMENT_TOKEN) == ""
        assert ANN not in repr(settings)
    with pytest.raises(ConfigError, match="not both"):
        load_settings(["--tokens-file", str(file)], {"FILESYNC_TOKENS": TOKENS})


async def test_several_ways_to_come_in_go_together() -> None:
    environment = {
        "FILESYNC_TOKENS": TOKENS,
        "FILESYNC_AUTH_TOKEN": "the-token-of-all",
        "FILESYNC_JWT_KEY": KEY,
    }
    settings = load_settings(["--jwt-issuer", "https://id.example"], environment)
    claims = {"sub": "bob", "stores": ["bob"], "exp": time.time() + 60, "iss": "https://id.example"}
    assert await who(settings, ANN) == "ann"
    assert await who(settings, "the-token-of-all") == "token"
    assert await who(settings, jwt.encode(claims, KEY, "HS256")) == "bob"
    assert await who(settings, jwt.encode({**claims, "iss": "other"}, KEY, "HS256")) == ""
    assert await who(settings, "other") == ""
    assert KEY not in repr(settings)


async def test_web_tokens_alone_let_nobody_else_in() -> None:
    settings = load_settings(["--jwt-require-exp", "false"], {"FILESYNC_JWT_KEY": KEY})
    assert await who(settings, jwt.encode({"sub": "bob", "stores": []}, KEY, "HS256")) == "bob"
    assert await who(settings, DEVELOPMENT_TOKEN) == ""


@pytest.mark.parametrize(
    "environment",
    [
        {"FILESYNC_TOKENS": ""},
        {"FILESYNC_TOKENS": "ann"},
        {"FILESYNC_TOKENS": 'ann = {token = "secret", stores = []}'},
        {"FILESYNC_JWT_KEY": KEY, "FILESYNC_JWT_ALGORITHMS": "none"},
        {"FILESYNC_JWT_KEY": KEY, "FILESYNC_JWT_ALGORITHMS": ""},
        {"FILESYNC_JWT_KEY": "secret"},
        {"FILESYNC_JWT_KEY": ""},
        {"FILESYNC_AUTH_TOKEN": ""},
    ],
)
def test_what_lets_nobody_in_or_anybody_is_refused(environment: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as error:
        authentication(load_settings([], environment))
    assert "secret" not in str(error.value)

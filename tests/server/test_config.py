"""Settings: precedence, validation, and secrets that do not show."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from filesync_server.command.config import DEVELOPMENT_TOKEN, HELP, ConfigError, Settings, load_settings
from filesync_server.command.describe import check_config

STRONG = "a-long-and-private-token"


def test_defaults_are_a_private_development_server() -> None:
    settings = load_settings([], {})
    assert settings.host == "127.0.0.1"
    assert settings.token == DEVELOPMENT_TOKEN
    assert settings.allowed_origins == ()


def test_every_setting_is_explained() -> None:
    assert set(HELP) == set(Settings.__annotations__)


def test_flags_win_over_environment_over_file(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('port = 1\nhost = "::1"\nurl_lifetime = 60\nallowed_origins = ["https://a.example"]\n')
    settings = load_settings(
        ["--config", str(config), "--port", "3"],
        {"FILESYNC_PORT": "2", "FILESYNC_URL_LIFETIME": "90", "FILESYNC_AUTH_TOKEN": STRONG, "OTHER": "x"},
    )
    assert (settings.port, settings.host, settings.url_lifetime) == (3, "::1", 90.0)
    assert settings.allowed_origins == ("https://a.example",)
    assert settings.token == STRONG


def test_lists_are_written_with_commas() -> None:
    settings = load_settings(["--allowed-origins", "https://a.example, http://b.example:8080,"], {})
    assert settings.allowed_origins == ("https://a.example", "http://b.example:8080")


def test_the_token_can_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{STRONG}\n")
    assert load_settings(["--auth-token-file", str(file)], {}).token == STRONG


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.org", ""])
@pytest.mark.parametrize("token", [None, DEVELOPMENT_TOKEN, "short"])
def test_others_are_not_let_in_without_a_token(host: str, token: str | None) -> None:
    environment = {"FILESYNC_HOST": host} | ({"FILESYNC_AUTH_TOKEN": token} if token else {})
    with pytest.raises(ConfigError, match="token") as error:
        load_settings([], environment)
    assert "short" not in str(error.value)
    assert load_settings([], environment | {"FILESYNC_AUTH_TOKEN": STRONG}).token == STRONG


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8", "[::1]"])
def test_loopback_needs_no_token(host: str) -> None:
    assert load_settings(["--host", host], {}).token == DEVELOPMENT_TOKEN


@pytest.mark.parametrize(
    "arguments",
    [
        ["--port", "x"],
        ["--port", "70000"],
        ["--site", "/does/not/exist"],
        ["--url-lifetime", "0"],
        ["--url-lifetime", "700000"],
        ["--max-upload-bytes", "0"],
        ["--shutdown-timeout", "-1"],
        ["--tls-key", "key.pem"],
        ["--allowed-origins", "app.example"],
        ["--allowed-origins", "https://app.example/path"],
        ["--public-url", "ftp://files.example"],
        ["--log-level", "loud"],
        ["--storage", "tape"],
        ["--storage", "s3"],
        ["--s3-path-style", "maybe"],
        ["--auth-token-file", "/does/not/exist"],
        ["--config", "/does/not/exist"],
    ],
)
def test_bad_settings_are_named(arguments: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        load_settings(arguments, {})
    name = arguments[0].removeprefix("--")
    words = str(error.value).replace("_", "-")
    assert name in words or name.partition("-")[0] in words or arguments[1] in words


@pytest.mark.parametrize(
    "text", ["port = [", "prot = 1", "host = 1", "allowed_origins = 1", "data = 1", "port = [1]"]
)
def test_bad_files_are_refused(tmp_path: Path, text: str) -> None:
    config = tmp_path / "config.toml"
    config.write_text(text)
    with pytest.raises(ConfigError):
        load_settings(["--config", str(config)], {})


def test_object_store_settings() -> None:
    settings = load_settings(
        ["--storage", "s3", "--s3-bucket", "b", "--s3-path-style", "true"],
        {"FILESYNC_S3_ACCESS_KEY": "the-access-key", "FILESYNC_S3_SECRET_KEY": "the-secret-key"},
    )
    assert settings.s3_path_style is True
    assert settings.s3_secret_key == "the-secret-key"
    assert "the-" not in repr(settings)
    with pytest.raises(ConfigError, match="together"):
        load_settings([], {"FILESYNC_S3_SECRET_KEY": "the-secret-key"})


def test_the_database_has_a_password_and_so_no_flag() -> None:
    url = "postgresql://user:the-password@host/db"
    settings = load_settings([], {"FILESYNC_SYNC_DATABASE": url})
    assert settings.sync_database == url
    assert "the-password" not in repr(settings)
    with pytest.raises(SystemExit):
        load_settings(["--sync-database", url], {})


def test_secrets_do_not_show(tmp_path: Path) -> None:
    settings = load_settings([], {"FILESYNC_AUTH_TOKEN": STRONG})
    assert STRONG not in repr(settings)
    assert STRONG not in str(settings)
    for token in ("bad\ntoken-that-is-secret", " ", "tökén-that-is-secret"):
        with pytest.raises(ConfigError) as error:
            load_settings([], {"FILESYNC_AUTH_TOKEN": token})
        assert "that-is-secret" not in str(error.value)
    with pytest.raises(SystemExit):
        load_settings(["--auth-token", STRONG], {})
    file = tmp_path / "token"
    file.write_text(STRONG)
    with pytest.raises(ConfigError, match="not both"):
        load_settings(["--auth-token-file", str(file)], {"FILESYNC_AUTH_TOKEN": STRONG})


def test_the_example_in_deploy_is_valid() -> None:
    settings = load_settings(["--config", "deploy/filesync-server.toml"], {})
    assert settings.data == Path("/var/lib/filesync")


def test_every_setting_is_documented() -> None:
    text = Path("docs/server.md").read_text()
    assert [name for name in HELP if f"`{name}`" not in text] == []


# --- what would be open to everybody ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flag", "place"),
    [
        ("--data", "site"),
        ("--data", "site/.data"),
        ("--data", "site/deep/er"),
        ("--data", "link/.data"),
        ("--data", "."),
        ("--auth-token-file", "site/token"),
        ("--tls-key", "site/key.pem"),
        ("--config", "site/config.toml"),
    ],
)
def test_nothing_private_is_inside_of_the_site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flag: str, place: str
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (tmp_path / "link").symlink_to(site)
    (site / "config.toml").touch()
    (site / "token").write_text(STRONG)
    monkeypatch.chdir(site if place == "." else tmp_path)
    with pytest.raises(ConfigError, match="inside of the site"):
        load_settings(["--site", str(site), flag, place], {})


def test_the_site_is_not_inside_of_the_objects(tmp_path: Path) -> None:
    objects = tmp_path / "data" / "objects"
    objects.mkdir(parents=True)
    with pytest.raises(ConfigError, match="inside of the data directory"):
        load_settings(["--site", str(objects), "--data", str(tmp_path / "data")], {})


def test_a_site_beside_the_data_is_fine(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    for data in (tmp_path / "data", tmp_path / "site-data", tmp_path):
        assert load_settings(["--site", str(site), "--data", str(data)], {}).site == site


@pytest.mark.parametrize(
    "arguments",
    [
        ["--public-url", "https://files.example"],
        ["--public-url", "http://192.168.1.2:8000"],
        ["--allowed-hosts", "files.example"],
        ["--allowed-origins", "*"],
    ],
)
@pytest.mark.parametrize("token", [None, DEVELOPMENT_TOKEN, "short"])
def test_a_token_that_everybody_knows_is_for_this_machine_only(
    arguments: list[str], token: str | None
) -> None:
    environment = {"FILESYNC_AUTH_TOKEN": token} if token else {}
    with pytest.raises(ConfigError, match="token of its own"):
        load_settings(arguments, environment)
    assert load_settings(arguments, {"FILESYNC_AUTH_TOKEN": STRONG}).token == STRONG


@pytest.mark.parametrize("url", ["http://localhost:8000", "http://127.0.0.1", "http://[::1]:1"])
def test_a_public_url_of_this_machine_needs_no_token(url: str) -> None:
    assert load_settings(["--public-url", url], {}).token == DEVELOPMENT_TOKEN


@pytest.mark.parametrize(
    "host", ["https://files.example", "files.example:443", "*", "a b", "*.*.example", "a@b"]
)
def test_a_host_is_a_name(host: str) -> None:
    with pytest.raises(ConfigError, match="allowed_hosts"):
        load_settings(["--allowed-hosts", host], {"FILESYNC_AUTH_TOKEN": STRONG})


def test_the_names_to_answer_to() -> None:
    strong = {"FILESYNC_AUTH_TOKEN": STRONG}
    assert load_settings([], {}).hosts == ("127.0.0.1",)
    assert load_settings(["--host", "0.0.0.0"], strong).hosts is None
    flags = [
        "--host",
        "0.0.0.0",
        "--public-url",
        "https://files.example:8443",
        "--allowed-hosts",
        "a.example",
    ]
    assert load_settings(flags, strong).hosts == ("a.example", "files.example", "0.0.0.0")


@pytest.mark.parametrize("flags", [["--idle-timeout", "0"], ["--allowed-headers", "X Tenant"]])
def test_other_settings_that_cannot_work(flags: list[str]) -> None:
    with pytest.raises(ConfigError, match=flags[0].removeprefix("--").replace("-", "_")):
        load_settings(flags, {})


@pytest.mark.parametrize(
    "flags",
    [
        ["--api-path", "api"],
        ["--api-path", "/api/"],
        ["--sync-path", "/"],
        ["--files-path", "/healthz"],
        ["--sync-path", "/api"],
        ["--cross-origin-isolation", "on"],
        ["--log-format", "xml"],
    ],
)
def test_paths_and_words_that_cannot_work(flags: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"path|cross_origin_isolation|log_format"):
        load_settings(flags, {})


def test_a_metrics_token_is_not_short() -> None:
    with pytest.raises(ConfigError, match="metrics_token"):
        load_settings([], {"FILESYNC_METRICS_TOKEN": "short"})


def test_check_config_says_what_the_settings_amount_to_and_nothing_secret(tmp_path: Path) -> None:
    target, errors = io.StringIO(), io.StringIO()
    environment = {
        "FILESYNC_AUTH_TOKEN": "a-token-nobody-is-shown",
        "FILESYNC_SYNC_DATABASE": "postgresql://me:secret-word@db.example/logs",
    }
    flags = ["--data", str(tmp_path), "--allowed-origins", "*", "--storage", "s3", "--s3-bucket", "b"]
    assert check_config(flags, environment, target, errors) == 0
    shown = target.getvalue()
    for line in [
        "auth_token = (set)",
        f"data folder: {tmp_path}",
        "storage: S3 bucket b at AWS, us-east-1",
        "sync database: PostgreSQL, db.example/logs",
        "who may come in: whoever has the token, to every store",
        "warning: allowed_origins: pages of every site may ask this server",
    ]:
        assert line in shown
    assert "secret-word" not in shown
    assert "nobody-is-shown" not in shown
    assert check_config([*flags, "--port", "x"], environment, target, errors) == 2
    assert "port" in errors.getvalue()

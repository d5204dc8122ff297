"""What the how-to pages show of a server: several people with tokens of their own, and files in S3."""

from __future__ import annotations

import json
import re
from pathlib import Path

import filesync_web as fs
from examples.how_to.people import make_app, token_for
from filesync_server.command.config import load_settings
from tests.harness.waiting import until
from tests.in_page.client import FILES, SCHEMA
from tests.server.support import serving
from tools.common import ROOT

KEY = "a-shared-secret-of-at-least-32-bytes"
HOW_TO = ROOT / "examples" / "how_to"


async def test_members_share_a_store_and_others_do_not(tmp_path: Path) -> None:
    async with serving(make_app(tmp_path / "server", KEY)) as origin:

        async def open_as(user: str, *stores: str) -> tuple[fs.Store, fs.FileSync]:
            token = token_for(user, list(stores), KEY)
            store = await fs.open_store(
                SCHEMA,
                store_id="album",
                data_dir=tmp_path / user,
                sync=fs.SyncOptions(f"{origin}/sync", auth_token=token),
            )
            remote = fs.SignerConfig(f"{origin}/api", auth_token=token)
            return store, await fs.create_file_sync(store, remote=remote)

        memberships = {"ann": ["album"], "bob": ["album", "more"], "eve": ["more"]}
        opened = [await open_as(user, *stores) for user, stores in memberships.items()]
        (_, ann), (bobs, bob), (eves, _) = opened
        saved = await ann.save_file(b"hello", name="a.txt")
        await ann.wait_until_synced(timeout=60)
        uploaded = FILES.tables.files.where(id=saved.file_id, remote_key=f"album/{saved.content_hash}")
        await until(lambda: bobs.query(uploaded), "bob hears that it is uploaded")
        assert await bob.read_bytes(saved.file_id) == b"hello"
        await until(lambda: eves.sync_status.last_error, "eve is refused")
        assert eves.query(FILES.tables.files.all()) == []
        for store, sync in opened:
            await sync.dispose()
            await store.close()


def test_the_settings_for_s3_are_good(tmp_path: Path) -> None:
    secrets = {"AUTH_TOKEN": "a-long-and-private-token", "S3_ACCESS_KEY": "key", "S3_SECRET_KEY": "secret"}
    settings = load_settings(
        ["--config", str(HOW_TO / "s3.toml"), "--site", str(tmp_path)],
        {f"FILESYNC_{name}": value for name, value in secrets.items()},
    )
    assert (settings.storage, settings.s3_bucket) == ("s3", "app-files")


def test_the_rule_to_paste_allows_what_the_server_page_names() -> None:
    (rule,) = json.loads((HOW_TO / "cors.json").read_text())["CORSRules"]
    page = (ROOT / "docs" / "server.md").read_text()
    named = re.search(r"methods `([^`]+)`; headers `([^`]+)`; exposed `([^`]+)`", page)
    assert named
    wanted = [sorted(part.replace(",", " ").split()) for part in named.groups()]
    lists = (rule["AllowedMethods"], rule["AllowedHeaders"], rule["ExposeHeaders"])
    assert [sorted(names) for names in lists] == wanted

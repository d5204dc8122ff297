"""The command line and the gallery as two devices of one store."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.command.conftest import Shell
from tests.e2e.gallery import Gallery, picture, png, sha256
from tests.harness.server import ServerProcess
from tests.harness.warm_command import WarmCommand

RED, GREEN, BLUE = (png(32, 24, colour) for colour in ((200, 0, 0), (0, 200, 0), (0, 0, 200)))


@pytest.fixture
def shell(server: ServerProcess, store_id: str, tmp_path: Path) -> Iterator[Shell]:
    with closing(WarmCommand()) as warm:
        yield Shell(tmp_path, server.url, store_id, warm)


def test_a_mirrored_folder_and_the_gallery_have_the_same_files(
    new_context: Callable[..., BrowserContext], shell: Shell, store_id: str
) -> None:
    folder = shell.home / "folder"

    def write(path: str, content: bytes) -> None:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        os.utime(file, (time.time() - 10, time.time() - 10))

    def mirror() -> None:
        shell.ok("mirror", "--once", folder)

    write("trip/red.png", RED)
    mirror()
    gallery = Gallery.open(new_context(), store_id)
    expect(gallery.cards).to_have_count(1)
    gallery.card(0).expect_synced(sha256(RED))

    gallery.add(picture("green.png", GREEN))
    gallery.expect_all_uploaded()
    expect(gallery.headline).to_have_text("Everything is synced")  # the backend knows of it, too
    mirror()
    assert (folder / "green.png").read_bytes() == GREEN

    write("trip/red.png", BLUE)
    mirror()
    red = gallery.cards.filter(has=gallery.page.locator('.name[title="trip/red.png"]'))
    expect(red.get_by_test_id("file-local-hash")).to_have_text(sha256(BLUE))

    (folder / "trip/red.png").rename(folder / "blue.png")
    mirror()
    expect(gallery.page.locator('.card .name[title="blue.png"]')).to_have_count(1)

    green = gallery.cards.filter(has=gallery.page.locator('.name[title="green.png"]'))
    green.get_by_test_id("delete-button").click()
    expect(gallery.cards).to_have_count(1)
    expect(gallery.headline).to_have_text("Everything is synced")
    mirror()
    assert sorted(path.name for path in folder.rglob("*.png")) == ["blue.png"]
    assert (folder / "blue.png").read_bytes() == BLUE

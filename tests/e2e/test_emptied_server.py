"""A server that comes back without its data takes no picture from anybody."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.e2e.gallery import Gallery, hashes, picture, png, sha256
from tests.harness import ServerProcess

NewContext = Callable[..., BrowserContext]


@pytest.mark.thorough
def test_the_pictures_survive_an_emptied_server(
    new_server: Callable[..., ServerProcess], new_context: NewContext, store_id: str
) -> None:
    server = new_server()
    here = Gallery.open(new_context(base_url=server.url), store_id)
    contents = [png(40 + index, 30, (40 * index, 90, 200)) for index in range(5)]
    here.add(*(picture(f"{index}.png", content) for index, content in enumerate(contents)))
    here.expect_all_uploaded()
    expect(here.headline).to_have_text("Everything is synced")

    server.stop()
    shutil.rmtree(server.data)
    server.start()
    expected = [sha256(content) for content in contents]
    for _ in range(2):  # the page that was open, and one that is opened anew
        there = Gallery.open(new_context(base_url=server.url), store_id)
        for gallery in (here, there):
            expect(gallery.cards).to_have_count(5)
            for card, content_hash in zip(gallery.all_cards(), expected, strict=True):
                card.expect_synced(content_hash)
                expect(card.image).to_be_visible()
            assert hashes(gallery.all_cards()) == expected
        here.reload()

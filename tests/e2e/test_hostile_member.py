"""Two galleries beside a hostile member: while it pushes whatever it can, pictures are added, edited and
deleted, and all arrive, at both, as if nobody else were there."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import BrowserContext, Locator, expect

from tests.e2e.gallery import TOKEN, Card, Gallery, picture, png, sha256
from tests.harness import PageErrors
from tests.harness.hostile_member import HostileMember

NewContext = Callable[..., BrowserContext]
DECOY = "decoy.png"
"""The picture that the hostile member may do everything to: any member may."""


@dataclass
class Pair:
    """Two galleries of one store, and the good pictures that should be in both: by file id, the hash."""

    here: Gallery
    there: Gallery
    good: dict[str, str] = field(default_factory=dict)

    def add(self, gallery: Gallery, name: str, content: bytes) -> str:
        """Choose a picture, and wait until it has its card; returns the file's id."""
        gallery.page.locator("input[type=file]").set_input_files([picture(name, content)])
        file_id = _named(gallery, name).get_attribute("data-file-id")
        assert file_id
        self.good[file_id] = sha256(content)
        return file_id

    def invert(self, gallery: Gallery, file_id: str) -> None:
        """Edit a picture that is here."""
        card = _card(gallery, file_id)
        old = self.good[file_id]
        expect(card.part("file-local-hash")).to_have_text(old)
        card.part("edit-button").dispatch_event("click")
        expect(card.content_hash).not_to_have_text(old)
        self.good[file_id] = card.content_hash.inner_text()

    def delete(self, gallery: Gallery, file_id: str) -> None:
        """Delete a picture in one of the galleries; it goes in both."""
        _card(gallery, file_id).part("delete-button").dispatch_event("click")
        del self.good[file_id]
        for one in (self.here, self.there):
            expect(_card(one, file_id).root).to_have_count(0)

    def expect_all(self, *galleries: Gallery) -> None:
        """Every good picture is whole and uploaded in these galleries."""
        for gallery in galleries:
            for file_id, content_hash in self.good.items():
                _card(gallery, file_id).expect_synced(content_hash)
                expect(_card(gallery, file_id).image).to_have_count(1)


def _find_good(gallery: Gallery) -> None:
    """Look at the good pictures only: of all that the hostile member makes, most are out of view."""
    box = gallery.page.get_by_role("searchbox")
    if box.is_visible() and box.input_value() != GOOD:
        box.fill(GOOD)


def _named(gallery: Gallery, name: str) -> Locator:
    _find_good(gallery)
    return gallery.cards.filter(has=gallery.page.get_by_text(name, exact=True))


def _card(gallery: Gallery, file_id: str) -> Card:
    _find_good(gallery)
    return Card(gallery.page.locator(f'[data-testid="file-card"][data-file-id="{file_id}"]'))


def content(number: int) -> bytes:
    return png(100 + number, 60, (7 * number % 256, 90, 200))


def work(pair: Pair, rounds: int) -> float:
    """Add, edit and delete pictures in both until all is everywhere; returns the seconds it took."""
    started = time.monotonic()
    for number in range(0, 4 * rounds, 4):
        first = pair.add(pair.here, f"{GOOD}{number}.png", content(number))
        second = pair.add(pair.there, f"{GOOD}{number + 1}.png", content(number + 1))
        third = pair.add(pair.here, f"{GOOD}{number + 2}.png", content(number + 2))
        pair.invert(pair.there, first)
        pair.invert(pair.here, second)
        pair.delete(pair.there, third)
        pair.add(pair.there, f"{GOOD}{number + 3}.png", content(number + 3))
    pair.expect_all(pair.here, pair.there)
    return time.monotonic() - started


def open_pair(new_context: NewContext, store_id: str) -> tuple[Pair, str]:
    """Two galleries with the decoy in them, and its file's id."""
    pair = Pair(Gallery.open(new_context(), store_id), Gallery.open(new_context(), store_id))
    decoy = pair.add(pair.here, DECOY, png(20, 20, (1, 2, 3)))
    pair.expect_all(pair.here, pair.there)
    del pair.good[decoy]
    return pair, decoy


def beside_a_hostile_member(
    new_context: NewContext, url: str, store_id: str, *, count: int, rounds: int
) -> tuple[float, HostileMember]:
    """Do the work while so many hostile events are pushed; returns the seconds it took."""
    seed = int(os.environ.get("HOSTILE_SEED", "0")) or time.time_ns()
    print(f"HOSTILE_SEED={seed}: {count} events")
    member = HostileMember(url, store_id, TOKEN, seed=seed, count=count)
    pair, decoy = open_pair(new_context, store_id)
    hashes = {f"<{whose} hash>": sha256(content(number)) for number, whose in enumerate(_WHOSE)}
    ids = dict.fromkeys(("<own id>", "<unsent id>", "<their id>"), decoy)
    member.start({**ids, **hashes, "<own client>": "mallory"})
    seconds = work(pair, rounds)
    member.join(300)
    print(f"the server took {member.accepted} events and refused {member.refused}")
    pair.expect_all(pair.here, pair.there)
    late = Gallery.open(new_context(), store_id)
    pair.here.reload()
    pair.expect_all(late, pair.here)
    return seconds, member


GOOD = "good-"
"""How the names of good pictures begin."""
_WHOSE = ("own", "unsent", "their", "later", "coming")


@pytest.mark.thorough
@pytest.mark.timeout(400)
def test_pictures_arrive_beside_a_hostile_member(
    new_context: NewContext, site_url: str, store_id: str, page_errors: PageErrors
) -> None:
    _seconds, member = beside_a_hostile_member(new_context, site_url, store_id, count=250, rounds=3)
    assert member.accepted > 125, "most events should get as far as the galleries"
    expect_no_traceback(page_errors)


ROUNDS = 12
"""As long as the pages need to hear of all that the hostile member pushes."""


@pytest.mark.soak(minutes=6)
def test_a_hostile_member_slows_nobody_down(
    new_context: NewContext, site_url: str, store_id: str, page_errors: PageErrors
) -> None:
    """Two galleries work beside a member that pushes 5,000 bad events, as fast as without (HOSTILE_SEED)."""
    alone = min(work(open_pair(new_context, f"{store_id}_{number}")[0], ROUNDS) for number in (1, 2))
    beside, member = beside_a_hostile_member(new_context, site_url, store_id, count=5_000, rounds=ROUNDS)
    print(f"alone {alone:.1f} s, beside a hostile member {beside:.1f} s: ratio {beside / alone:.2f}")
    assert member.accepted > 2_500, "most events should get as far as the galleries"
    assert beside < 2 * alone
    expect_no_traceback(page_errors)


def expect_no_traceback(page_errors: PageErrors) -> None:
    """No page has logged an error that nobody foresaw."""
    found = [line for line in page_errors.console if "Traceback" in line]
    assert not found, "an error that nobody foresaw is in the console of a page"

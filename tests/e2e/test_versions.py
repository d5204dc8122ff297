"""What nobody loses in the gallery: two edits of one picture, an edit of a deleted one, what was deleted by
mistake, and what a picture was before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest
from playwright.sync_api import BrowserContext, Locator, expect

from tests.e2e.gallery import (
    Card,
    Gallery,
    new_context_with_time_to_undo,
    picture,
    png,
    remote_exists,
    sha256,
)
from tests.harness import ServerProcess
from tests.harness.waiting import wait_until
from tools.common import ROOT

NewContext = Callable[..., BrowserContext]
SEA, SUN = png(320, 200, (20, 90, 200)), png(300, 200, (240, 180, 30))
INVERT = (ROOT / "demo" / "images.js").read_text()
WHITE = "context.fillStyle = '#fff';"


@dataclass
class Person:
    """Somebody at a gallery."""

    gallery: Gallery

    def named(self, name: str) -> Card:
        return Card(self.gallery.cards.filter(has_text=name))

    def edit(self, name: str) -> str:
        """Edit a picture that is here; returns the hash of what it is then."""
        card = self.named(name)
        old = card.content_hash.inner_text()
        expect(card.part("file-local-hash")).to_have_text(old)
        card.part("edit-button").click()
        expect(card.content_hash).not_to_have_text(old)
        return card.content_hash.inner_text()

    def delete(self, name: str) -> None:
        self.named(name).part("delete-button").click()
        expect(self.named(name).root).to_have_count(0)

    def switch_sync(self, state: str) -> None:
        button = self.gallery.page.get_by_test_id("toggle-livestore-sync")
        button.click()
        expect(button).to_have_text(state)

    @property
    def sheet(self) -> Locator:
        return self.gallery.page.get_by_role("dialog")

    def press(self, name: str, within: Locator | None = None) -> None:
        """Press the button of that name."""
        (within or self.gallery.page).get_by_role("button", name=name, exact=True).click()

    def expect_restored_to(self, name: str, content_hash: str) -> None:
        expect(self.named(name).content_hash).to_have_text(content_hash)
        expect(self.named(name).image).to_be_visible()


def two_people(new_context: NewContext, url: str, store_id: str) -> tuple[Person, Person]:
    """Two browsers with the same two pictures. What the second one's edits make is red where the first one's
    is white: two different edits."""
    first, second = new_context(base_url=url), new_context(base_url=url)
    assert WHITE in INVERT
    other_edit = INVERT.replace(WHITE, "context.fillStyle = '#f00';")
    second.route("**/images.js", lambda route: route.fulfill(body=other_edit, content_type="text/javascript"))
    here, there = Person(Gallery.open(first, store_id)), Person(Gallery.open(second, store_id))
    here.gallery.add(picture("sea.png", SEA), picture("sun.png", SUN))
    for person in (here, there):
        person.named("sea.png").expect_synced(sha256(SEA))
        person.named("sun.png").expect_synced(sha256(SUN))
    return here, there


def test_edits_without_a_connection_are_all_kept_and_either_side_can_choose(
    new_server: Callable[..., ServerProcess], new_context: NewContext, store_id: str
) -> None:
    server = new_server()
    here, there = two_people(new_context, server.url, store_id)
    server.stop()
    mine, sun_edited = here.edit("sea.png"), here.edit("sun.png")
    theirs = there.edit("sea.png")
    assert mine != theirs
    there.delete("sun.png")
    there.switch_sync("Disabled")  # so that theirs comes last
    server.start()
    here.named("sea.png").expect_synced(mine)
    here.named("sun.png").expect_synced(sun_edited)
    there.switch_sync("Enabled")

    for person in (
        here,
        there,
    ):  # the last edit is shown; the other one, and that of the deleted one, are kept
        expect(person.gallery.page.get_by_role("button", name="2 conflicts")).to_be_visible()
        expect(person.named("sea.png").part("conflict-badge")).to_have_text("2 versions")
        person.expect_restored_to("sea.png", theirs)
        expect(person.named("sun.png").root).to_have_count(0)
        expect(person.gallery.toasts.filter(has_text="2 files were changed at two places")).to_be_visible()

    here.named("sea.png").part("conflict-badge").click()
    expect(here.sheet.get_by_text("It was changed at two places at once.")).to_be_visible()
    expect(here.sheet.locator("figure img")).to_have_count(2)
    here.press("Take the other", here.sheet)
    expect(here.sheet).to_be_hidden()
    there.press("1 conflict")
    expect(there.sheet.get_by_text("It was deleted by somebody who had not seen the edit")).to_be_visible()
    there.press("Bring it back", there.sheet)

    for person in (here, there):
        person.expect_restored_to("sea.png", mine)
        person.expect_restored_to("sun.png", sun_edited)
        expect(person.gallery.page.get_by_role("button", name="conflict")).to_have_count(0)
        expect(person.named("sea.png").part("conflict-badge")).to_be_hidden()
        person.named("sun.png").expect_synced(sun_edited)
    for content_hash in (sha256(SEA), sha256(SUN), mine, theirs, sun_edited):
        kept = partial(remote_exists, here.gallery.page, store_id, content_hash)
        wait_until(kept, "each content can be had back", page=here.gallery.page)


@pytest.mark.thorough
def test_an_edit_brings_back_what_was_deleted_meanwhile(
    new_context: NewContext, site_url: str, store_id: str
) -> None:
    here, there = two_people(new_context, site_url, store_id)
    here.switch_sync("Disabled")
    edited = here.edit("sun.png")
    there.delete("sun.png")
    gone = lambda: not remote_exists(there.gallery.page, store_id, sha256(SUN))  # noqa: E731
    wait_until(gone, "it was deleted for good", timeout=30, page=there.gallery.page)
    here.switch_sync("Enabled")
    for person in (here, there):
        person.expect_restored_to("sun.png", edited)
        expect(person.named("sun.png").part("conflict-badge")).to_have_text("Was deleted")
        expect(person.gallery.toasts.filter(has_text="“sun.png” had been deleted; an edit")).to_be_visible()
    there.press("Choose")
    expect(there.sheet.get_by_text("It had been deleted; an edit on another device")).to_be_visible()
    there.press("Keep it", there.sheet)
    for person in (here, there):
        expect(person.named("sun.png").part("conflict-badge")).to_be_hidden()
        person.named("sun.png").expect_synced(edited)


@pytest.mark.thorough
def test_a_deletion_can_be_undone_here_and_in_another_browser(
    new_context: NewContext, site_url: str, store_id: str
) -> None:
    patient = partial(new_context_with_time_to_undo, new_context)
    here, there = two_people(patient, site_url, store_id)
    page = here.gallery.page
    page.bring_to_front()  # only then something in it has the focus
    here.delete("sea.png")
    undo = here.gallery.toasts.filter(has_text="Deleted “sea.png”")
    here.press("Undo", undo)
    expect(page.get_by_role("button", name="View sea.png")).to_be_focused()
    expect(undo).to_have_count(0)
    here.delete("sea.png")
    here.delete("sun.png")
    expect(here.gallery.toasts.filter(has_text="Deleted 2 files")).to_be_visible()
    page.keyboard.press("Control+z")
    for person in (here, there):
        person.expect_restored_to("sea.png", sha256(SEA))
        person.expect_restored_to("sun.png", sha256(SUN))

    here.press("Deleted files")
    expect(here.sheet.get_by_text("Nothing deleted is kept.")).to_be_visible()
    here.sheet.get_by_label("Keep deleted files").check()
    page.keyboard.press("Escape")
    here.delete("sea.png")
    here.delete("sun.png")
    here.gallery.reload()
    there.press("Deleted files")
    row = there.sheet.get_by_role("listitem").filter(has_text="sea.png")
    expect(row).to_contain_text("kept for 30 days more")
    expect(row.locator("img")).to_be_visible()
    there.press("Restore sea.png", there.sheet)
    expect(there.sheet.get_by_role("status")).to_have_text("“sea.png” is back")
    for person in (here, there):
        person.named("sea.png").expect_synced(sha256(SEA))
    there.press("Empty", there.sheet)
    there.press("Delete 1 file for good?", there.sheet)
    expect(there.sheet.get_by_text("Nothing deleted is kept.")).to_be_visible()
    gone = lambda: not remote_exists(page, store_id, sha256(SUN))  # noqa: E731
    wait_until(gone, "the object is gone", timeout=30, page=page)
    assert remote_exists(page, store_id, sha256(SEA))


def test_what_a_picture_was_can_be_had_back(new_context: NewContext, store_id: str) -> None:
    me = Person(Gallery.open(new_context(), store_id))
    me.gallery.add(picture("sea.png", SEA))
    me.named("sea.png").expect_synced(sha256(SEA))
    edited = me.edit("sea.png")
    me.named("sea.png").expect_synced(edited)
    me.press("View sea.png")
    me.press("Earlier versions", me.sheet)
    versions = me.gallery.page.locator("#sheet")
    rows = versions.get_by_role("listitem")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("Shown now")
    expect(rows.nth(1)).to_contain_text("from this device")
    expect(rows.locator("img")).to_have_count(2)
    me.press("Save as new file", rows.nth(1))
    expect(versions.get_by_role("status")).to_contain_text("Saved as “sea (")
    me.press("Restore this one", rows.nth(1))
    expect(versions.get_by_role("status")).to_contain_text("It is the file again.")
    expect(rows).to_have_count(2)  # a content that it had twice is one version
    for _ in ("the versions", "the picture"):
        me.gallery.page.keyboard.press("Escape")
    expect(me.gallery.cards).to_have_count(2)
    for card in me.gallery.all_cards():
        card.expect_synced(sha256(SEA))

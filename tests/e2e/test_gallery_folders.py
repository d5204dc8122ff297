"""Folders in the gallery: names with `/`, a path to walk, and folders that are dropped or chosen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.e2e.gallery import SLOW, Gallery, picture, png, replace_module
from tests.harness.waiting import wait_until
from tools.common import ROOT

NewContext = Callable[..., BrowserContext]
CONTENT = png(64, 48, (40, 120, 200))

SLOW_FOLDERS = """
const original = DataTransferItem.prototype.webkitGetAsEntry;
DataTransferItem.prototype.webkitGetAsEntry = function () {
    const entry = original.call(this), reader = entry.createReader();
    const readEntries = (...callbacks) => { held.push(() => reader.readEntries(...callbacks)); };
    entry.createReader = () => ({ readEntries });
    return entry;
};
self.held = [];
"""
"""What a dropped folder has in it is told when the test says so."""


def tree(root: Path, *paths: str) -> Path:
    """A folder with pictures at these paths."""
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(CONTENT)
    return root


def drop(page: Page, *paths: Path) -> None:
    """Drop files and folders of the disk, as a file manager does."""
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 300, "data": data})
    session.detach()


def names(gallery: Gallery) -> list[str]:
    """The whole names of the pictures, in their order on the page."""
    return [name.get_attribute("title") or "" for name in gallery.page.locator(".card .name").all()]


def link(gallery: Gallery, name: str) -> Locator:
    return gallery.page.get_by_role("navigation", name="Folders").get_by_role("link", name=name, exact=True)


def expect_folders(gallery: Gallery, *expected: str) -> None:
    expect(gallery.page.locator("#folder-list a > span:first-of-type")).to_have_text(list(expected))


@pytest.fixture
def gallery(new_context: NewContext, store_id: str) -> Gallery:
    return Gallery.open(new_context(viewport={"width": 1000, "height": 700}), store_id, localOnly=1)


@pytest.mark.thorough
@pytest.mark.only_in("chromium", reason="only DevTools drop folders of the disk")
def test_a_dropped_folder_comes_with_its_paths_and_without_hidden_files(
    gallery: Gallery, tmp_path: Path
) -> None:
    folder = tree(
        tmp_path / "holiday",
        "b.png",
        "a/2.png",
        "a/1.png",
        "a/deep/er/ü.png",
        ".git/x.png",
        ".hidden.png",
        "a/Thumbs.db",
        "a/desktop.ini",
        "a/.DS_Store",
    )
    (folder / "empty").mkdir()
    beside = tree(tmp_path, "beside.png") / "beside.png"
    drop(gallery.page, folder, beside)
    expect(gallery.cards).to_have_count(5)
    expected = {
        "holiday/b.png",
        "holiday/a/1.png",
        "holiday/a/2.png",
        "holiday/a/deep/er/ü.png",
        "beside.png",
    }
    assert set(names(gallery)) == expected
    for card in gallery.all_cards():
        card.expect_image(64, 48)
    expect(link(gallery, "Folder holiday, 4 files")).to_be_visible()
    gallery.reload()
    expect(gallery.cards).to_have_count(5)
    assert set(names(gallery)) == expected
    expect(gallery.toasts).to_have_count(0)


@pytest.mark.only_in("chromium", reason="only DevTools drop folders of the disk")
def test_the_path_leads_into_folders_and_back_by_mouse_keys_and_the_browsers_back(
    gallery: Gallery, tmp_path: Path
) -> None:
    page = gallery.page
    expect(page.get_by_role("navigation", name="Folders")).to_be_hidden()
    gallery.add(picture("plain.png", CONTENT))
    expect(page.get_by_role("navigation", name="Folders")).to_be_hidden()
    drop(page, tree(tmp_path / "trip", "1.png", "100% sea #1/2.png", "100% sea #1/x/3.png", "land/4.png"))
    expect(gallery.cards).to_have_count(5)

    link(gallery, "Folder trip, 4 files").click()
    expect(gallery.cards).to_have_count(4)
    expect(page.locator("#folder-said")).to_have_text("Folder trip: 4 files, 2 folders")
    expect(link(gallery, "trip")).to_be_focused()
    expect(link(gallery, "trip")).to_have_attribute("aria-current", "page")
    page.keyboard.press("Tab")
    expect(link(gallery, "Folder 100% sea #1, 2 files")).to_be_focused()
    page.keyboard.press("Enter")
    expect(gallery.cards).to_have_count(2)
    assert names(gallery) == ["trip/100% sea #1/2.png", "trip/100% sea #1/x/3.png"]
    expect_folders(gallery, "x")

    page.reload()
    gallery.expect_ready()
    expect(gallery.cards).to_have_count(2)
    gallery.card(0).root.get_by_role("button", name="View").click()
    viewer = page.get_by_role("dialog")
    expect(viewer).to_contain_text("2.png")
    page.keyboard.press("ArrowRight")
    expect(viewer).to_contain_text("3.png")
    page.keyboard.press("ArrowRight")
    expect(viewer).to_contain_text("2.png")
    page.keyboard.press("Escape")

    page.go_back()
    expect(gallery.cards).to_have_count(4)
    link(gallery, "All files").click()
    expect(gallery.cards).to_have_count(5)
    expect_folders(gallery, "trip")


@pytest.mark.thorough
@pytest.mark.only_in("chromium", reason="only DevTools drop folders of the disk")
def test_what_is_added_in_a_folder_belongs_to_it_and_a_search_stays_in_it(
    gallery: Gallery, tmp_path: Path
) -> None:
    page = gallery.page
    drop(page, tree(tmp_path / "many", *(f"{number:02}.png" for number in range(30)), "sub/07.png"))
    expect(gallery.cards).to_have_count(31)
    gallery.add(picture("07 outside.png", CONTENT))
    link(gallery, "Folder many, 31 files").click()
    expect(gallery.cards).to_have_count(31)
    field = page.get_by_label("Find files by name")
    expect(field).to_have_attribute("placeholder", "Find in many")
    field.fill("07")
    expect(gallery.cards).to_have_count(2)
    assert set(names(gallery)) == {"many/07.png", "many/sub/07.png"}
    field.fill("many")
    expect(gallery.cards).to_have_count(0)
    page.locator("input[type=file]").set_input_files([picture("new.png", CONTENT)])
    expect(field).to_have_value("")
    expect(gallery.cards).to_have_count(32)
    assert names(gallery)[-1] == "many/new.png"
    link(gallery, "Folder sub, 1 file").click()
    expect(gallery.cards).to_have_count(1)
    gallery.card(0).part("delete-button").click()
    expect(page.get_by_text("No files in “many/sub”")).to_be_visible()
    expect(page.get_by_test_id("empty-state")).to_be_hidden()
    link(gallery, "many").click()
    expect(gallery.cards).to_have_count(31)
    expect(page.locator("#folder-list a")).to_have_count(0)


@pytest.mark.only_in("chromium", reason="WebDriver chooses no folders there")
def test_a_folder_can_be_chosen_with_a_button(gallery: Gallery, tmp_path: Path) -> None:
    tree(tmp_path / "chosen", "1.png", "in/2.png", ".git/3.png")
    with gallery.page.expect_file_chooser() as chooser:
        gallery.page.get_by_role("button", name="Add a folder").click()
    chooser.value.set_files(tmp_path / "chosen")
    expect(gallery.cards).to_have_count(2)
    assert set(names(gallery)) == {"chosen/1.png", "chosen/in/2.png"}


@pytest.mark.thorough
@pytest.mark.only_in("chromium", reason="only DevTools drop folders of the disk")
def test_looking_through_a_folder_shows_how_far_it_is_and_can_be_stopped(
    new_context: NewContext, store_id: str, tmp_path: Path
) -> None:
    context = new_context()
    context.add_init_script(SLOW_FOLDERS)
    gallery = Gallery.open(context, store_id, localOnly=1)
    page = gallery.page
    stop = page.get_by_role("button", name="Stop")
    expect(stop).to_be_hidden()
    folder = tree(tmp_path / "slow", "1.png", "2.png")

    def let_go(number: int) -> None:
        wait_until(
            lambda: page.evaluate("held.length") == number,
            f"{number} looks wait",
            timeout=SLOW,
            page=page,
        )
        page.evaluate("held.at(-1)()")

    drop(page, folder)
    let_go(1)  # what is in it; the next look tells that this is all
    expect(gallery.headline).to_have_text("Looking through the folder … 0 files")
    stop.click()
    expect(stop).to_be_hidden()
    expect(gallery.cards).to_have_count(0)
    gallery.add(picture("after.png", CONTENT))  # and everything works on
    assert names(gallery) == ["after.png"]


@pytest.mark.thorough
@pytest.mark.only_in("chromium", reason="only DevTools drop folders of the disk")
def test_the_saving_of_a_folder_can_be_stopped_and_keeps_what_was_saved(
    gallery: Gallery, tmp_path: Path
) -> None:
    page = gallery.page
    drop(page, tree(tmp_path / "large", *(f"{number:03}.png" for number in range(400))))
    expect(gallery.cards.first).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    toast = gallery.toasts.first
    expect(toast).to_contain_text("of 400 files")
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()
    told = int(toast.inner_text().split()[2])
    gallery.reload()
    shown = page.locator("#folder-list a .quiet")
    expect(shown).to_have_count(1)
    stored = int(shown.get_attribute("data-count") or 0)
    assert 0 < told <= stored < 400, "a few more may have been stored when it was stopped"


@pytest.mark.thorough
@pytest.mark.only_in("chromium", reason="only DevTools drop folders of the disk")
def test_a_folder_without_files_or_with_very_many_is_told(
    new_context: NewContext, store_id: str, tmp_path: Path
) -> None:
    context = new_context()
    source = (ROOT / "demo" / "adding.py").read_text()
    assert "MAX_ENTRIES = 20_000\n" in source
    few = source.replace("MAX_ENTRIES = 20_000\n", "MAX_ENTRIES = 5\n")
    replace_module(context, "adding.py", few)
    gallery = Gallery.open(context, store_id, localOnly=1)
    (tmp_path / "void" / "deeper").mkdir(parents=True)
    drop(gallery.page, tmp_path / "void")
    expect(gallery.toasts).to_contain_text("There is no file in what was dropped.")
    drop(gallery.page, tree(tmp_path / "five", *(f"in/{number}.png" for number in range(3))))
    expect(gallery.cards).to_have_count(3)
    expect(gallery.toasts).to_have_count(1)
    drop(gallery.page, tree(tmp_path / "six", *(f"in/{number}.png" for number in range(4))))
    expect(gallery.cards).to_have_count(6)
    expect(gallery.toasts.last).to_contain_text("There are more than 5 files and folders in it")


@pytest.mark.thorough
@pytest.mark.only_in("chromium", reason="only DevTools drop folders of the disk")
def test_folders_fit_the_screen(new_context: NewContext, store_id: str, tmp_path: Path) -> None:
    gallery = Gallery.open(new_context(viewport={"width": 320, "height": 640}), store_id, localOnly=1)
    long = "a folder with quite a long name "
    drop(gallery.page, tree(tmp_path / long, *(f"{long}{n}/{long}/{long}.png" for n in range(6))))
    expect(gallery.cards).to_have_count(6)
    fits = "document.documentElement.scrollWidth <= innerWidth"
    for _ in range(3):
        assert gallery.page.evaluate(fits)
        gallery.page.locator("#folder-list a").first.click()
        expect(gallery.page.locator(".path [aria-current]")).to_contain_text(long.strip())
    for width in (320, 768):
        gallery.page.set_viewport_size({"width": width, "height": 640})
        assert gallery.page.evaluate(fits)

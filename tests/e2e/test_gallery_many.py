"""A gallery of a thousand pictures: cards for what is in view, and ways to reach the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Locator, expect

from tests.e2e.gallery import Gallery, picture, png
from tests.harness import PyodidePage, open_pyodide_page, run_in_pyodide
from tests.harness.waiting import wait_until
from tests.in_page.many_files import name

MANY = 1000
MOST_CARDS = 120
"""More than the screens of these tests need, with their margins."""
STEP = 10
"""Between the numbers of the pictures, so that there is room for more."""

NewContext = Callable[..., BrowserContext]


@run_in_pyodide
async def fill(selenium: PyodidePage, store_id: str, content: bytes, numbers: range) -> None:
    from tests.in_page import many_files

    await many_files.fill(store_id, content, numbers)


@run_in_pyodide
async def delete(selenium: PyodidePage, store_id: str, number: int) -> None:
    from tests.in_page import many_files

    await many_files.delete(store_id, number)


class ManyPictures:
    """A store of pictures on one device, whose numbers are 0, 10, 20 ..."""

    store_id = "many"
    content = png(64, 48, (200, 120, 40))

    def __init__(self, context: BrowserContext, count: int = MANY) -> None:
        self._context = context
        self._tab = open_pyodide_page(context)
        self.fill(range(0, count * STEP, STEP))

    def fill(self, numbers: range) -> None:
        fill(self._tab, self.store_id, self.content, numbers)

    def delete(self, number: int) -> None:
        delete(self._tab, self.store_id, number)

    def open(self) -> Gallery:
        return Gallery.open(self._context, self.store_id, localOnly=1)


@pytest.fixture(scope="module")
def pictures(new_module_context: NewContext) -> ManyPictures:
    return ManyPictures(new_module_context(viewport={"width": 1280, "height": 720}))


@pytest.fixture
def gallery(pictures: ManyPictures) -> Iterator[Gallery]:
    gallery = pictures.open()
    expect(card_of(gallery, 0)).to_be_visible()
    yield gallery
    gallery.page.close()


def card_of(gallery: Gallery, place: int) -> Locator:
    """The card at that place of the pictures as they are at first."""
    return gallery.cards.filter(has_text=name(place * STEP))


def expect_shown(gallery: Gallery, place: int) -> None:
    """The picture at that place is on the screen, and with few enough others."""
    card = card_of(gallery, place)
    expect(card).to_be_in_viewport()
    expect(card).to_have_attribute("aria-posinset", str(place + 1))
    expect(card).to_have_attribute("aria-setsize", str(MANY))
    expect(card.get_by_test_id("file-image")).to_have_js_property("naturalWidth", 64)
    # cards are made one after another, and the one that is looked for is not the last
    wait_until(lambda: gallery.cards.count() >= 8, "its neighbours have cards", page=gallery.page)
    assert gallery.cards.count() <= MOST_CARDS


_STANDS_STILL = """
() => new Promise((resolve) => {
    let last = scrollY, frames = 0;
    const look = () => {
        frames = scrollY === last ? frames + 1 : 0;
        last = scrollY;
        if (frames < 10) requestAnimationFrame(look);
        else resolve();
    };
    look();
})
"""


def scroll_to(gallery: Gallery, share: float) -> None:
    gallery.page.evaluate("share => scrollTo(0, share * document.documentElement.scrollHeight)", share)


def place_in_view(gallery: Gallery) -> int:
    """The place of the first card that is on the screen with its whole height, once there is one."""
    js_found = gallery.page.wait_for_function(
        """() => {
            const seen = ({ top, bottom }) => top >= 0 && bottom <= innerHeight;
            const cards = [...document.querySelectorAll("[data-testid=file-card]")];
            return cards.find((card) => seen(card.getBoundingClientRect()))?.ariaPosInSet;
        }"""
    )
    return int(js_found.json_value()) - 1


def focused(gallery: Gallery, left: int) -> int | None:
    """The place of the card that has the focus; None while none has it, or the one that it is to leave."""
    position: str | None = gallery.page.evaluate("document.querySelector('.card:focus-within')?.ariaPosInSet")
    place = int(position) - 1 if position else left
    return None if place == left else place


def columns_of(gallery: Gallery) -> int:
    style = "getComputedStyle(document.getElementById('cards')).gridTemplateColumns"
    return len(str(gallery.page.evaluate(style)).split())


@pytest.mark.thorough
def test_only_what_is_in_view_has_cards_and_scrolling_leads_to_the_others(gallery: Gallery) -> None:
    expect_shown(gallery, 0)
    expect(gallery.page.get_by_role("list", name="Files")).to_have_count(1)
    first, below = card_of(gallery, 0).bounding_box(), card_of(gallery, 5).bounding_box()
    assert first
    assert below
    pitch = below["y"] - first["y"]
    assert pitch > 200
    columns = columns_of(gallery)
    rows = -(-MANY // columns)

    def height() -> int:
        return int(gallery.page.evaluate("document.getElementById('cards').clientHeight"))

    wait_until(  # it is laid out anew in the frame after the first row was measured
        lambda: abs(height() - pitch * rows) < 2 * pitch,
        lambda: f"the page is as high as with all cards: {height()}, {rows} rows of {pitch}",
        page=gallery.page,
    )

    scroll_to(gallery, 0.5)
    expect(card_of(gallery, 0)).to_have_count(0)
    expect_shown(gallery, place_in_view(gallery))
    for _ in range(12):
        gallery.page.mouse.move(600, 400)
        gallery.page.mouse.wheel(0, 700)
    gallery.page.evaluate(_STANDS_STILL)  # else what the wheel has begun goes on after the next line
    scroll_to(gallery, 1)
    expect_shown(gallery, MANY - 1)
    expect(gallery.cards.last).to_contain_text(name((MANY - 1) * STEP))
    scroll_to(gallery, 0)
    expect_shown(gallery, 0)


@pytest.mark.thorough
def test_keys_reach_every_card_and_the_focus_survives_scrolling(gallery: Gallery) -> None:
    def button(place: int) -> Locator:
        return card_of(gallery, place).get_by_role("button", name="View")

    press = gallery.page.keyboard.press
    button(0).focus()
    press("End")
    expect(button(MANY - 1)).to_be_focused()
    expect_shown(gallery, MANY - 1)
    press("ArrowLeft")
    expect(button(MANY - 2)).to_be_focused()
    press("Home")
    expect(button(0)).to_be_focused()
    expect_shown(gallery, 0)
    press("ArrowRight")
    expect(button(1)).to_be_focused()
    place = 1
    for key in ("PageDown", "PageDown", "PageDown", "ArrowUp"):  # the focus comes when there is the card
        press(key)
        left = place
        place = wait_until(lambda left=left: focused(gallery, left), f"{key} leads on", page=gallery.page)
    assert place > 10
    expect(gallery.page.locator(".card:focus-within")).to_be_in_viewport()

    scroll_to(gallery, 1)
    expect_shown(gallery, MANY - 1)
    expect(gallery.page.locator(".card:focus-within")).to_have_count(0)
    press("ArrowRight")
    expect(button(place + 1)).to_be_focused()
    expect_shown(gallery, place + 1)


@pytest.mark.thorough
def test_the_field_finds_what_is_not_on_the_page(gallery: Gallery) -> None:
    field = gallery.page.get_by_label("Find files by name")
    expect(field).to_have_attribute("placeholder", "Find in 1,000 files")
    scroll_to(gallery, 0.5)
    expect(card_of(gallery, 777)).to_have_count(0)
    field.fill(name(777 * STEP)[-9:].upper())
    expect(gallery.cards).to_have_count(1)
    expect(card_of(gallery, 777)).to_be_in_viewport()
    expect(gallery.page.locator("#find-result")).to_have_text("1 of 1,000")
    field.fill("no such picture")
    expect(gallery.cards).to_have_count(0)
    expect(gallery.page.locator("#find-result")).to_have_text("0 of 1,000")
    expect(gallery.page.get_by_text("No file has “no such picture” in its name.")).to_be_visible()
    expect(gallery.page.get_by_test_id("empty-state")).to_be_hidden()
    gallery.page.locator("input[type=file]").set_input_files([picture("added.png", ManyPictures.content)])
    expect(field).to_have_value("")
    expect(field).to_have_attribute("placeholder", "Find in 1,001 files")
    field.fill("ADDED")
    expect(gallery.cards).to_have_count(1)
    gallery.page.locator("input[type=file]").set_input_files([picture("added too.png", ManyPictures.content)])
    expect(gallery.cards).to_have_count(2)
    expect(field).to_have_value("ADDED")  # one that is found anyway ends no search
    gallery.card(1).part("delete-button").click()
    expect(gallery.cards).to_have_count(1)
    gallery.card(0).part("delete-button").click()
    expect(gallery.cards).to_have_count(0)
    field.fill("")
    expect_shown(gallery, 0)


@pytest.mark.thorough
def test_what_is_on_the_screen_stays_there_when_files_come_and_go_above(
    pictures: ManyPictures, gallery: Gallery
) -> None:
    columns = columns_of(gallery)
    scroll_to(gallery, 0.5)
    expect(card_of(gallery, 0)).to_have_count(0)
    seen = gallery.page.wait_for_function(
        "[...document.querySelectorAll('.card:not(.blank)')]"
        ".find(card => card.getBoundingClientRect().top > 64)?.querySelector('.name').textContent"
    )
    card = gallery.cards.filter(has_text=seen.json_value())
    place = int(card.get_attribute("aria-posinset") or 0)

    def top() -> float:
        box = card.bounding_box()
        assert box
        return box["y"]

    before, row_above = top(), range(1, 1 + columns)
    assert columns < STEP
    pictures.fill(row_above)
    expect(card).to_have_attribute("aria-posinset", str(place + columns))
    assert abs(top() - before) < 2
    for number in row_above:
        pictures.delete(number)
    expect(card).to_have_attribute("aria-posinset", str(place))
    assert abs(top() - before) < 2
    gallery.page.set_viewport_size({"width": 390, "height": 720})
    expect(card).to_be_in_viewport()
    gallery.page.set_viewport_size({"width": 1280, "height": 720})
    expect(card).to_be_in_viewport()
    expect(card).to_have_attribute("aria-posinset", str(place))


@pytest.mark.thorough
def test_the_full_view_goes_on_to_pictures_that_have_no_card(gallery: Gallery) -> None:
    card_of(gallery, 0).get_by_role("button", name="View").click()
    viewer = gallery.page.get_by_role("dialog")
    expect(viewer).to_contain_text(name(0))
    gallery.page.keyboard.press("ArrowLeft")
    expect(viewer).to_contain_text(name((MANY - 1) * STEP))
    expect(viewer.locator("img")).to_have_js_property("naturalWidth", 64)


@pytest.mark.thorough
def test_two_hundred_pictures_all_have_cards(new_context: NewContext) -> None:
    gallery = ManyPictures(new_context(), 200).open()
    expect(gallery.cards).to_have_count(200)
    expect(card_of(gallery, 199)).to_have_count(1)
    expect(card_of(gallery, 199).get_by_test_id("file-local-hash")).not_to_be_empty()

"""Which cards of a long list exist, and where the others would be."""

from __future__ import annotations

import pytest

from demo.layout import ALL_SHOWN, Layout

LAYOUT = Layout(columns=4, pitch=100, height=450)
MANY = 1002


def test_up_to_some_hundred_cards_all_exist() -> None:
    in_view = LAYOUT.in_view(0, ALL_SHOWN)
    assert in_view == range(20)
    assert LAYOUT.around(in_view, ALL_SHOWN) == range(ALL_SHOWN)
    assert not LAYOUT.is_outgrown(range(ALL_SHOWN), in_view, ALL_SHOWN)
    assert LAYOUT.around(LAYOUT.in_view(0, 0), 0) == range(0)


@pytest.mark.parametrize("offset", [-300, 0, 1, 99, 100, 1234, 12_345, 24_990, 25_100, 10**6])
def test_the_window_is_of_whole_rows_around_the_view_and_the_rest_is_space(offset: float) -> None:
    in_view = LAYOUT.in_view(offset, MANY)
    window = LAYOUT.around(in_view, MANY)
    assert in_view
    assert window.start <= in_view.start < in_view.stop <= window.stop <= MANY
    assert window.start % 4 == 0
    assert window.stop % 4 == 0 or window.stop == MANY
    assert len(window) <= 4 * (6 + 5 + 5)
    rows = -(-len(window) // 4) * LAYOUT.pitch
    assert LAYOUT.top(window.start) + rows + LAYOUT.below(window, MANY) == 251 * 100
    assert not LAYOUT.is_outgrown(window, in_view, MANY)


def test_the_window_is_outgrown_before_its_end_is_seen() -> None:
    window = LAYOUT.around(LAYOUT.in_view(10_000, MANY), MANY)
    assert not LAYOUT.is_outgrown(window, LAYOUT.in_view(10_100, MANY), MANY)
    assert not LAYOUT.is_outgrown(window, LAYOUT.in_view(9_900, MANY), MANY)
    for offset in (10_400, 9_600):
        in_view = LAYOUT.in_view(offset, MANY)
        assert LAYOUT.is_outgrown(window, in_view, MANY)
        assert set(in_view) <= set(window)


@pytest.mark.parametrize(
    ("key", "place", "to"),
    [
        ("ArrowRight", 5, 6),
        ("ArrowRight", MANY - 1, MANY - 1),
        ("ArrowLeft", 5, 4),
        ("ArrowLeft", 0, 0),
        ("ArrowDown", 5, 9),
        ("ArrowDown", MANY - 3, MANY - 1),
        ("ArrowDown", MANY - 2, MANY - 2),
        ("ArrowUp", 5, 1),
        ("ArrowUp", 2, 2),
        ("PageDown", 5, 21),
        ("PageDown", MANY - 9, MANY - 1),
        ("PageUp", 21, 5),
        ("PageUp", 9, 1),
        ("Home", 77, 0),
        ("End", 77, MANY - 1),
        ("Enter", 77, None),
    ],
)
def test_keys_lead_from_card_to_card(key: str, place: int, to: int | None) -> None:
    assert LAYOUT.reached(place, key, MANY) == to

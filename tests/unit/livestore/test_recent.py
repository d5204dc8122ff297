"""A backend is told from one that has lost events by the newest that it had confirmed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from filesync_web.livestore.messages import Event, PulledEvent, PullResponse
from filesync_web.livestore.recent import MAX_BYTES, MAX_EVENTS, RecentEvents


def log(*texts: str, gap: int = 1) -> list[Event]:
    """Events with these texts, numbered with that gap between them."""
    return [
        Event("e", {"text": text}, n * gap, (n - 1) * gap, "client", "session")
        for n, text in enumerate(texts, 1)
    ]


def page(*events: Event, remaining: int | None = 0) -> PullResponse:
    return PullResponse(tuple(map(PulledEvent, events)), "backend", remaining)


def lost(known: list[Event], *pages: PullResponse) -> bool:
    recent = RecentEvents(known)
    recent.begin()
    return any(map(recent.are_lost, pages))


def test_a_pull_asks_for_a_few_events_once_more() -> None:
    assert RecentEvents().begin() == 0
    assert RecentEvents(log(*"abc")).begin() == 0
    assert RecentEvents(log(*map(str, range(100)), gap=3)).begin() == (100 - MAX_EVENTS) * 3
    large = "x" * MAX_BYTES
    assert RecentEvents(log("a", "b", large)).begin() == 2
    assert RecentEvents(log("a", large, "c", "d")).begin() == 2


@pytest.mark.parametrize("gap", [1, 4])
def test_what_has_it_all_is_no_other(gap: int) -> None:
    known = log(*"abcdef", gap=gap)
    later = log(*"abcdefgh", gap=gap)[6:]
    assert not lost(known, page(*known))
    assert not lost(known, page(*known[:3], remaining=3), page(*known[3:], *later))
    assert not lost(known, page(*known), page(*later), page(*later))
    assert not lost(known, page(later[1]), page(*known, *later))  # it has overtaken the page
    assert not lost(known, page(*known[:2], remaining=None), page(*known[2:]))
    assert not lost([], page(), page(*known))


def test_what_lacks_any_of_it_is_another() -> None:
    known = log(*"abcdef")
    assert lost(known, page())
    for count in range(1, 6):
        assert lost(known, page(*known[:count]))
    for n in range(6):
        changed = [*known]
        changed[n] = replace(changed[n], args={"text": "other"})
        assert lost(known, page(*changed))
        changed[n] = replace(known[n], session_id="other")
        assert lost(known, page(*changed))
    for event in log(*"uvwxyz"):
        assert lost(known, page(event))


def test_another_history_with_gaps_is_another() -> None:
    known = log(*"abc", gap=10)
    between = Event("e", {"text": "c"}, 25, 20, "client", "session")
    assert lost(known, page(*known[:2], between))
    beyond = Event("e", {"text": "c"}, 40, 20, "client", "session")
    assert lost(known, page(*known[:2], beyond))
    assert lost(known, page(beyond))


def test_equal_events_that_have_moved_by_a_place_are_another() -> None:
    known = log("a", "b", "like", "like", "like")
    assert lost(known, page(*log("a", "like", "like", "like", "b", "c")))


def test_more_is_told_by_what_is_confirmed_later() -> None:
    known = log(*map(str, range(30)))
    recent = RecentEvents(known[:20])
    recent.begin()
    assert not recent.are_lost(page(*known[4:22]))
    recent.add(known[20:])
    assert recent.head == 30
    assert list(recent.newest) == known[-MAX_EVENTS:]
    assert not recent.are_lost(page(known[21]))  # of a pull that was slower than another tab
    assert recent.begin() == 14

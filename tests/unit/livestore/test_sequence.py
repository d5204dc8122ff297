"""Own events are told from others, and pending ones are numbered and batched."""

from __future__ import annotations

import pytest

from filesync_web.livestore.messages import MAX_BATCH_BYTES, Event
from filesync_web.livestore.ports import LocalEntry, LocalEvent
from filesync_web.livestore.sequence import confirm, next_batch
from filesync_web.livestore.wire import encoded_size


def pending(id_: int, name: str = "e", args: object = None, session: str = "s") -> LocalEntry:
    return LocalEntry(id_, LocalEvent(name, args, "c", session, True))


def arrived(
    seq_num: int, name: str = "e", args: object = None, client: str = "c", session: str = "s"
) -> Event:
    return Event(name, args, seq_num, seq_num - 1, client, session)


def ids(events: list[Event], head: int, own: list[LocalEntry]) -> list[int | None]:
    return [entry.local_id for entry in confirm(events, head, own)]


def test_own_events_are_matched_in_order_among_foreign_ones() -> None:
    own = [pending(1, "a"), pending(2, "b")]
    events = [
        arrived(1, client="x"),
        arrived(2, "a"),
        arrived(3, client="x"),
        arrived(4, "b"),
        arrived(5, "b"),
    ]
    assert ids(events, 0, own) == [None, 1, None, 2, None]


def test_equal_events_are_matched_one_by_one() -> None:
    assert ids([arrived(1)], 0, [pending(1), pending(2)]) == [1]
    assert ids([arrived(1), arrived(2), arrived(3)], 0, [pending(1), pending(2)]) == [1, 2, None]


def test_everything_must_be_equal() -> None:
    own = [pending(1, "a", {"x": 1})]
    assert ids([arrived(1, "b", {"x": 1})], 0, own) == [None]
    assert ids([arrived(1, "a", {"x": 2})], 0, own) == [None]
    assert ids([arrived(1, "a", {"x": 1}, client="other")], 0, own) == [None]
    assert ids([arrived(1, "a", {"x": 1}, session="other")], 0, own) == [None]
    assert ids([arrived(1, "a", {"x": 1.0})], 0, own) == [1]  # JavaScript does not tell them apart


def test_what_was_delivered_before_is_left_out() -> None:
    assert ids([arrived(3), arrived(4), arrived(4), arrived(5)], 3, [pending(1), pending(2)]) == [1, 2]


def test_a_batch_is_numbered_behind_the_head() -> None:
    batch = next_batch([pending(7, "a", session="one"), pending(9, "b", session="two")], 41)
    assert [(e.name, e.seq_num, e.parent_seq_num, e.session_id) for e in batch] == [
        ("a", 42, 41, "one"),
        ("b", 43, 42, "two"),
    ]


def test_a_batch_is_bounded_in_number_and_bytes() -> None:
    assert len(next_batch([pending(i) for i in range(200)], 0)) == 50
    large = [pending(i, args="é" * 200_000) for i in range(5)]
    batch = next_batch(large, 0)
    assert len(batch) == 2
    assert sum(map(encoded_size, batch)) < MAX_BATCH_BYTES
    assert len(next_batch([pending(1, args="x" * 2_000_000)], 0)) == 1  # alone, so that the queue can go on


# --- own events whose value a backend has changed -----------------------------------------------------------


@pytest.mark.parametrize(
    ("own", "kept"),
    [
        ({"x": 1.0}, {"x": 1}),
        ({"x": 2**53 + 1}, {"x": 2**53}),
        ({"x": 10**25 + 1}, {"x": 1e25}),
        ({"x": -0.0}, {"x": 0}),
        ({"x": ["a\ud800b", "\udc00"]}, {"x": ["a\ufffdb", "\ufffd"]}),
        ({"b": 1, "1": 2}, {"1": 2, "b": 1}),
    ],
)
def test_what_javascript_and_utf_8_change_is_no_difference(own: object, kept: object) -> None:
    assert ids([arrived(1, "e", kept)], 0, [pending(1, "e", own)]) == [1]


def test_other_values_are_told_apart() -> None:
    for own, other in (
        ({"x": 1}, {"x": 2}),
        ({"x": "1"}, {"x": 1}),
        ({"x": None}, {}),
        ({"x": True}, {"x": "true"}),
    ):
        assert ids([arrived(1, "e", other)], 0, [pending(1, "e", own)]) == [None]


def test_an_event_is_known_by_the_number_under_which_it_was_pushed() -> None:
    own = [pending(1, args={"x": "a"}), pending(2, args={"x": "b"}), pending(3, args={"x": "c"})]
    events = [arrived(8, args={"x": "A!"}), arrived(9, args={"x": "B!"}), arrived(10, args={"x": "C!"})]
    assert [e.local_id for e in confirm(events, 7, own, {8: 1, 9: 2})] == [1, 2, None]
    strangers = [arrived(8, client="x"), arrived(9, session="x"), arrived(10, "other")]
    assert [e.local_id for e in confirm(strangers, 7, own, {8: 1, 9: 2, 10: 3})] == [None, None, None]


def test_the_value_counts_more_than_the_number() -> None:
    """The number is that of a push that was refused: another one of ours was first, from another tab."""
    own = [pending(1, args={"x": "a"}), pending(2, args={"x": "b"})]
    events = [arrived(8, args={"x": "b"}), arrived(9, args={"x": "a"})]
    assert [e.local_id for e in confirm(events, 7, own, {8: 1, 9: 2})] == [2, 1]


def test_one_that_comes_out_of_its_order_is_known_too() -> None:
    own = [pending(n, args={"n": n}) for n in range(1, 5)]
    events = [arrived(seq, args={"n": n}) for seq, n in ((1, 3), (2, 1), (3, 3), (4, 4))]
    assert ids(events, 0, own) == [3, 1, None, 4]

"""Bytes that are written at any place before they are stored."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from filesync_web.core.drafts import MemoryDraft, copy_bytes


def bytes_of(draft: MemoryDraft) -> bytes:
    found = bytearray(draft.size)
    assert draft.read_into(0, memoryview(found)) == draft.size
    return bytes(found)


@given(st.lists(st.tuples(st.integers(0, 40), st.binary(max_size=20) | st.none())))
def test_a_draft_is_like_a_file(steps: list[tuple[int, bytes | None]]) -> None:
    draft, file = MemoryDraft(), b""
    for place, data in steps:
        if data is None:
            draft.truncate(place)
            file = file[:place].ljust(place, b"\0")
        else:
            draft.write(place, memoryview(data))
            if data:
                file = file.ljust(place, b"\0")[:place] + data + file[place + len(data) :]
        assert bytes_of(draft) == draft.snapshot() == file


def test_what_was_taken_stays_as_it_was() -> None:
    draft = MemoryDraft()
    draft.write(0, memoryview(b"before"))
    taken = draft.snapshot()
    draft.write(0, memoryview(b"after"))
    assert (taken, bytes_of(draft)) == (b"before", b"aftere")


def test_the_beginning_is_copied() -> None:
    source, copy = MemoryDraft(), MemoryDraft()
    source.write(3 << 20, memoryview(b"12345"))
    copy_bytes(source, copy, (3 << 20) + 3)
    assert bytes_of(copy) == bytes(3 << 20) + b"123"

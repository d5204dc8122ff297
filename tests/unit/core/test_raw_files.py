"""A raw file over bytes in hand does what Python's own files do."""

from __future__ import annotations

import asyncio
import io
import os
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from filesync_web.core.raw_files import RawReader, RawWriter
from filesync_web.testing.blobs import MemoryBlobStore, MemoryBytes

PLACES = st.integers(-5, 60)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.integers(-1, 50)),
        st.tuples(st.just("read1"), st.integers(0, 50)),
        st.tuples(st.just("readline"), st.integers(-1, 50)),
        st.tuples(st.just("readinto"), st.integers(0, 50)),
        st.tuples(st.just("seek"), PLACES, st.sampled_from([os.SEEK_SET, os.SEEK_CUR, os.SEEK_END])),
        st.tuples(st.just("tell")),
        st.tuples(st.just("peek_and_stay")),
    ),
    max_size=25,
)
WRITES = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.binary(max_size=30)),
        st.tuples(st.just("seek"), PLACES, st.sampled_from([os.SEEK_SET, os.SEEK_CUR, os.SEEK_END])),
        st.tuples(st.just("tell")),
        st.tuples(st.just("flush")),
    ),
    max_size=25,
)


def done(file: Any, step: tuple[Any, ...]) -> Any:
    """What a step gives, or the kind of its error."""
    name, *arguments = step
    try:
        if name == "readinto":
            buffer = bytearray(arguments[0])
            return file.readinto(buffer), bytes(buffer)
        if name == "peek_and_stay":
            return [line[:3] for line in file], file.tell()
        return getattr(file, name)(*arguments)
    except OSError:
        return OSError
    except ValueError:  # a BytesIO has its own idea of the same
        return OSError


def is_before_the_beginning(file: Any, step: tuple[Any, ...]) -> bool:
    """Where a BytesIO goes to the beginning instead of raising."""
    if step[0] != "seek" or step[2] == os.SEEK_SET:
        return False
    size = len(file.getvalue())
    return bool((file.tell() if step[2] == os.SEEK_CUR else size) + step[1] < 0)


@given(st.binary(max_size=60), st.sampled_from([0, 1, 7, 64]), STEPS)
def test_it_is_read_like_bytes_in_memory(data: bytes, buffer_size: int, steps: list[Any]) -> None:
    raw: Any = RawReader(MemoryBytes(data), "name")
    ours = io.BufferedReader(raw, buffer_size) if buffer_size else raw
    theirs = io.BytesIO(data)
    for step in steps:
        if step[0] == "read1" and not buffer_size:
            continue
        if is_before_the_beginning(theirs, step):
            assert done(ours, step) is OSError
        elif step[0] == "read1":  # how much comes at once is the buffer's affair
            piece = ours.read1(step[1])
            assert theirs.read(len(piece)) == piece
        else:
            assert done(ours, step) == done(theirs, step)
    assert ours.tell() == theirs.tell()


@given(st.binary(max_size=60), STEPS)
def test_text_of_it_is_read_like_text_in_memory(data: bytes, steps: list[Any]) -> None:
    ours = io.TextIOWrapper(io.BufferedReader(RawReader(MemoryBytes(data), "name")), "latin-1")
    theirs = io.TextIOWrapper(io.BytesIO(data), "latin-1")
    for step in steps:
        if step[0] in ("read", "readline"):
            assert done(ours, step) == done(theirs, step)
    ours.seek(0)
    theirs.seek(0)
    assert ours.read() == theirs.read()


@given(st.sampled_from([0, 1, 7, 64]), WRITES)
def test_it_is_written_like_bytes_in_memory(buffer_size: int, steps: list[Any]) -> None:
    new: Any = asyncio.run(MemoryBlobStore().create_bytes())
    raw: Any = RawWriter(new, "name")
    ours = io.BufferedWriter(raw, buffer_size) if buffer_size else raw
    theirs = io.BytesIO()
    for step in steps:
        if is_before_the_beginning(theirs, step):
            assert done(ours, step) is OSError
        else:
            assert done(ours, step) == done(theirs, step)
    ours.flush()
    assert asyncio.run(new.finish()).handle.data == theirs.getvalue()


def test_it_has_the_answers_that_libraries_ask_for() -> None:
    raw = RawReader(MemoryBytes(b"abc"), "name.bin")
    assert (raw.readable(), raw.seekable(), raw.writable(), raw.isatty()) == (True, True, False, False)
    assert (raw.name, raw.mode, raw.readall(), raw.readall()) == ("name.bin", "rb", b"abc", b"")
    raw.close()
    assert raw.closed

"""Lock files that several processes take, sweep and remove at the same moment."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from filesync_web.errors import StorageError
from filesync_web.native import incoming
from filesync_web.native.incoming import Incoming
from filesync_web.native.locks import is_locked, try_lock, unlock


def test_whoever_lets_go_last_removes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    first, second = try_lock(path, exclusive=False), try_lock(path, exclusive=False)
    assert first is not None
    assert second is not None
    unlock(path, first)
    assert path.exists()
    unlock(path, second)
    assert not path.exists()


def test_a_file_that_others_have_locked_anew_is_not_removed(tmp_path: Path) -> None:
    """To see whether it is the last one, a holder lets go of a shared lock for a moment."""
    path = tmp_path / "lock"
    old = try_lock(path, exclusive=False)
    assert old is not None
    fcntl.flock(old, fcntl.LOCK_UN)
    other = try_lock(path)
    assert other is not None
    unlock(path, other)
    new = try_lock(path)
    assert new is not None
    unlock(path, old)
    assert path.exists()
    assert try_lock(path) is None
    unlock(path, new)


def test_a_lock_is_seen_without_making_its_file(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_locked(path)
    assert not path.exists()
    descriptor = try_lock(path)
    assert descriptor is not None
    assert is_locked(path)
    os.close(descriptor)
    assert not is_locked(path)


def test_a_new_file_that_is_being_swept_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "put-1"
    sweeper = try_lock(path)
    assert sweeper is not None
    monkeypatch.setattr("time.sleep", lambda _seconds: unlock(path, sweeper))
    written = Incoming(path)
    written.append(b"bytes")
    assert path.read_bytes() == b"bytes"
    monkeypatch.setattr(incoming, "_SWEEP_SECONDS", 0.0)
    with pytest.raises(StorageError, match="in use by another process"):
        Incoming(path)
    written.discard()

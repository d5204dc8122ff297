"""Fakes of everything outside, for tests of the kit and of apps that use it; they run wherever Python runs.

    MemoryBlobStore   bytes in a dictionary
    MemoryThumbnails  thumbnails of these
    MemoryNetwork     holds each request until the test answers it, or answers by a rule or a plan
    HeldHttp          the `Http` port over such a network
    ManualConnectivity, MemoryLocks
    ManualClock       time that moves only when the test moves it

Each passes the same contract suite as what it stands for.
"""

from __future__ import annotations

from filesync_web.testing.blobs import MemoryBlob, MemoryBlobStore
from filesync_web.testing.clock import ManualClock, settle
from filesync_web.testing.connectivity import ManualConnectivity
from filesync_web.testing.http import HeldHttp, HeldRequest, MemoryNetwork, Reply
from filesync_web.testing.locks import MemoryLocks
from filesync_web.testing.thumbnails import MemoryThumbnails

__all__ = [
    "HeldHttp",
    "HeldRequest",
    "ManualClock",
    "ManualConnectivity",
    "MemoryBlob",
    "MemoryBlobStore",
    "MemoryLocks",
    "MemoryNetwork",
    "MemoryThumbnails",
    "Reply",
    "settle",
]

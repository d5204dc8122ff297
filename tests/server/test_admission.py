"""Hooks and quotas of uploads: what is refused, what is counted, and what is told of that has arrived."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.exceptions import HTTPException

from filesync_server import (
    ALL_RIGHTS,
    Admission,
    Identity,
    Quota,
    Uploaded,
)
from filesync_server.objects.admission import GRACE
from filesync_server.objects.ledger import FIRST_LOOK
from filesync_server.objects.port import ObjectInfo, StoreUnavailableError, Upload
from tests.server.support import (
    Clock,
)

ANN, BOB = (Identity(name, {name: ALL_RIGHTS, "store": ALL_RIGHTS}) for name in ("ann", "bob"))
LIFETIME = 900.0


class RemoteStore:
    """An object store as the signer sees S3: bytes come and go without a word."""

    def __init__(self) -> None:
        self.sizes: dict[str, int] = {}
        self.is_away = False
        self.asked = 0

    async def head(self, key: str) -> ObjectInfo | None:
        self.asked += 1
        if self.is_away:
            raise StoreUnavailableError("away")
        return ObjectInfo(self.sizes[key], "etag") if key in self.sizes else None

    async def delete(self, key: str) -> None:
        self.sizes.pop(key, None)


@pytest.fixture
def remote() -> RemoteStore:
    return RemoteStore()


Make = Callable[..., Admission]


@pytest.fixture
async def make(tmp_path: Path, remote: RemoteStore, clock: Clock) -> AsyncIterator[Make]:
    """Makes admissions for the remote store, all with one file."""
    made: list[Admission] = []

    def make(**options: Any) -> Admission:
        store: Any = options.pop("store", remote)
        options = {"clock": clock, "url_lifetime": LIFETIME} | options
        made.append(Admission(store, tmp_path / "usage.sqlite", **options))
        return made[-1]

    yield make
    for admission in made:
        await admission.close()


async def refused(admission: Admission, identity: Identity, key: str, size: int | None) -> tuple[int, str]:
    """The status and the words of a refusal; 0 for an upload that was admitted."""
    try:
        await admission.admit(identity, Upload(key, "a/b", size))
    except HTTPException as refusal:
        return refusal.status_code, refusal.detail
    return 0, ""


async def used(admission: Admission, identity: Identity = ANN, store_id: str = "store") -> tuple[int, ...]:
    """Bytes and files of the store, then of the identity."""
    answer = await admission.usage(identity, store_id)
    return tuple(answer[kind][what] for kind in ("store", "identity") for what in ("bytes", "files"))


# --- quotas -------------------------------------------------------------------------------------------------


async def test_what_does_not_fit_is_refused_with_what_is_left(make: Make) -> None:
    admission = make(per_store=Quota(max_bytes=100, max_files=3), per_identity=Quota(max_bytes=150))
    assert await refused(admission, ANN, "store/a", 60) == (0, "")
    assert await refused(admission, BOB, "store/b", 41) == (
        413,
        "there is no room for this upload: this store has 40 of 100 bytes and 2 of 3 files left",
    )
    assert await refused(admission, BOB, "store/b", 40) == (0, "")
    assert await refused(admission, ANN, "ann/a", 91) == (
        413,
        "there is no room for this upload: you have 90 of 150 bytes left",
    )
    assert await refused(admission, ANN, "ann/a", 90) == (0, "")
    assert await refused(admission, ANN, "store/c", 0) == (0, "")
    assert (await refused(admission, BOB, "store/d", 0))[0] == 413
    assert await used(admission) == (100, 3, 150, 3)
    assert await used(admission, BOB, "bob") == (0, 0, 40, 1)


async def test_of_many_at_once_no_more_are_admitted_than_fit(make: Make) -> None:
    first, second = (make(per_store=Quota(max_bytes=100)) for _ in range(2))
    asked = [refused((first, second)[n % 2], ANN, f"store/{n}", 10) for n in range(40)]
    statuses = [status for status, _ in await asyncio.gather(*asked)]
    assert sorted(statuses) == [0] * 10 + [413] * 30
    assert await used(first) == (100, 10, 100, 10)


async def test_the_same_object_again_is_counted_once(make: Make) -> None:
    admission = make(per_store=Quota(max_bytes=100, max_files=1))
    for _ in range(3):
        assert await refused(admission, ANN, "store/a", 100) == (0, "")
    assert await refused(admission, BOB, "store/a", 100) == (0, "")
    assert await used(admission) == (100, 1, 0, 0)


async def test_a_length_is_needed_where_it_is_counted(make: Make) -> None:
    assert (await refused(make(), ANN, "store/a", None))[0] == 400


async def test_what_never_comes_is_given_up(make: Make, clock: Clock) -> None:
    admission = make(per_store=Quota(max_bytes=100))
    await admission.admit(ANN, Upload("store/a", None, 100))
    clock.now += LIFETIME + GRACE - 1
    await admission.look()
    assert await used(admission) == (100, 1, 100, 1)
    clock.now += LIFETIME + GRACE  # looks are farther and farther apart
    await admission.look()
    assert await used(admission) == (0, 0, 0, 0)


async def test_no_url_brings_more_than_was_counted(make: Make, remote: RemoteStore, clock: Clock) -> None:
    """Whoever has a URL for many bytes may neither announce fewer meanwhile, nor delete what it has brought,
    to get another, as long as it is good."""
    admission = make(per_store=Quota(max_bytes=100))
    await admission.admit(ANN, Upload("store/a", None, 100))
    await admission.admit(ANN, Upload("store/a", None, 1))
    assert (await refused(admission, ANN, "store/b", 1))[0] == 413
    remote.sizes["store/a"] = 1
    clock.now += FIRST_LOOK
    await admission.look()
    assert (await refused(admission, ANN, "store/b", 1))[0] == 413
    await admission.delete("store/a")
    assert (await refused(admission, ANN, "store/b", 1))[0] == 413
    clock.now += 2 * (LIFETIME + GRACE)
    await admission.look()
    assert await refused(admission, ANN, "store/b", 100) == (0, "")


async def test_what_is_deleted_later_makes_room_at_once(
    make: Make, remote: RemoteStore, clock: Clock
) -> None:
    admission = make(per_store=Quota(max_bytes=100))
    await admission.admit(ANN, Upload("store/a", None, 100))
    remote.sizes["store/a"] = 100
    clock.now += LIFETIME + GRACE
    await admission.look()
    await admission.delete("store/a")
    assert await used(admission) == (0, 0, 0, 0)


async def test_a_crash_in_the_middle_of_a_deletion_is_made_good(
    make: Make, remote: RemoteStore, clock: Clock
) -> None:
    admission = make()
    await admission.admit(ANN, Upload("store/a", None, 100))
    remote.sizes["store/a"] = 100
    clock.now += LIFETIME + GRACE
    await admission.look()

    async def crash(key: str) -> None:
        remote.sizes.pop(key)
        raise asyncio.CancelledError

    remote.delete = crash  # type: ignore[method-assign]
    with pytest.raises(asyncio.CancelledError):
        await admission.delete("store/a")
    assert (await used(admission))[0] == 100
    clock.now += FIRST_LOOK
    await make().look()
    assert await used(admission) == (0, 0, 0, 0)


# --- hooks --------------------------------------------------------------------------------------------------


async def test_a_hook_is_asked_who_uploads_what(make: Make) -> None:
    asked: list[Any] = []

    async def before(*upload: Any) -> str | None:
        asked.append(upload)
        return "no films, please" if upload[3] == "video/mp4" else None

    admission = make(before_upload=before)
    await admission.admit(ANN, Upload("store/a", "image/png", 5))
    with pytest.raises(HTTPException) as refusal:
        await admission.admit(BOB, Upload("store/b", "video/mp4", 6))
    assert (refusal.value.status_code, refusal.value.detail) == (403, "no films, please")
    assert asked == [(ANN, "store/a", 5, "image/png"), (BOB, "store/b", 6, "video/mp4")]
    assert await used(admission, BOB) == (5, 1, 0, 0), "what was refused is not counted"


async def test_what_has_arrived_in_s3_is_told_at_least_once(
    make: Make, remote: RemoteStore, clock: Clock
) -> None:
    told: list[Uploaded] = []
    admission = make(after_upload=told.append)
    await admission.admit(ANN, Upload("store/a", "image/png", 5))
    await admission.admit(ANN, Upload("store/never", None, 5))
    await admission.look()
    assert remote.asked == 0, "it is too early"
    clock.now += FIRST_LOOK
    await admission.look()
    assert (remote.asked, told) == (2, [])
    remote.sizes["store/a"] = 5
    clock.now += FIRST_LOOK
    await admission.look()
    assert told == [Uploaded("ann", "store/a", 5, "image/png")]
    clock.now += 10 * GRACE
    await admission.look()
    assert len(told) == 1


async def test_it_is_told_again_after_a_failure_and_by_the_next_process(
    make: Make, remote: RemoteStore, clock: Clock
) -> None:
    told: list[str] = []

    def fail(_uploaded: Uploaded) -> None:
        told.append("failed")
        raise OSError("no disk")

    async def note(uploaded: Uploaded) -> None:
        told.append(uploaded.key)

    crashed = make(after_upload=fail)
    await crashed.admit(ANN, Upload("store/a", None, 5))
    remote.sizes["store/a"] = 5
    remote.is_away = True
    for age in (100, 200, 400):  # seconds; each look waits as long as it has taken so far
        clock.now = 1_800_000_000 + age
        await crashed.look()
        remote.is_away = False
    assert told == ["failed", "failed"]
    clock.now += 1000
    await make(after_upload=note).look()
    assert told == ["failed", "failed", "store/a"]


async def test_of_two_processes_one_tells(make: Make, remote: RemoteStore, clock: Clock) -> None:
    told: list[Uploaded] = []
    first, second = (make(after_upload=told.append) for _ in range(2))
    for number in range(20):
        await first.admit(ANN, Upload(f"store/{number}", None, 1))
        remote.sizes[f"store/{number}"] = 1
    clock.now += FIRST_LOOK
    await asyncio.gather(first.look(), second.look())
    assert len(told) == len(set(told)) == 20

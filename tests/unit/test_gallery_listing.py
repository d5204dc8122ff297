"""The list of pictures: any part of it, what is before what, and what is found by name."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import filesync_web as fs
from demo import listing as module
from demo.listing import Listing
from tests.in_page.client import FILES, SCHEMA

NAMES = ["Sea.jpg", "sun_set.jpg", "100%.png", "ÄPFEL.png", "äste.png", 'quo"te.png', "sea (2).jpg"]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[fs.Store]:
    """A store with files named NAMES, all of one moment but the last, which is older; one is deleted."""
    opened = await fs.open_store(SCHEMA, store_id="listed", data_dir=tmp_path)
    for number, name in enumerate([*NAMES, "gone.jpg"]):
        await opened.commit(
            FILES.events.file_created(
                id=f"id {number}",
                path="path",
                content_hash="hash",
                metadata_json=json.dumps({"custom": {"name": name}}, ensure_ascii=False),
                created_at=900 if name == NAMES[-1] else 1000,
                updated_at=1000,
            )
        )
    await opened.commit(FILES.events.file_deleted(id=f"id {len(NAMES)}", deleted_at=2000))
    yield opened
    await opened.close()


def names(listing: Listing, places: range = range(100)) -> list[str | None]:
    return [fs.get_file_metadata(record).name for record, *_ in listing.page(places)]


ORDER = [NAMES[-1], *NAMES[:-1]]


async def test_pages_have_the_live_files_by_time_with_what_this_client_knows(store: fs.Store) -> None:
    await store.commit(
        FILES.events.local_file_state_upsert(
            file_id="id 1",
            path="path",
            local_hash="hash",
            download_status="done",
            upload_status="queued",
            last_sync_error="",
        )
    )
    listing = Listing(store)
    assert (listing.count, listing.total) == (len(NAMES), len(NAMES))
    assert names(listing) == ORDER
    assert names(listing, range(2, 5)) == ORDER[2:5]
    assert [one.state.upload_status for one in listing.page(range(7)) if one.state] == ["queued"]


async def test_a_page_tells_what_the_user_asked_of_its_files(store: fs.Store) -> None:
    for file_id, state, pinned in (("id 1", "paused", False), ("id 2", "", True)):
        control = {"file_id": file_id, "state": state, "priority": 0, "pinned": pinned, "evicted": False}
        await store.commit(FILES.events.transfer_control_set(**control))
    asked = {entry.record.id: (entry.is_paused, entry.is_pinned) for entry in Listing(store).page(range(7))}
    assert asked.pop("id 1") == (True, False)
    assert asked.pop("id 2") == (False, True)
    assert set(asked.values()) == {(False, False)}


def test_entries_are_given_in_the_order_in_which_they_are_asked_for(store: fs.Store) -> None:
    found = Listing(store).entries(["id 2", "nobody", "id 0"])
    assert [entry.record.id for entry in found] == ["id 2", "id 0"]


async def test_a_file_knows_its_place_and_its_neighbours(store: fs.Store) -> None:
    listing = Listing(store)
    ids = [record.id for record, *_ in listing.page(range(100))]
    assert [listing.place(file_id) for file_id in ids] == list(range(7))
    assert listing.place(f"id {len(NAMES)}") is None, "it is deleted"
    assert listing.place("nobody's") is None
    assert [entry.record.id for entry in listing.neighbours(ids[5], 1)] == [ids[6], *ids[:5]]
    assert [entry.record.id for entry in listing.neighbours(ids[1], -1)] == [ids[0], *ids[:1:-1]]
    assert not list(listing.neighbours("nobody's", 1))


@pytest.mark.parametrize(
    ("term", "found"),
    [
        ("SEA", ["sea (2).jpg", "Sea.jpg"]),
        ("%", ["100%.png"]),
        ("n_s", ["sun_set.jpg"]),
        ("\\", []),
        ("äpfel", ["ÄPFEL.png"]),
        ("ÄSTE", ["äste.png"]),
        ('o"t', ['quo"te.png']),
        ("gone", []),
        ("custom", []),
        ("a\ud83c", ["sea (2).jpg", "Sea.jpg"]),
        ("", ORDER),
    ],
)
async def test_files_are_found_by_a_part_of_their_name(
    store: fs.Store, term: str, found: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "READ_AT_ONCE", 3)
    listing = Listing(store)
    await listing.find(term)
    assert names(listing) == found
    assert (listing.count, listing.total, listing.term) == (len(found), len(NAMES), term)
    ids = [record.id for record, *_ in listing.page(range(100))]
    assert [listing.place(file_id) for file_id in ids] == list(range(len(found)))


async def test_others_have_their_turn_while_a_long_list_is_searched(
    store: fs.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "READ_AT_ONCE", 1)
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.ensure_future(other())
    await Listing(store).find("sea")
    task.cancel()
    assert turns >= len(NAMES)


async def test_a_name_that_is_no_text_and_metadata_that_are_no_json_are_no_error(store: fs.Store) -> None:
    for number, metadata in enumerate(["no JSON", '{"custom": {"name": ["sea"]}}', None]):
        await store.commit(
            FILES.events.file_created(
                id=f"odd {number}",
                path="",
                content_hash="",
                metadata_json=metadata,
                created_at=1,
                updated_at=1,
            )
        )
    listing = Listing(store)
    await listing.find("sun")
    assert names(listing) == ["sun_set.jpg"]


@pytest.mark.parametrize("term", ["sea", "SEA", "Äp", "äPFEL", "%", "_", '"', "s", ".jp", "good"])
async def test_a_name_that_is_told_to_be_found_is(store: fs.Store, term: str) -> None:
    """The converse need not hold: then all pictures are listed, and it is among them."""
    listing = Listing(store)
    await listing.find(term)
    told = [name for name in NAMES if module.is_found(term, name)]
    assert set(told) <= set(names(listing))


def test_a_name_is_told_to_be_found_in_its_own_letters_and_in_the_usual_ones() -> None:
    assert module.is_found("good-", "good-1.png")
    assert module.is_found("img", "IMG_1.jpg")
    assert not module.is_found("good", "bad.png")


async def test_a_file_that_was_found_and_has_gone_is_left_out(store: fs.Store) -> None:
    listing = Listing(store)
    await listing.find("sea")
    await store.commit(FILES.events.file_deleted(id="id 0", deleted_at=3000))
    assert names(listing) == ["sea (2).jpg"]
    await listing.find("sea")
    assert listing.count == 1


async def test_a_folder_has_what_is_named_after_it_and_after_the_folders_in_it(
    store: fs.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "READ_AT_ONCE", 3)
    inside = [
        "sea/1.jpg",
        "sea/deep/2.jpg",
        "sea/Cold/3.jpg",
        "sea/deep/sea.jpg",
        "sea/",
    ]
    for number, name in enumerate([*inside, "SEA/4.jpg", "/5.jpg", "se%/6.jpg"]):
        await store.commit(
            FILES.events.file_created(
                id=f"in {number}",
                path="",
                content_hash="",
                metadata_json=json.dumps({"custom": {"name": name}}),
                created_at=3000 + number,
                updated_at=3000,
            )
        )
    listing = Listing(store)
    assert await listing.folders("") == {"se%": 1, "SEA": 1, "sea": 5}
    assert list((await listing.folders("sea/")).items()) == [("Cold", 1), ("deep", 2)]
    assert await listing.folders("sea/deep/") == {}
    assert not listing.is_narrowed
    await listing.find("", "sea/")
    assert names(listing) == inside
    assert (listing.is_narrowed, listing.folder, listing.term) == (True, "sea/", "")
    await listing.find("SEA", "sea/")
    assert names(listing) == ["sea/deep/sea.jpg"], "its own name is not searched"
    await listing.find("", "se_/")
    assert names(listing) == []
    await listing.find("")
    assert (len(names(listing)), listing.folder) == (len(NAMES) + 8, "")

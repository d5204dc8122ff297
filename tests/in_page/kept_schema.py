"""The schema of the stores that `tests/data/formats` keeps, and what they hold."""

from __future__ import annotations

from filesync_web.livestore import fields as f
from filesync_web.livestore.messages import Event
from filesync_web.livestore.schema import event, make_schema
from filesync_web.livestore.store import Store
from filesync_web.livestore.tables import table

_ARGS = {"id": f.text(), "body": f.text(default="")}

notes = table("notes", {"id": f.text(primary_key=True), "body": f.text(default="")})
drafts = table("drafts", {"id": f.text(primary_key=True), "body": f.text()}, client_only=True)
note_added = event("v1.NoteAdded", _ARGS)
note_changed = event("v1.NoteChanged", _ARGS)
draft_set = event("v1.DraftSet", _ARGS, synced=False, compact_by=lambda args: args.id)

# In SQL, so that the hash of the schema is the same for every version of Python.
KEPT = make_schema(
    tables={"notes": notes, "drafts": drafts},
    events={"note_added": note_added, "note_changed": note_changed, "draft_set": draft_set},
    materializers={
        "v1.NoteAdded": "INSERT OR IGNORE INTO notes VALUES (:id, :body)",
        "v1.NoteChanged": "UPDATE notes SET body = :body WHERE id = :id",
        "v1.DraftSet": "REPLACE INTO drafts VALUES (:id, :body)",
    },
)

NOTES = {"a": "pending, if it is there", "b": "pending"}
DRAFTS = {"d": "new"}


async def fill(store: Store) -> None:
    """Bring a new store to what is kept: confirmed events, one of them unknown; pending ones, one of them on
    condition; client-only ones. Sync is off, and the state is saved."""
    await store.commit(note_added(id="a", body="confirmed, own"), draft_set(id="d", body="old"))
    own = store._replica.pending[0].event
    events = [
        Event(own.name, own.args, 1, 0, own.client_id, own.session_id),
        Event("v1.NoteAdded", {"id": "b", "body": "confirmed, of another client"}, 2, 1, "other", "session"),
        Event("v9.Unknown", {"x": [1, None]}, 3, 2, "other", "session"),
    ]
    await store._replica.confirm(events, "backend-of-then", {})
    await store.commit(note_changed(id="b", body="pending"), draft_set(id="d", body="new"))
    await store.commit(note_changed(id="a", body="pending, if it is there").only_if(notes.where(id="a")))
    await store.set_sync_enabled(False)
    await store._replica.save_state()


def check(store: Store) -> None:
    """Everything that `fill` has put there is there."""
    assert {note.id: note.body for note in store.query(notes)} == NOTES
    assert {draft.id: draft.body for draft in store.query(drafts)} == DRAFTS
    replica = store._replica
    assert (replica.position.confirmed, replica.position.local, replica.backend_id) == (
        3,
        5,
        "backend-of-then",
    )
    assert [entry.event.args["body"] for entry in replica.pending] == ["pending", NOTES["a"]]
    assert replica.pending[1].event.only_if is not None
    assert not store.sync_status.enabled

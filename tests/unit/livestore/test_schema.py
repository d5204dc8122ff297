"""The schema DSL: types, events, tables, materializers; what is refused, and how clearly."""

from __future__ import annotations

import datetime as dt

import pytest

from filesync_web.core.records import FileRecord
from filesync_web.errors import SchemaError
from filesync_web.livestore import fields as f
from filesync_web.livestore.schema import event, make_schema
from filesync_web.livestore.tables import Op, index, table
from tests.unit.livestore.support import FILE_SCHEMA, FILES, NOTES, note_added, notes

NOON = dt.datetime(2026, 11, 22, 12, 0, 0, 123_456, tzinfo=dt.timezone(dt.timedelta(hours=2)))
NOON_MS = 1795341600123

everything = event(
    "v1.Everything",
    {
        "a_text": f.text(),
        "an_integer": f.integer(),
        "a_real": f.real(),
        "a_boolean": f.boolean(),
        "some_json": f.json(),
        "a_timestamp": f.timestamp(),
        "nothing": f.text(nullable=True),
        "left_out": f.text(optional=True),
        "defaulted": f.integer(default=7),
    },
)
GOOD = {
    "a_text": "x",
    "an_integer": 5,
    "a_real": 1,
    "a_boolean": True,
    "some_json": {"a": [1, None]},
    "a_timestamp": NOON_MS,
    "nothing": None,
}


def test_arguments_travel_in_camel_case_and_json() -> None:
    assert everything(**GOOD).args == {
        "aText": "x",
        "anInteger": 5,
        "aReal": 1.0,
        "aBoolean": True,
        "someJson": {"a": [1, None]},
        "aTimestamp": "2026-11-22T10:00:00.123Z",
        "nothing": None,
        "defaulted": 7,
    }


def test_arguments_come_back_in_python_types() -> None:
    args = everything.decode({**everything(**GOOD).args, "fromANewerVersion": 1})
    assert args.a_timestamp == NOON_MS
    assert args.defaulted == 7
    assert "left_out" not in args
    assert args.some_json == {"a": [1, None]}


def test_a_timestamp_may_be_given_as_a_datetime() -> None:
    assert everything(**GOOD | {"a_timestamp": NOON}) == everything(**GOOD)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("a_text", 5, "'a_text' must be text"),
        ("a_text", None, "must not be None"),
        ("a_text", "\ud800", "must be text"),
        ("an_integer", True, "an integer"),
        ("an_integer", 1.5, "an integer"),
        ("an_integer", 2**53, "between"),
        ("a_real", float("nan"), "finite"),
        ("a_real", "1", "a number"),
        ("a_boolean", 1, "True or False"),
        ("some_json", {1, 2}, "JSON"),
        ("some_json", float("inf"), "JSON"),
        ("a_timestamp", NOON.replace(tzinfo=None), "time zone"),
        ("a_timestamp", "2026-11-22T10:00:00.123Z", "an integer"),
        ("a_timestamp", 10**17, "timestamp"),
        ("unknown", 1, "no argument 'unknown'"),
    ],
)
def test_ill_typed_and_unknown_arguments_are_refused(name: str, value: object, message: str) -> None:
    with pytest.raises(SchemaError, match=message) as caught:
        everything(**GOOD | {name: value})
    assert "v1.Everything" in str(caught.value)


def test_a_missing_argument_is_refused() -> None:
    with pytest.raises(SchemaError, match="needs the argument 'id'"):
        note_added(body="x")


@pytest.mark.parametrize("wire", [None, [], {"id": 5}, {"body": "x"}, {"id": "a", "body": None}])
def test_ill_typed_arguments_of_other_clients_are_told(wire: object) -> None:
    with pytest.raises(SchemaError, match=r"v1\.NoteAdded"):
        note_added.decode(wire)


def test_file_events_have_the_wire_contracts_form() -> None:
    created = FILES.events.file_created(id="i", path="p", content_hash="h", created_at=0, updated_at=1)
    assert created.definition.name == "v1.FileCreated"
    assert created.args == {
        "id": "i",
        "path": "p",
        "contentHash": "h",
        "createdAt": "1970-01-01T00:00:00.000Z",
        "updatedAt": "1970-01-01T00:00:00.001Z",
    }
    assert {definition.name: definition.synced for definition in FILES.events.values()} == {
        "v1.FileCreated": True,
        "v1.FileUpdated": True,
        "v1.FileDeleted": True,
        "v1.FileVersionBase": True,
        "v1.FileVersionStored": True,
        "v1.FileVersionResolved": True,
        "v1.FileVersionPolicySet": True,
        "v1.FileRestored": True,
        "v1.FilePurged": True,
        "v1.LocalFileStateUpsert": False,
        "v1.LocalFileStateRemove": False,
        "v1.TransferControlSet": False,
        "v1.RemoteDeleteQueued": False,
        "v1.RemoteDeleteDone": False,
        "v1.BlobUsed": False,
        "v1.UploadOpened": False,
        "v1.UploadClosed": False,
        "v1.OrphanFound": False,
        "v1.OrphanGone": False,
        "v1.StockTaken": False,
    }


def test_the_file_tables_are_those_that_users_query() -> None:
    files = "\n".join(FILE_SCHEMA.ddl())
    for column in (
        "id",
        "path",
        "remoteKey",
        "contentHash",
        "metadataJson",
        "createdAt",
        "updatedAt",
        "deletedAt",
    ):
        assert f'"{column}"' in files
    assert FILES.tables.files.record is FileRecord
    assert set(FILES.tables) == {
        "files",
        "local_file_state",
        "transfer_control",
        "remote_deletes",
        "open_uploads",
        "blob_use",
        "orphans",
        "stock_takings",
        "released_contents",
        "file_versions",
        "version_policy",
    }


def test_a_query_is_sql_with_parameters() -> None:
    select = (
        notes.where(id=["a", "b"], likes=Op(">", 3), body=None).order_by("-likes", "id").limit(2).offset(1)
    )
    assert select.sql == (
        'SELECT "id", "body", "likes" FROM "notes" WHERE "id" IN (?, ?) AND "likes" > ? AND "body" IS NULL '
        'ORDER BY "likes" DESC, "id" LIMIT 2 OFFSET 1'
    )
    assert select.params == ("a", "b", 3)
    assert notes.where(body=Op("!=", None)).sql.endswith('WHERE "body" IS NOT NULL')
    assert notes.where(id=Op("!=", [])).sql.endswith('WHERE "id" NOT IN ()')


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: notes.where(bodie="x"), "no column 'bodie'; it has id, body, likes"),
        (lambda: notes.where(likes="many"), "notes.likes must be integer"),
        (lambda: notes.order_by("nope"), "no column 'nope'"),
        (lambda: notes.insert(body="x"), "column 'id' needs a value"),
        (lambda: notes.insert(id="x", on_conflict="maybe"), "on_conflict"),
        (lambda: notes.where(id="x").update(), "needs values"),
        (lambda: notes.all().limit(1).delete(), "neither order nor limit"),
        (lambda: Op("LIKES", 1), "unknown operator"),
        (lambda: notes.where(likes=Op("<", [1])), "several values"),
        (lambda: table("t", {}), "no columns"),
        (lambda: table("t", {"a-b": f.text()}), "Python name"),
        (lambda: table("t", {"a": f.text(optional=True)}), "optional"),
        (lambda: table("t", {"a": f.text()}, indexes=[index("i", "b")]), "no column 'b'"),
        (lambda: table("t", {"a_b": f.text(), "aB": f.text()}), "one SQL name"),
        (lambda: event("e", {"a": f.text(primary_key=True)}), "primary key"),
        (lambda: event("e", compact_by=lambda _: ""), "client-only"),
        (lambda: f.integer(default="x"), "default must be integer"),
    ],
)
def test_mistakes_in_a_schema_are_told(build, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        build()


def test_a_schema_wants_a_materializer_for_each_event() -> None:
    with pytest.raises(SchemaError, match=r"v1\.NoteAdded.*no materializer"):
        make_schema(tables={}, events={"note_added": note_added}, materializers={})
    with pytest.raises(SchemaError, match=r"unknown event 'v1\.Other'"):
        make_schema(tables={}, events={}, materializers={"v1.Other": []})
    with pytest.raises(SchemaError, match="two tables are called 'notes'"):
        make_schema(tables={"a": notes, "b": notes}, events={}, materializers={})


def test_the_hash_changes_with_what_makes_the_state() -> None:
    def schema(**changed):
        parts = {
            "tables": {"notes": notes},
            "events": {"note_added": note_added},
            "materializers": {"v1.NoteAdded": lambda args, _ctx: notes.insert(id=args.id)},
        }
        return make_schema(**parts | changed).hash

    same = {"v1.NoteAdded": lambda args, _ctx: notes.insert(id=args.id)}
    other = {"v1.NoteAdded": lambda args, _ctx: notes.insert(id=args.body)}
    constant = {"v1.NoteAdded": lambda args, _ctx: notes.insert(id=args.id, body="x")}
    text = {"v1.NoteAdded": "INSERT INTO notes (id) VALUES (:id)"}
    wider = table("notes", {**notes.columns, "more": f.text(default="")})
    hashes = [
        schema(),
        schema(materializers=other),
        schema(materializers=constant),
        schema(materializers=text),
        schema(tables={"notes": wider}),
        schema(version=1),
    ]
    assert len(set(hashes)) == len(hashes)
    assert schema(materializers=same) == schema()


def test_composite_keys_indexes_and_defaults_become_ddl() -> None:
    made = table(
        "pairs",
        {
            "left": f.text(primary_key=True),
            "right": f.text(primary_key=True),
            "note": f.text(default="it's"),
            "when": f.timestamp(nullable=True),
        },
        indexes=[index("byNote", "note", unique=True)],
    )
    assert made.ddl() == [
        'CREATE TABLE "pairs" ("left" TEXT NOT NULL, "right" TEXT NOT NULL, '
        '"note" TEXT NOT NULL DEFAULT \'it\'\'s\', "when" INTEGER, PRIMARY KEY ("left", "right"))',
        'CREATE UNIQUE INDEX "byNote" ON "pairs" ("note")',
    ]


def test_namespaces_are_mappings_with_attributes() -> None:
    assert NOTES.tables.notes is NOTES.tables["notes"]
    assert {**NOTES.events}["note_added"] is note_added
    with pytest.raises(AttributeError, match="there is no 'nope'; there are"):
        _ = NOTES.tables.nope

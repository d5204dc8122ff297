"""Single decisions of the engine; what they come to together is the subject of the model."""

from __future__ import annotations

from dataclasses import replace

import pytest

from filesync_web.core.backoff import RetryPolicy
from filesync_web.core.failures import Failure, FailureKind
from filesync_web.core.foreign import accepted
from filesync_web.core.paths import file_path, remote_key
from filesync_web.core.records import (
    Control,
    FileRecord,
    LocalFileState,
    RemoteDelete,
    Status,
    TransferControl,
)
from filesync_web.engine.effects import (
    Cancel,
    ChangeRemoteKey,
    DeleteBlob,
    Effect,
    Job,
    JobKind,
    Notify,
    QueueRemoteDelete,
    RemoveRow,
    Start,
    WriteRow,
)
from filesync_web.engine.engine import Engine
from filesync_web.engine.file_entry import FileFact

CONTENT, OTHER = "a" * 64, "b" * 64
PERMANENT = Failure(FailureKind.PERMANENT, "refused")
WRONG_BYTES = Failure(FailureKind.WRONG_BYTES, "wrong bytes")


def record(content: str = CONTENT, *, uploaded: bool = False, deleted: bool = False) -> FileRecord:
    path = file_path("s", content)
    key = remote_key(path) if uploaded else ""
    return FileRecord("f", path, key, content, None, 1, 1, 1 if deleted else None)


def fact(
    of: FileRecord, *, here: bool = True, row: LocalFileState | None = None, state: Control = Control.NONE
) -> FileFact:
    return FileFact(of, row, of.content_hash if here else "", TransferControl(of.id, state))


def jobs(effects: list[Effect]) -> list[Job]:
    return [effect.job for effect in effects if isinstance(effect, Start)]


def row_of(effects: list[Effect]) -> LocalFileState:
    """The row as it was written last."""
    return [effect.row for effect in effects if isinstance(effect, WriteRow)][-1]


def kinds(effects: list[Effect]) -> list[type[Effect]]:
    return [type(effect) for effect in effects if not isinstance(effect, Notify)]


def an_engine(*, remote: bool = True) -> Engine:
    engine = Engine(remote=remote, retry=RetryPolicy(base=1.0, cap=8.0, max_attempts=3, rest=100.0))
    engine.set_gate(True, now=0.0)
    return engine


def test_the_order_of_effects_survives_a_death_after_each() -> None:
    engine = an_engine()
    begun = engine.observe([fact(record())], now=0.0)
    assert kinds(begun) == [QueueRemoteDelete, WriteRow, WriteRow, Start]
    done = engine.succeeded(jobs(begun)[0].serial, now=1.0)
    assert kinds(done) == [ChangeRemoteKey, WriteRow]


def test_what_rests_at_error_is_tried_at_once_when_the_connection_comes_back() -> None:
    engine = an_engine()
    (job,) = jobs(engine.observe([fact(record())], now=0.0))
    failed = engine.failed(job.serial, PERMANENT, now=1.0, jitter=0.5)
    assert (row_of(failed).upload_status, row_of(failed).last_sync_error) == (Status.ERROR, "refused")
    assert not engine.set_gate(False, now=2.0)
    assert jobs(engine.set_gate(True, now=3.0))


def test_what_rests_at_error_has_one_wake_up_and_keeps_its_reason_while_it_is_tried() -> None:
    engine = an_engine()
    (job,) = jobs(engine.observe([fact(record())], now=0.0))
    for attempt in range(1, 20):
        engine.failed(job.serial, PERMANENT, now=1000.0 * attempt, jitter=0.5)
        assert engine.next_wakeup() == 1000.0 * attempt + 75
        assert not jobs(engine.tick(now=1000.0 * attempt + 74))
        begun = engine.tick(now=1000.0 * attempt + 75)
        assert row_of(begun).last_sync_error == "refused"
        (job,) = jobs(begun)
    assert row_of(engine.succeeded(job.serial, now=1e6)).last_sync_error == ""


def test_an_exhausted_transfer_is_told_once() -> None:
    engine, told = an_engine(), []
    (job,) = jobs(engine.observe([fact(record())], now=0.0))
    for attempt in range(1, 7):
        effects = engine.failed(job.serial, Failure(FailureKind.RETRYABLE, "x"), 1000.0 * attempt, 0.5)
        told += [e.event.type for e in effects if isinstance(e, Notify) and "exhausted" in e.event.type]
        (job,) = jobs(engine.tick(now=1000.0 * attempt + 500))
    assert told == ["transfer:exhausted"]


@pytest.mark.parametrize(
    "content",
    ["", "evil", "../../secret", "A" * 64, "x" * 900_000],
    ids=["empty", "a word", "a path", "upper case", "very long"],
)
def test_a_record_that_names_no_content_is_shown_hinders_nothing_and_can_be_deleted(content: str) -> None:
    foreign = FileRecord("f", "evil/" + content, "private/" + content, content, None, 1, 1)
    usable = accepted(foreign, "s")
    engine = an_engine()
    good = replace(record(OTHER), id="g")
    effects = engine.observe([fact(usable, here=False), fact(good)], now=0.0)
    shown = next(e.row for e in effects if isinstance(e, WriteRow) and e.row.file_id == "f")
    assert (shown.download_status, shown.path) == (Status.ERROR, "")
    assert "delete it" in shown.last_sync_error
    assert [job.file_id for job in jobs(effects)] == ["g"]
    engine.succeeded(jobs(effects)[0].serial, now=1.0)
    engine.set_gate(False, now=2.0)
    assert not jobs(engine.set_gate(True, now=3.0)) + jobs(engine.tick(now=1e6))
    gone = engine.observe([fact(replace(usable, deleted_at=2), here=False, row=shown)], now=1e6)
    assert kinds(gone) == [RemoveRow]


def test_a_record_that_is_spoilt_after_it_was_here_keeps_its_bytes_and_its_object() -> None:
    engine = an_engine()
    (job,) = jobs(engine.observe([fact(record())], now=0.0))
    engine.succeeded(job.serial, now=1.0)
    row = LocalFileState("f", file_path("s", CONTENT), CONTENT, Status.DONE, Status.DONE)
    spoilt = accepted(replace(record(), content_hash="evil", remote_key="private/evil"), "s")
    effects = engine.observe([FileFact(spoilt, row, CONTENT, TransferControl("f"))], now=2.0)
    assert kinds(effects) == [WriteRow]
    assert row_of(effects).local_hash == CONTENT
    assert not engine.tick(now=1e6)


def test_local_only_mode_starts_nothing_whatever_the_rows_say() -> None:
    engine = an_engine(remote=False)
    for status in Status:
        row = LocalFileState("f", file_path("s", CONTENT), "", status, status, "not found")
        effects = engine.observe([fact(record(uploaded=True), here=False, row=row)], now=0.0)
        assert not jobs(effects) + jobs(engine.tick(now=1e6))
        assert engine.next_wakeup() is None


def test_own_bytes_are_garbage_after_a_deletion_or_an_edit_and_for_no_other_reason() -> None:
    engine = an_engine()
    begun = engine.observe([fact(record())], now=0.0)
    effects = engine.succeeded(jobs(begun)[0].serial, now=1.0)
    for _ in range(2):  # that it is told nothing of the file says nothing
        effects += engine.observe((), now=2.0) + engine.set_gate(False, now=2.0)
        effects += engine.set_gate(True, now=2.0)
    assert DeleteBlob not in kinds(effects)
    outbox = tuple(effect.delete for effect in begun if isinstance(effect, QueueRemoteDelete))
    edited = engine.observe([replace(fact(record(OTHER)), deletes=outbox)], now=3.0)
    assert DeleteBlob not in kinds(edited), "the new content is not up yet"
    done = engine.succeeded(jobs(edited)[0].serial, now=4.0)
    assert DeleteBlob(CONTENT) in done
    deleted = engine.observe([fact(record(OTHER, uploaded=True, deleted=True))], now=5.0)
    assert DeleteBlob(OTHER) in deleted


def test_a_delete_under_way_stops_when_an_edit_comes_to_need_the_old_object() -> None:
    engine = an_engine()
    gone = record(uploaded=True, deleted=True)
    delete = RemoteDelete(gone.remote_key, CONTENT, "f", 1)
    (job,) = jobs(engine.observe([replace(fact(gone, here=False), deletes=(delete,))], now=0.0))
    assert job.kind is JobKind.DELETE
    edited = replace(record(OTHER), id="g")  # it had the content of the other file until just now
    effects = engine.observe([replace(fact(edited), deletes=(replace(delete, file_id="g"),))], now=1.0)
    assert Cancel(job.serial) in effects
    (upload,) = jobs(effects)
    assert not jobs(engine.cancelled(job.serial, now=2.0))
    assert [job.kind for job in jobs(engine.succeeded(upload.serial, now=3.0))] == [JobKind.DELETE]


def test_a_network_that_spoils_all_bytes_makes_others_upload_seldom() -> None:
    engine, now, withdrawn = an_engine(), 0.0, 0
    (job,) = jobs(engine.observe([fact(record(uploaded=True), here=False)], now=now))
    while now < 3600:
        effects = engine.failed(job.serial, WRONG_BYTES, now, 0.5)
        if any(isinstance(effect, ChangeRemoteKey) for effect in effects):
            withdrawn += 1  # and somebody uploads it again at once
            row = replace(row_of(effects))
            effects = engine.observe([fact(record(), here=False, row=row)], now)
            effects = engine.observe([fact(record(uploaded=True), here=False, row=row)], now)
        while not jobs(effects):
            now = engine.next_wakeup() or now
            effects = engine.tick(now)
        (job,) = jobs(effects)
    assert job.kind is JobKind.DOWNLOAD
    assert 0 < withdrawn < 3600 / 100

"""What the engine knows of one live file, and what follows from that for the file alone."""

from __future__ import annotations

from dataclasses import replace

from filesync_web.core.light_dataclass import dataclass
from filesync_web.core.records import (
    CANCELLED_MESSAGE,
    Control,
    FileRecord,
    LocalFileState,
    RemoteDelete,
    Status,
    TransferControl,
)
from filesync_web.engine.demand import Demand
from filesync_web.engine.effects import Job, JobKind
from filesync_web.engine.plan import INPUTS, JOBS, Plan, plan
from filesync_web.engine.retry import FIRST_TRY, Retry
from filesync_web.engine.transitions import Input, next_status

UNUSABLE_MESSAGE = (
    "the record of this file names no content of this store; edit the file, or delete it: nothing is lost"
)
_STARTABLE = (Status.QUEUED, Status.ERROR)


@dataclass(frozen=True, slots=True)
class FileFact:
    """What the outside knows of a file at this moment.

    `row` is the stored row, None when there is none. `local_hash` is the hash of the own copy: the record's
    content hash when those bytes are here, else that of an older copy, else "". `deletes` is what the outbox
    holds because of this file. `is_kept`: it is a version, under an id of its own, or a file in the trash;
    its record is live until the policy ends it.
    """

    record: FileRecord
    row: LocalFileState | None
    local_hash: str
    control: TransferControl
    deletes: tuple[RemoteDelete, ...] = ()
    is_kept: bool = False


@dataclass(slots=True)
class FileEntry:
    """A live file: its record, its row as the engine wants it (`row`) and as it is stored (`stored`),
    whether its bytes are to come here (`is_wanted`), its running job."""

    record: FileRecord
    row: LocalFileState
    control: TransferControl
    stored: LocalFileState | None = None
    is_wanted: bool = True
    is_kept: bool = False
    retry: Retry = FIRST_TRY
    job: Job | None = None

    @property
    def is_here(self) -> bool:
        """Whether the own copy has the record's content."""
        return self.record.is_usable and self.row.local_hash == self.record.content_hash

    @property
    def is_lost(self) -> bool:
        """Whether this client has found the file's object missing or damaged, and nobody has uploaded it
        again.

        Whoever has the bytes will. But if nobody has, and this client was mistaken, only this client can
        know: so it looks now and then whether the object is there, unless it can do without the file: then it
        looks when somebody asks for it. That it did find so is in the row, as its error.
        """
        is_nowhere = not self.is_here and not self.record.is_uploaded
        return is_nowhere and self.row.last_sync_error != "" and self.is_wanted

    @property
    def needed(self) -> frozenset[str]:
        """The contents whose own bytes must be kept for this file, if they are here: also those of an evicted
        file, since only an eviction asks the object store first whether it has them."""
        return frozenset({self.record.content_hash, self.row.local_hash} - {""})

    @property
    def refusal(self) -> str:
        """Why the file rests at `error`, whatever there is to do for it; empty when it need not."""
        if not self.record.is_usable:
            return UNUSABLE_MESSAGE
        return CANCELLED_MESSAGE if self.control.state is Control.CANCELLED else ""

    @property
    def waiting_for(self) -> JobKind | None:
        """The transfer that is to start once its time has come, as far as the file itself is concerned: what
        is queued, what rests at `error`, and what is lost."""
        if self.job is not None or self.refusal or self.control.state is not Control.NONE:
            return None
        if self.row.upload_status in _STARTABLE:
            return JobKind.UPLOAD
        return JobKind.DOWNLOAD if self.row.download_status in _STARTABLE or self.is_lost else None

    def plan(self, *, remote: bool) -> Plan:
        """What is to be done for the file now: for one that is not wanted here nothing, it is downloaded on
        demand, and for one that is only kept nobody waits. One that names no content ought to be downloaded,
        and cannot."""
        if not self.record.is_usable:
            return Plan.DOWNLOAD
        wanted = plan(self.record, have_local=self.is_here, remote=remote)
        is_idle = not self.is_wanted and (wanted is Plan.DOWNLOAD or (self.is_kept and wanted is Plan.WAIT))
        return Plan.NOTHING if is_idle else wanted

    def is_served_by(self, kind: JobKind, *, remote: bool) -> bool:
        """Whether a job of that kind is what the plan wants, or the look at a lost object."""
        wanted = self.plan(remote=remote)
        return JOBS.get(wanted) is kind or (kind is JobKind.DOWNLOAD and wanted is Plan.WAIT and self.is_lost)

    def take_in(self, local_hash: str, demand: Demand, *, forget_error: bool) -> None:
        """Let the row speak of the record, and of the own copy that is here."""
        self.change_row(path=self.record.path, local_hash=local_hash)
        self.is_wanted = demand.wants(self)
        if not (self.is_wanted or self.is_here):
            self.change_row(local_hash="")  # an older copy is not wanted either
        if forget_error:
            self.change_row(last_sync_error="")

    def change_row(self, **values: str | Status) -> None:
        """Let the row have these values; it stays the object that it is when it has them."""
        self.row = _changed(self.row, **values)

    def step(self, kind: JobKind, event: Input, *, error: str | None = None) -> None:
        """Take the status of one direction through the table; `error` replaces the row's last error."""
        if kind is JobKind.UPLOAD:
            self.change_row(upload_status=next_status(self.row.upload_status, event))
        else:
            self.change_row(download_status=next_status(self.row.download_status, event))
        if error is not None:
            self.change_row(last_sync_error=error)

    def settle(self, *, remote: bool, retry: bool) -> None:
        """Bring both statuses of a file without a job to what the plan wants.

        What rests at `error` and is still wanted stays there unless `retry`: else every event that touches
        the file would try it again. What the user cancelled, and what no client can transfer, is brought to
        `error` as if it had been tried: it is to be shown, and a plan that changes lets it go on.
        """
        inputs = INPUTS[self.plan(remote=remote)]
        row = self.row
        for kind, event, status in (
            (JobKind.UPLOAD, inputs[0], row.upload_status),
            (JobKind.DOWNLOAD, inputs[1], row.download_status),
        ):
            if event is Input.WANT and status is Status.ERROR and not retry:
                continue
            self.step(kind, event)
        statuses = (self.row.upload_status, self.row.download_status)
        if self.refusal and Status.QUEUED in statuses:
            kind = JobKind.UPLOAD if statuses[0] is Status.QUEUED else JobKind.DOWNLOAD
            self.step(kind, Input.FAIL, error=self.refusal)
        elif self._is_past_error(remote=remote, retry=retry):
            self.change_row(last_sync_error="")

    def _is_past_error(self, *, remote: bool, retry: bool) -> bool:
        """Whether the row's last error tells nothing any more: it is done, or begins anew. That an object was
        found lost is to be told until there is one."""
        statuses = {self.row.upload_status, self.row.download_status}
        is_new_try = retry and Status.QUEUED in statuses
        return Status.ERROR not in statuses and (statuses == {Status.DONE} or is_new_try or not remote)


def at_rest(row: LocalFileState) -> LocalFileState:
    """The row without a job: what was in progress waits again."""
    upload, download = row.upload_status, row.download_status
    if upload is Status.IN_PROGRESS:
        upload = next_status(upload, Input.INTERRUPT)
    if download is Status.IN_PROGRESS:
        download = next_status(download, Input.INTERRUPT)
    return _changed(row, upload_status=upload, download_status=download)


def _changed(row: LocalFileState, **values: str | Status) -> LocalFileState:
    """The row with these values: most have them already, and a copy takes longer than to look."""
    if all(getattr(row, name) == value for name, value in values.items()):
        return row
    return replace(row, **values)  # type: ignore[arg-type]


def first_row(record: FileRecord) -> LocalFileState:
    """The row of a file that this client sees for the first time."""
    return LocalFileState(record.id, record.path, "", Status.PENDING, Status.PENDING)

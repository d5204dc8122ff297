"""What the parts of the engine share: the time, the files, the outbox, the running jobs, the queues, the
effects so far."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import field
from typing import Protocol

from filesync_web.core.backoff import RetryPolicy
from filesync_web.core.display import FileSyncEvent
from filesync_web.core.failures import Failure
from filesync_web.core.light_dataclass import dataclass
from filesync_web.core.paths import remote_key
from filesync_web.core.records import FileRecord, RemoteDelete
from filesync_web.core.sizes import LARGE, SMALL
from filesync_web.core.versions import file_and_content
from filesync_web.engine.demand import Demand
from filesync_web.engine.effects import Effect, Job, JobKind, Notify, QueueRemoteDelete
from filesync_web.engine.live_files import LiveFiles
from filesync_web.engine.outbox import Outbox
from filesync_web.engine.ready_queue import ReadyQueue

ROOM = 24
"""What the running jobs of one kind may weigh together, where no number of them is set."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many jobs of each kind may run at once; None lets their sizes decide (see `weight_of`)."""

    uploads: int | None = None
    downloads: int | None = None
    deletes: int = 48

    def of(self, kind: JobKind) -> int | None:
        """The limit of one kind."""
        if kind is JobKind.DELETE:
            return self.deletes
        return self.uploads if kind is JobKind.UPLOAD else self.downloads


def weight_of(job: Job) -> int:
    """How much of `ROOM` a job takes: 24 small ones, 4 of middle size, or 2 large ones and a few small ones
    beside them. One whose size is not known may be large."""
    if job.size is None or job.size > LARGE:
        return 9
    return 1 if job.size <= SMALL else 6


class RunningJobs:
    """The jobs whose end was not reported yet, those that were told to stop included."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._jobs: dict[int, Job] = {}
        self._by_content: defaultdict[str, set[Job]] = defaultdict(set)
        self._count: Counter[JobKind] = Counter()
        self._load: Counter[JobKind] = Counter()
        self._serial = 0

    def next_serial(self) -> int:
        """A serial that no other job of this engine has."""
        self._serial += 1
        return self._serial

    def add(self, job: Job) -> None:
        """The job runs from now on."""
        self._jobs[job.serial] = job
        self._by_content[job.content_hash].add(job)
        self._count[job.kind] += 1
        self._load[job.kind] += weight_of(job)

    def pop(self, serial: int) -> Job | None:
        """The job has ended; None when that was reported before."""
        job = self._jobs.pop(serial, None)
        if job is not None:
            same = self._by_content[job.content_hash]
            same.remove(job)
            if not same:
                del self._by_content[job.content_hash]
            self._count[job.kind] -= 1
            self._load[job.kind] -= weight_of(job)
        return job

    def all(self) -> list[Job]:
        """Each of them, the oldest first."""
        return list(self._jobs.values())

    def is_full(self, kind: JobKind) -> bool:
        """Whether no further job of that kind may run, however small it is."""
        limit = self._limits.of(kind)
        return self._load[kind] >= ROOM if limit is None else self._count[kind] >= limit

    def has_room_for(self, job: Job) -> bool:
        """Whether that job may run beside the others of its kind."""
        if self._limits.of(job.kind) is None:
            return self._load[job.kind] + weight_of(job) <= ROOM
        return not self.is_full(job.kind)

    def collides(self, job: Job) -> bool:
        """Whether a running job touches the same bytes; uploads of two files may."""
        return any(
            not (job.kind is other.kind is JobKind.UPLOAD and job.file_id != other.file_id)
            for other in self._by_content.get(job.content_hash, ())
        )


class JobOwner(Protocol):
    """Whoever wants jobs of some kinds, and knows what their ends mean. What waits is known by a key."""

    def job(self, key: str) -> Job:
        """The job that a waiting key is to run."""
        ...

    def wait(self, key: str) -> None:
        """The key cannot run yet: it waits again."""
        ...

    def start(self, job: Job) -> None:
        """The job of a waiting key begins."""
        ...

    def succeeded(self, job: Job) -> None:
        """The job did what it was to do."""
        ...

    def failed(self, job: Job, failure: Failure) -> None:
        """The job ended with an error; whether it had its effect is unknown."""
        ...

    def cancelled(self, job: Job) -> None:
        """The job ended by order; whether it had its effect is unknown."""
        ...

    def pause_all(self) -> None:
        """The gate closes: every job is told to stop, its key waits."""
        ...

    def resume_all(self) -> None:
        """The gate opens: what failed before is tried at once."""
        ...


@dataclass(slots=True)
class EngineState:
    """What the parts of the engine share.

    `now` (seconds) and `jitter` ([0, 1)) are those of the input that is being worked off; `touched` are the
    contents of which it changed what needs them.
    """

    policy: RetryPolicy
    jobs: RunningJobs
    demand: Demand
    now: float = 0.0
    jitter: float = 0.0
    files: LiveFiles = field(default_factory=LiveFiles)
    outbox: Outbox = field(default_factory=Outbox)
    queues: dict[JobKind, ReadyQueue] = field(
        default_factory=lambda: {kind: ReadyQueue() for kind in JobKind}
    )
    effects: list[Effect] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)

    def emit(self, *effects: Effect) -> None:
        """Add effects of this input."""
        self.effects.extend(effects)

    def take_effects(self) -> list[Effect]:
        """Hand out the effects of this input."""
        effects, self.effects = self.effects, []
        return effects

    def notify(self, job: Job, what: str, error: str | None = None) -> None:
        """Tell the app of a transfer."""
        self.emit(Notify(FileSyncEvent(f"{job.kind.value}:{what}", job.file_id, error=error)))

    def answer_for(self, record: FileRecord) -> None:
        """Write down that this client may have put a record's object into the store, unless that is known.
        For a version its file is the cause, which is known when the version is no more."""
        if self.outbox.get(record.content_hash) is None:
            key, file_id = remote_key(record.path), file_and_content(record.id)[0]
            delete = RemoteDelete(key, record.content_hash, file_id, queued_at=record.updated_at)
            self.outbox.add(delete)
            self.emit(QueueRemoteDelete(delete))

    def touch(self, content_hashes: Iterable[str]) -> None:
        """What needs these contents may have changed: once the input is worked off, look which deletes are
        due and which own bytes are garbage."""
        self.touched.update(content_hashes)

    def take_touched(self) -> list[str]:
        """Hand out the contents that were touched."""
        touched, self.touched = sorted(self.touched), set()
        return touched

    def is_needed(self, content_hash: str) -> bool:
        """Whether the own bytes of that content are needed: by a live file, or as the old content of an edit
        whose new content is not uploaded yet."""
        entry = self.outbox.get(content_hash)
        causes = entry.causes if entry is not None else ()
        return self.files.needs(content_hash) or any(map(self.is_unfinished, causes))

    def is_unfinished(self, file_id: str) -> bool:
        """Whether a live file's content is not in the object store yet."""
        file = self.files.get(file_id)
        return file is not None and not (file.is_kept or file.record.is_uploaded)

"""What the parts of the engine share: the files, the outbox, the running jobs, the queues, the effects
so far."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from filesync_web.core.display import FileSyncEvent
from filesync_web.engine.effects import Effect, Job, JobKind, Notify
from filesync_web.engine.live_files import LiveFiles
from filesync_web.engine.outbox import Outbox
from filesync_web.engine.ready_queue import ReadyQueue


@dataclass(frozen=True, slots=True)
class Limits:
    """How many jobs of each kind may run at once."""

    uploads: int = 2
    downloads: int = 2
    deletes: int = 2

    def of(self, kind: JobKind) -> int:
        """The limit of one kind."""
        return {JobKind.UPLOAD: self.uploads, JobKind.DOWNLOAD: self.downloads, JobKind.DELETE: self.deletes}[
            kind
        ]


class RunningJobs:
    """The jobs whose end was not reported yet, those that were told to stop included."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._jobs: dict[int, Job] = {}
        self._serial = 0

    def next_serial(self) -> int:
        """A serial that no other job of this engine has."""
        self._serial += 1
        return self._serial

    def add(self, job: Job) -> None:
        """The job runs from now on."""
        self._jobs[job.serial] = job

    def pop(self, serial: int) -> Job | None:
        """The job has ended; None when that was reported before."""
        return self._jobs.pop(serial, None)

    def has_room(self, kind: JobKind) -> bool:
        """Whether one more job of that kind may run."""
        return sum(job.kind is kind for job in self._jobs.values()) < self._limits.of(kind)

    def collides(self, job: Job) -> bool:
        """Whether a running job touches the same bytes; uploads of two files may."""
        return any(
            other.content_hash == job.content_hash
            and not (job.kind is other.kind is JobKind.UPLOAD and job.file_id != other.file_id)
            for other in self._jobs.values()
        )


@dataclass(slots=True)
class EngineState:
    """What the parts of the engine share.

    `unreferenced`: contents that lost a reference in this input. `orphaned_objects`: the (file id, content,
    remote key) whose object this client may have to delete.
    """

    jobs: RunningJobs
    files: LiveFiles = field(default_factory=LiveFiles)
    outbox: Outbox = field(default_factory=Outbox)
    queues: dict[JobKind, ReadyQueue] = field(
        default_factory=lambda: {kind: ReadyQueue() for kind in JobKind}
    )
    effects: list[Effect] = field(default_factory=list)
    unreferenced: set[str] = field(default_factory=set)
    orphaned_objects: set[tuple[str, str, str]] = field(default_factory=set)

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

    def release(self, content_hashes: Iterable[str]) -> None:
        """These contents may be garbage; that is decided when the input is worked off."""
        self.unreferenced.update(content_hashes)

    def is_needed(self, content_hash: str) -> bool:
        """Whether the own bytes of that content are needed: by a live file, or as the old content of an edit
        whose new content is not uploaded yet."""
        return self.files.needs(content_hash) or any(
            self.is_unfinished(entry.delete.file_id) for entry in self.outbox.of_content(content_hash)
        )

    def is_unfinished(self, file_id: str) -> bool:
        """Whether a live file's content is not in the object store yet."""
        file = self.files.get(file_id)
        return file is not None and not file.record.is_uploaded

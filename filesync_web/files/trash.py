"""What an app does with deleted files: list them, have them back, and let go of them for good."""

from __future__ import annotations

from filesync_web.core.light_dataclass import dataclass
from filesync_web.core.metadata import parse_metadata
from filesync_web.core.records import FileRecord
from filesync_web.core.versions import History
from filesync_web.errors import InvalidArgumentError, VersionGoneError
from filesync_web.files.version_tables import KeptContent
from filesync_web.files.workspace import Workspace
from filesync_web.files.writer import Writer
from filesync_web.livestore.fields import iso_from_ms


@dataclass(frozen=True, slots=True)
class DeletedFile:
    """A file in the trash; times are milliseconds since the epoch, `kept_until` infinity for no end."""

    file_id: str
    name: str | None
    size_bytes: int | None
    mime_type: str | None
    deleted_at: int
    kept_until: float
    content_hash: str


class Trash:
    """The trash of one store."""

    def __init__(self, workspace: Workspace, writer: Writer) -> None:
        self._workspace = workspace
        self._tables = workspace.tables
        self._writer = writer

    def all(self) -> list[DeletedFile]:
        """The files in it, the one that was deleted last first."""
        histories = self._tables.histories(self._tables.versions.trashed())
        kept = [(history.record, self._kept(history)) for history in histories]
        files = [_shown(record, content.until) for record, content in kept if content is not None]
        return sorted(files, key=lambda file: (-file.deleted_at, file.file_id))

    async def restore(self, file_id: str) -> None:
        """Bring a file back; does nothing to one that is not deleted."""
        history = self._tables.history(file_id)
        if history.record.is_live:
            return
        if self._kept(history) is None:
            raise self._gone(history)
        await self._workspace.store.commit(self._workspace.events.restored(file_id))

    async def purge(self, file_id: str) -> None:
        """Keep nothing of a deleted file; does nothing when that is so."""
        history = self._tables.history(file_id)
        if history.record.is_live:
            raise InvalidArgumentError(
                f"file {file_id} is not in the trash: delete_file(..., purge=True) deletes it for good"
            )
        contents = [content.record for content in self._tables.versions.kept(history)]
        await self._writer.purge(history.record, [record for record in contents if record.is_live])

    def _kept(self, history: History) -> KeptContent | None:
        """The deleted file itself, as long as it is kept."""
        kept = (content for content in self._tables.versions.kept(history) if content.record.is_live)
        return next((content for content in kept if content.record.id == history.record.id), None)

    def _gone(self, history: History) -> VersionGoneError:
        until = max((content.until for content in self._tables.versions.kept(history)), default=0.0)
        ended = f"its time in the trash ended on {iso_from_ms(int(until))}" if until else "it was purged"
        return VersionGoneError(
            f"file {history.record.id} cannot be had back: {ended}. list_deleted() has what can; "
            "set_version_policy() says for how long that is, from then on"
        )


def _shown(record: FileRecord, until: float) -> DeletedFile:
    metadata = parse_metadata(record.metadata_json)
    return DeletedFile(
        file_id=record.id,
        name=metadata.name,
        size_bytes=metadata.size_bytes,
        mime_type=metadata.mime_type,
        deleted_at=record.deleted_at or 0,
        kept_until=until,
        content_hash=record.content_hash,
    )

"""The faults that `mutants` seeds into the engine, each of which the small world must catch."""

from __future__ import annotations

from dataclasses import dataclass

WALKS = 1000


@dataclass(frozen=True)
class Mutant:
    """One seeded fault: in `file`, `old` (which occurs once) becomes `new`; a rare one needs more `walks`."""

    name: str
    file: str
    old: str
    new: str
    walks: int = WALKS


MUTANTS = [
    Mutant(
        "deletes shared bytes: own copies are removed although another file has the content",
        "live_files.py",
        "return content_hash in self._by_need",
        "return False",
    ),
    Mutant(
        "deletes a shared object remotely although another file has the content",
        "remote_deletes.py",
        "is_live = self._state.files.has_content(entry.content_hash)",
        "is_live = False",
    ),
    Mutant(
        "the old object of an edit goes before the new content is uploaded",
        "state.py",
        "return file is not None and not (file.is_kept or file.record.is_uploaded)",
        "return False",
    ),
    Mutant(
        "a remote delete that failed is forgotten",
        "remote_deletes.py",
        "        if failure.kind is FailureKind.REMOTE_MISSING:\n",
        "        if True:\n",
    ),
    Mutant(
        "a remote delete is taken out of the outbox when it starts",
        "remote_deletes.py",
        "        self._state.emit(Start(job))",
        "        self._state.emit(FinishRemoteDelete(job.remote_key), Start(job))",
    ),
    Mutant(
        "rows that are in progress at a restart are not taken up",
        "transfers.py",
        "file.row = at_rest(row)",
        "file.row = row",
    ),
    Mutant(
        "rows that rest at error are not tried again at a restart",
        "transfers.py",
        "retry=known is None or is_released or is_edited or is_moved",
        "retry=is_released or is_edited or is_moved",
    ),
    Mutant(
        "going online starts nothing",
        "engine.py",
        "        if self._is_open:\n            for kind in JobKind:",
        "        if False:\n            for kind in JobKind:",
    ),
    Mutant(
        "going offline does not abort requests",
        "transfers.py",
        "                self._interrupt(file)\n                self._write(file)",
        "                pass",
    ),
    Mutant(
        "a failed transfer is not queued again",
        "retry.py",
        "if may_pass and attempts < policy.max_attempts:",
        "if False:",
    ),
    Mutant(
        "what rests at error is never tried again",
        "file_entry.py",
        "_STARTABLE = (Status.QUEUED, Status.ERROR)",
        "_STARTABLE = (Status.QUEUED,)",
    ),
    Mutant(
        "a late report of a cancelled job is taken for the running one",
        "transfers.py",
        "if file is None or file.job != job:",
        "if file is None or file.job is None:",
    ),
    Mutant(
        "the row is not stored before its job starts",
        "transfers.py",
        "        file.step(job.kind, Input.START)\n",
        "",
    ),
    Mutant(
        "the row is stored after its job starts",
        "transfers.py",
        "        self._write(file)\n        self._state.emit(Start(job))\n",
        "        self._state.emit(Start(job))\n        self._write(file)\n",
    ),
    Mutant(
        "one job too many runs at once",
        "state.py",
        "self._count[kind] >= limit",
        "self._count[kind] > limit",
    ),
    Mutant(
        "large files count as small ones",
        "state.py",
        "        return 9\n",
        "        return 1\n",
    ),
    Mutant(
        "what has ended still takes room",
        "state.py",
        "            self._load[job.kind] -= weight_of(job)\n",
        "",
    ),
    Mutant(
        "jobs that were told to stop do not count as running",
        "engine.py",
        "            if state.jobs.collides(job):",
        "            if False:",
    ),
    Mutant(
        "content that changes during its upload keeps the old job",
        "transfers.py",
        "if is_held or is_edited:",
        "if is_held:",
    ),
    Mutant(
        "a lost object is not withdrawn",
        "transfers.py",
        "        if record.is_uploaded:\n",
        "        if False:\n",
    ),
    Mutant(
        "the remote key is not recorded after the upload",
        "transfers.py",
        "                self._state.emit("
        'ChangeRemoteKey(job.file_id, job.content_hash, "", job.remote_key))\n',
        "",
    ),
    Mutant(
        "the remote key is recorded before the upload",
        "transfers.py",
        "        self._state.emit(Start(job))\n",
        "        self._state.emit(Start(job))\n"
        "        if job.kind is JobKind.UPLOAD:\n"
        '            self._state.emit(ChangeRemoteKey(job.file_id, job.content_hash, "", job.remote_key))\n',
    ),
    Mutant(
        "a download of other files' content does not settle them",
        "transfers.py",
        "            file.change_row(local_hash=content_hash)\n",
        "",
    ),
    Mutant(
        "a paused file is transferred nevertheless",
        "file_entry.py",
        "if self.job is not None or self.refusal or self.control.state is not Control.NONE:",
        "if self.job is not None or self.refusal:",
    ),
    Mutant(
        "the row of a deleted file stays",
        "transfers.py",
        "            self._state.emit(RemoveRow(file_id))\n",
        "            pass\n",
    ),
    Mutant(
        "the plan uploads what is uploaded",
        "plan.py",
        "(True, True): Plan.NOTHING,",
        "(True, True): Plan.UPLOAD,",
    ),
    Mutant(
        "the plan does not download what is missing",
        "plan.py",
        "(False, True): Plan.DOWNLOAD,",
        "(False, True): Plan.WAIT,",
    ),
    Mutant(
        "a retry waits for ever",
        "ready_queue.py",
        "while self._due and self._due[0][0] <= now:",
        "while self._due and self._due[0][0] < now - 1e9:",
    ),
    Mutant(
        "nobody answers for what is sent",
        "transfers.py",
        "            state.answer_for(file.record)\n",
        "            pass\n",
    ),
    Mutant(
        "of two edits of one content only one is waited for before its old object goes",
        "remote_deletes.py",
        "any(map(self._state.is_unfinished, entry.causes))",
        "any(map(self._state.is_unfinished, list(entry.causes)[:1]))",
    ),
    Mutant(
        "what waited for a file is not looked at again when that file is deleted",
        "transfers.py",
        "        self._state.touch(self._state.files.remove(file_id))\n"
        "        self._touch_caused_by(file_id)\n",
        "        self._state.touch(self._state.files.remove(file_id))\n",
    ),
    Mutant(
        "what waited for a file is not looked at again when that file is uploaded",
        "transfers.py",
        "        file.record = record\n        self._touch_caused_by(record.id)\n",
        "        file.record = record\n",
    ),
    Mutant(
        "bytes that a cancelled download has brought all the same stay",
        "transfers.py",
        "        self._state.touch({job.content_hash})  # its bytes may have come all the same, for nobody\n",
        "",
    ),
    Mutant(
        "bytes that a failed download has brought all the same stay",
        "transfers.py",
        "        state.touch({job.content_hash})\n",
        "",
    ),
    Mutant(
        "an evicted file is downloaded although nobody wants it",
        "file_entry.py",
        "return Plan.NOTHING if is_idle else wanted",
        "return wanted",
    ),
    Mutant(
        "files come by themselves although they are on demand",
        "demand.py",
        "return not self._downloads.on_demand",
        "return True",
    ),
    Mutant(
        "what is asked for does not come",
        "demand.py",
        "comes = control.is_asked_for or",
        "comes = False or",
    ),
    Mutant(
        "an evicted file whose object is lost is not uploaded again",
        "file_entry.py",
        "return Plan.NOTHING if is_idle else wanted",
        "return wanted if self.is_wanted else Plan.NOTHING",
    ),
    Mutant(
        "an evicted file does not notice that its bytes are here again",
        "live_files.py",
        "frozenset() if entry.is_here else content",
        "frozenset() if entry.is_here or entry.control.evicted else content",
    ),
    Mutant(
        "the bytes of an evicted file that are here again are garbage",
        "file_entry.py",
        "return frozenset({self.record.content_hash,",
        'return frozenset({"" if self.control.evicted else self.record.content_hash,',
    ),
    Mutant(
        "an evicted file keeps an older copy",
        "file_entry.py",
        "        if not (self.is_wanted or self.is_here):\n",
        "        if False:\n",
    ),
    Mutant(
        "the object of an evicted file is deleted remotely",
        "live_files.py",
        "return self._by_content.put(record.id, content) |",
        "return self._by_content.put(record.id, frozenset() if entry.control.evicted else content) |",
    ),
    Mutant(
        "the key of a file that is not here is withdrawn although its object may be there",
        "remote_deletes.py",
        "            if file.is_here and file.record.is_uploaded:\n",
        "            if file.record.is_uploaded:\n",
    ),
    Mutant(
        "wrong bytes never count as the loss of the object",
        "transfers.py",
        "failure.kind is FailureKind.REMOTE_MISSING or file.retry.is_damaged",
        "failure.kind is FailureKind.REMOTE_MISSING",
    ),
    Mutant(
        "what was found lost is never looked at again",
        "file_entry.py",
        "if self.row.download_status in _STARTABLE or self.is_lost else None",
        "if self.row.download_status in _STARTABLE else None",
    ),
    Mutant(
        "what was found lost is not looked at after a restart",
        "file_entry.py",
        "is_new_try = retry and Status.QUEUED in statuses",
        "is_new_try = retry",
    ),
    Mutant(
        "the key of a lost object is withdrawn before the row says so",
        "transfers.py",
        """        self.reconcile(file)
        if record.is_uploaded:
            self._state.emit(ChangeRemoteKey(record.id, record.content_hash, record.remote_key, ""))
""",
        """        if record.is_uploaded:
            self._state.emit(ChangeRemoteKey(record.id, record.content_hash, record.remote_key, ""))
        self.reconcile(file)
""",
    ),
    Mutant(
        "a version comes by itself",
        "demand.py",
        "may_come = not (control.evicted or file.is_kept)",
        "may_come = not control.evicted",
    ),
    Mutant(
        "a kept content that nobody has is waited for",
        "file_entry.py",
        "(wanted is Plan.DOWNLOAD or (self.is_kept and wanted is Plan.WAIT))",
        "wanted is Plan.DOWNLOAD",
    ),
    Mutant(
        "a version that is here and nowhere else is not uploaded",
        "file_entry.py",
        "return Plan.NOTHING if is_idle else wanted",
        "return Plan.NOTHING if is_idle or (self.is_kept and not self.is_wanted) else wanted",
    ),
    Mutant(
        "the bytes of what is kept are garbage",
        "file_entry.py",
        'return frozenset({self.record.content_hash, self.row.local_hash} - {""})',
        'return frozenset(() if self.is_kept else {self.record.content_hash, self.row.local_hash} - {""})',
    ),
    Mutant(
        "the object of what is kept is deleted remotely",
        "live_files.py",
        "return self._by_content.put(record.id, content) |",
        "return self._by_content.put(record.id, frozenset() if entry.is_kept else content) |",
    ),
    Mutant(
        "a version is the cause of what is uploaded for it",
        "state.py",
        "key, file_id = remote_key(record.path), file_and_content(record.id)[0]",
        "key, file_id = remote_key(record.path), record.id",
    ),
    Mutant(
        "a file out of the trash stays away",
        "transfers.py",
        "file.is_kept = fact.row, fact.control, fact.is_kept",
        "file.is_kept = fact.row, fact.control, file.is_kept or fact.is_kept",
    ),
    Mutant(
        "a deleted file that was never uploaded holds its old object",
        "state.py",
        "not (file.is_kept or file.record.is_uploaded)",
        "not file.record.is_uploaded",
    ),
]

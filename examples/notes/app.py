"""Notes with attachments: a table of the app's own beside the kit's, and files that belong to its rows."""

import asyncio
import time
import uuid

import filesync_web as fs
from js import document
from pyscript import when

TOKEN = "dev-token-change-in-production"

kit = fs.create_file_sync_schema()
files = kit.tables.files
notes = fs.table("notes", {"id": fs.text(primary_key=True), "text": fs.text(), "written_at": fs.timestamp()})
note_written = fs.event("v1.NoteWritten", {"id": fs.text(), "text": fs.text(), "written_at": fs.timestamp()})
schema = fs.make_schema(
    tables={**kit.tables, "notes": notes},
    events={**kit.events, "note_written": note_written},
    materializers={
        **kit.create_materializers(kit.tables),
        "v1.NoteWritten": lambda args, context: notes.insert(
            id=args.id, text=args.text, written_at=args.written_at
        ),
    },
)
store = await fs.open_store(schema, store_id="notes", sync=fs.SyncOptions("/sync", auth_token=TOKEN))
await fs.init_file_sync(store, remote=fs.SignerConfig("/api", auth_token=TOKEN))


def element(name):
    return document.getElementById(name)


@when("click", "#add")
async def add(event):
    note = str(uuid.uuid4())
    await store.commit(note_written(id=note, text=element("text").value, written_at=int(time.time() * 1000)))
    attached = fs.FileMetadata(custom={"note": note})
    await fs.save_files(fs.FileToSave(file, metadata=attached) for file in element("chooser").files)
    element("text").value = element("chooser").value = ""


def show(_changed=None):
    attachments = {}
    for record in store.query(files.where(deleted_at=None)):
        attachments.setdefault(fs.get_file_metadata(record).custom["note"], []).append(record)
    items = []
    for note in store.query(notes.all().order_by("written_at")):
        item = document.createElement("li")
        item.append(note.text, *(link(record) for record in attachments.get(note.id, [])))
        items.append(item)
    element("notes").replaceChildren(*items)
    waiting = store.sync_status.pending + sum(not r.is_uploaded for rs in attachments.values() for r in rs)
    element("status").value = f"{waiting} to send" if waiting else "all sent"


def link(record):
    """A link to an attachment, which works once the bytes are here."""
    anchor = document.createElement("a")
    anchor.textContent = f" [{fs.get_file_metadata(record).name}]"
    anchor.download = fs.get_file_metadata(record).name
    asyncio.ensure_future(load(anchor, record.id))
    return anchor


async def load(anchor, file_id):
    if url := await fs.resolve_file_url(file_id):
        anchor.href = url


store.subscribe((notes, files), show)
store.on_sync_status(show)
show()

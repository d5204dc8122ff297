"""A voice recorder: each second of sound goes to the disk while the next one is recorded."""

import asyncio
from datetime import datetime

import filesync_web as fs
from js import MediaRecorder, document, navigator
from pyodide.ffi import create_once_callable, create_proxy
from pyscript import when
from pyscript.ffi import to_js

TOKEN = "dev-token-change-in-production"

kit = fs.create_file_sync_schema()
schema = fs.make_schema(
    tables=kit.tables, events=kit.events, materializers=kit.create_materializers(kit.tables)
)
store = await fs.open_store(schema, store_id="memos", sync=fs.SyncOptions("/sync", auth_token=TOKEN))
await fs.init_file_sync(store, remote=fs.SignerConfig("/api", auth_token=TOKEN))
KIND = next(filter(MediaRecorder.isTypeSupported, ("audio/webm", "audio/mp4", "audio/ogg")))
recorders = []


def element(name):
    return document.getElementById(name)


def show_recording(recording):
    element("record").disabled, element("stop").disabled = recording, not recording
    element("status").value = "recording" if recording else "ready"


async def sound_of(recorder):
    """What a recorder records until it is stopped, in pieces of a second."""
    pieces = asyncio.Queue()
    take = create_proxy(lambda event: pieces.put_nowait(event.data))
    recorder.ondataavailable = take
    recorder.onstop = create_once_callable(lambda event: pieces.put_nowait(None))
    recorder.start(1000)
    seconds = 0
    while (piece := await pieces.get()) is not None:
        yield (await piece.arrayBuffer()).to_bytes()
        seconds += 1
        element("status").value = f"recording, {seconds} s"
    take.destroy()


@when("click", "#record")
async def record(event):
    microphone = await navigator.mediaDevices.getUserMedia(to_js({"audio": True}))
    recorder = MediaRecorder.new(microphone, to_js({"mimeType": KIND}))
    recorders.append(recorder)
    show_recording(True)
    name = f"{datetime.now().astimezone():%Y-%m-%d %H.%M.%S}"
    await fs.save_file(sound_of(recorder), name=name, mime_type=KIND)
    for track in microphone.getTracks():
        track.stop()
    show_recording(False)


@when("click", "#stop")
def stop(event):
    recorders.pop().stop()


def show(records):
    element("memos").replaceChildren(*(memo(record) for record in records))


def memo(record):
    item, player = document.createElement("li"), document.createElement("audio")
    player.controls = True
    item.append(fs.get_file_metadata(record).name, " ", player)
    asyncio.ensure_future(load(player, record.id))
    return item


async def load(player, file_id):
    if url := await fs.resolve_file_url(file_id):
        player.src = url


live = kit.tables.files.where(deleted_at=None).order_by("created_at")
store.subscribe(live, show)
show(store.query(live))
show_recording(False)

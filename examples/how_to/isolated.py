"""Runs in a PyScript worker of an isolated page, and saves what is chosen there."""

import filesync_web as fs
from pyscript import document, when

TOKEN = "dev-token-change-in-production"
kit = fs.create_file_sync_schema()
schema = fs.make_schema(
    tables=kit.tables, events=kit.events, materializers=kit.create_materializers(kit.tables)
)
store = await fs.open_store(schema, store_id="chosen", sync=fs.SyncOptions("/sync", auth_token=TOKEN))
await fs.init_file_sync(store, remote=fs.SignerConfig("/api", auth_token=TOKEN))
output = document.getElementById("said")


@when("change", "#chooser")
async def save(event):
    for js_file in list(event.target.files):
        saved = await fs.save_file(js_file)
        output.textContent = f"{js_file.name}: {saved.content_hash}"


output.textContent = "ready"

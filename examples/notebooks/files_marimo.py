# /// script
# dependencies = ["marimo", "filesync-web", "anywidget"]
# ///
"""The same as files.ipynb, for marimo: in the browser, or on CPython with `marimo edit`."""

import marimo

app = marimo.App()


@app.cell
def _():
    import os
    import sys

    import filesync_web as fs
    import marimo as mo
    from filesync_web.notebook import FileSyncWidget

    in_browser = sys.platform == "emscripten"
    server = "" if in_browser else os.environ.get("FILESYNC_URL", "http://127.0.0.1:8000")
    return FileSyncWidget, fs, mo, server


@app.cell
async def _(fs, server):
    token = "dev-token-change-in-production"
    kit = fs.create_file_sync_schema()
    materializers = kit.create_materializers(kit.tables)
    schema = fs.make_schema(tables=kit.tables, events=kit.events, materializers=materializers)
    store = await fs.open_store(
        schema, store_id="notebook", sync=fs.SyncOptions(f"{server}/sync", auth_token=token)
    )
    file_sync = await fs.init_file_sync(store, remote=fs.SignerConfig(f"{server}/api", auth_token=token))
    return (file_sync,)


@app.cell
async def _(file_sync, fs):
    saved = await fs.save_file(b"hello from a notebook", name="hello.txt")
    await fs.read_text(saved.file_id)
    return


@app.cell
def _(FileSyncWidget, file_sync, mo):
    picker = mo.ui.anywidget(FileSyncWidget(file_sync, accept="image/*", label="Choose pictures"))
    picker
    return (picker,)


@app.cell
async def _(fs, picker):
    [len(await fs.read_bytes(handle.file_id)) for handle in picker.widget.value]
    return


if __name__ == "__main__":
    app.run()

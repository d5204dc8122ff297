"""Open a store for the user who is signed in, and close it when they sign out."""

import filesync_web as fs
from pyodide.http import pyfetch

kit = fs.create_file_sync_schema()
schema = fs.make_schema(
    tables=kit.tables, events=kit.events, materializers=kit.create_materializers(kit.tables)
)


# --8<-- [start:token]
async def get_token():
    """A token of the user's session; the browser sends the session's cookie."""
    response = await pyfetch("/session/token", method="POST")
    response.raise_for_status()
    return (await response.json())["token"]


# --8<-- [end:token]


# --8<-- [start:open]
async def open_files(store_id):
    store = await fs.open_store(schema, store_id=store_id, sync=fs.SyncOptions("/sync", auth_token=get_token))
    await fs.init_file_sync(store, remote=fs.SignerConfig("/api", auth_token=get_token))
    return store


# --8<-- [end:open]


# --8<-- [start:sign-out]
async def sign_out(store):
    await fs.wait_until_synced(timeout=10)  # raises SyncTimeoutError: ask whether to sign out all the same
    await fs.dispose_file_sync()
    await store.close()
    await pyfetch("/session", method="DELETE")


# --8<-- [end:sign-out]

"""Object URLs live as long as the copy that they are of, whichever tab removes it."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import BrowserContext, Page

from tests.browser.test_file_sync import OPEN, TOKEN
from tests.harness import open_python_page, run_python

FETCH = """
import js
async def text_at(url):
    return await (await js.fetch(url)).text()
"""


def test_a_url_follows_what_another_store_object_removes_and_puts_back(
    bare_page: Page, store_id: str
) -> None:
    found = run_python(
        bare_page,
        FETCH
        + """
from filesync_web.browser.blobs import OpfsBlobStore
from filesync_web.errors import BlobNotFoundError
mine, other = OpfsBlobStore(store_id), OpfsBlobStore(store_id)
info = await mine.put(b"hello")
first = await mine.url(info.content_hash, mime_type="text/plain")
same = await mine.url(info.content_hash) == first

await other.delete(info.content_hash)
missed = []
for _ in range(2):
    try:
        await mine.url(info.content_hash)
    except BlobNotFoundError:
        missed.append("missed")

await other.put(b"hello")
second = await mine.url(info.content_hash, mime_type="text/plain")
text = await text_at(second)

# Another copy may come before anybody asks.
await other.delete(info.content_hash)
await other.put(b"hello")
third = await mine.url(info.content_hash)
texts = [text, await text_at(third)]
dead = []
mine.close()
for url in (first, second, third):
    try:
        await js.fetch(url)
    except Exception:
        dead.append(url)
other.close()
return [same, missed, len({first, second, third}), texts, len(dead)]
""",
        store_id=store_id,
    )
    assert found == [True, ["missed"] * 2, 3, ["hello", "hello"], 3]


def test_what_another_tab_evicts_is_shown_from_the_server_until_it_is_here_again(
    new_context: Callable[[], BrowserContext], store_id: str
) -> None:
    context = new_context()
    one, two = open_python_page(context), open_python_page(context)
    opened = f"global files, fs, js, store, sync, text_at, until\n{OPEN}{FETCH}"
    opened += "store, sync = await open_client(store_id, token)\n"
    file_id = run_python(
        one,
        opened
        + """
result = await sync.save_file(b"hello", name="hello.txt")
await until(
    store, files.tables.local_file_state, lambda rows: rows and rows[0].upload_status == fs.Status.DONE
)
async with asyncio.timeout(20):
    while store.unconfirmed():
        await asyncio.sleep(0.01)
return result.file_id
""",
        store_id=store_id,
        token=TOKEN,
    )
    before = run_python(
        two,
        opened
        + """
await until(store, files.tables.files, lambda rows: rows and rows[0].remote_key)
url = await sync.resolve_file_url(file_id)
return [url[:5], await text_at(url)]
""",
        store_id=store_id,
        token=TOKEN,
        file_id=file_id,
    )
    assert before == ["blob:", "hello"]

    run_python(one, "await sync.evict_file(file_id)", file_id=file_id)
    evicted = run_python(
        two,
        """
        here = await sync.get_file_url(file_id)
        url = await sync.resolve_file_url(file_id)
        return [here, url.split(":")[0], await text_at(url)]
        """,
        file_id=file_id,
    )
    assert evicted in ([None, "http", "hello"], [None, "blob", "hello"])  # it is being downloaded meanwhile

    again = run_python(
        two,
        """
        await sync.read_file(file_id)
        url = await sync.resolve_file_url(file_id)
        return [url[:5], await text_at(url)]
        """,
        file_id=file_id,
    )
    assert again == ["blob:", "hello"]
    for page in (two, one):
        run_python(page, "await sync.dispose()\nawait store.close()")

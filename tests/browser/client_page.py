"""What the tests of pages that come and go let a page do, in which a client is open."""

from __future__ import annotations

from tests.harness import PyodidePage, run_in_pyodide


@run_in_pyodide
async def save_synced(selenium: PyodidePage, name: str, content: bytes) -> str:
    """Save a file, and wait until others can have it; its id."""
    from tests.in_page import kept

    result = await kept.sync.save_file(content, name=name)
    await kept.sync.wait_until_synced([result.file_id], timeout=30)
    return str(result.file_id)


@run_in_pyodide
async def read(selenium: PyodidePage, file_id: str) -> bytes:
    """The content of a file, once the page knows where it is: on its device, or uploaded."""
    from tests.harness.waiting import until
    from tests.in_page import kept
    from tests.in_page.client import FILES

    query = FILES.tables.files.where(id=file_id)

    async def can_be_read() -> bool:
        # another device hears that there is a file before it hears that it was uploaded
        rows = kept.store.query(query)
        return bool(rows) and (bool(rows[0].remote_key) or bool(await kept.sync.get_file_url(file_id)))

    await until(can_be_read, "the page knows where the file is")
    return bytes(await kept.sync.read_bytes(file_id))


@run_in_pyodide
async def wait_to_lead(selenium: PyodidePage) -> None:
    from tests.harness.waiting import until
    from tests.in_page import kept

    await until(lambda: kept.store.leader, "this tab leads")

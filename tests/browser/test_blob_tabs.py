"""The browser's blob store with reloads, crashes and several tabs in the middle of a put or a download."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import pytest

from tests.contract.server import serve
from tests.contract.site import FaultSite, content, sha256
from tests.harness import PyodidePage, open_pyodide_page, run_in_pyodide
from tests.harness.waiting import wait_until

MIB = 1 << 20


@dataclass(frozen=True)
class Wanted:
    """What a page is to download: a file on the site, with its faults in the URL."""

    url: str
    content_hash: str
    size: int


@dataclass(frozen=True)
class Remote:
    """Files of one test on the fault site."""

    site: FaultSite
    url: str
    key: str

    def blob(self, size: int, **faults: object) -> Wanted:
        query = "".join(f"&{name}={value}" for name, value in faults.items())
        return Wanted(f"{self.url}/blob?size={size}&key={self.key}{query}", sha256(content(size)), size)

    @property
    def asked(self) -> list[Any]:
        """The headers of each request."""
        return [request["headers"] for request in self.site.log[self.key]]

    @property
    def breaking(self) -> str:
        """The URL that cuts the connection of a download that breaks `when` it is `asked`."""
        return f"{self.url}/break?key={self.key}"


@pytest.fixture(scope="module")
def fault_site() -> Iterator[tuple[FaultSite, str]]:
    site = FaultSite()
    with serve(site) as url:
        yield site, url


@pytest.fixture
def remote(fault_site: tuple[FaultSite, str], store_id: str) -> Remote:
    return Remote(*fault_site, store_id)


@run_in_pyodide
def open_blobs(selenium: PyodidePage, store_id: str) -> None:
    from tests.in_page.blobs import open_blobs

    open_blobs(store_id)


@pytest.fixture
def tab(selenium_standalone: PyodidePage, store_id: str) -> PyodidePage:
    """A fresh page with an empty store."""
    open_blobs(selenium_standalone, store_id)
    return selenium_standalone


@pytest.fixture
def open_tab(tab: PyodidePage, store_id: str) -> Callable[[], PyodidePage]:
    """Open another tab with the same store."""

    def make() -> PyodidePage:
        made = open_pyodide_page(tab.context)
        open_blobs(made, store_id)
        return made

    return make


@run_in_pyodide
async def hang_in_put(selenium: PyodidePage) -> None:
    """Begin a put that never ends."""
    import asyncio
    from collections.abc import AsyncIterator

    from tests.in_page import kept

    async def slow() -> AsyncIterator[bytes]:
        yield b"x" * 2_000_000
        reached.set()
        await asyncio.Event().wait()

    reached = asyncio.Event()
    kept.running = asyncio.create_task(kept.blobs.put(slow()))
    await reached.wait()


@run_in_pyodide
async def start_download(
    selenium: PyodidePage, url: str, content_hash: str, size: int, until_size: int = 0
) -> None:
    """Begin a download, and wait until so many bytes are here."""
    import asyncio

    from tests.in_page import kept

    def progress(done: int, _total: int) -> None:
        if done >= until_size:
            reached.set()

    reached = asyncio.Event()
    download = kept.blobs.download(
        url, {}, content_hash=content_hash, size=size, progress=progress, stall_timeout=30
    )
    kept.running = asyncio.create_task(download)
    if until_size:
        await reached.wait()


@run_in_pyodide
async def is_broken_off(selenium: PyodidePage, breaking: str) -> bool:
    """Cut the connection of the download that was begun; whether it ends as it should."""
    import asyncio

    import js

    from filesync_web.errors import NetworkError
    from tests.in_page import kept

    ends = await asyncio.gather(kept.running, js.fetch(breaking), return_exceptions=True)
    return isinstance(ends[0], NetworkError)


@run_in_pyodide
async def downloaded_size(selenium: PyodidePage) -> int:
    """Wait for the download that was begun."""
    from tests.in_page import kept

    size: int = (await kept.running).size
    return size


@run_in_pyodide
async def list_blobs(selenium: PyodidePage) -> dict[str, int]:
    from tests.in_page import kept

    found: dict[str, int] = await kept.blobs.list()
    return found


@run_in_pyodide
async def sweep(selenium: PyodidePage) -> int:
    from tests.in_page import kept

    removed: int = await kept.blobs.sweep()
    return removed


@run_in_pyodide
async def leftovers(selenium: PyodidePage, store_id: str) -> list[str]:
    from tests.in_page.blobs import leftovers

    return await leftovers(store_id)


def test_a_reload_in_mid_put_leaves_nothing_visible_and_a_sweep_cleans_up(
    tab: PyodidePage, store_id: str
) -> None:
    hang_in_put(tab)
    assert len(leftovers(tab, store_id)) == 1
    tab.refresh()
    open_blobs(tab, store_id)
    assert list_blobs(tab) == {}
    assert wait_until(lambda: sweep(tab), "the browser notices that the page is gone") == 1
    assert sweep(tab) == 0
    assert leftovers(tab, store_id) == []


def test_a_sweep_in_another_tab_leaves_a_running_put_alone(
    tab: PyodidePage, open_tab: Callable[[], PyodidePage]
) -> None:
    hang_in_put(tab)
    other = open_tab()
    assert sweep(other) == 0
    tab.quit()
    assert wait_until(lambda: sweep(other), "the browser notices that the tab is gone") == 1
    assert list_blobs(other) == {}


@pytest.mark.firefox
def test_a_reload_in_mid_download_goes_on_where_it_was(
    tab: PyodidePage, store_id: str, remote: Remote
) -> None:
    here = 5 * MIB
    wanted = remote.blob(6 * MIB, stall=here, times=1)
    start_download(tab, **asdict(wanted), until_size=here)
    tab.refresh()
    open_blobs(tab, store_id)
    assert sweep(tab) == 0
    start_download(tab, **asdict(wanted))
    assert downloaded_size(tab) == wanted.size
    assert [headers.get("range") for headers in remote.asked] == [None, f"bytes={here}-"]
    assert leftovers(tab, store_id) == []


def test_two_tabs_download_one_content_once(
    tab: PyodidePage, open_tab: Callable[[], PyodidePage], remote: Remote
) -> None:
    here = 5 * MIB
    wanted = remote.blob(6 * MIB, stall=here, times=1)
    other = open_tab()  # first: on a busy machine that may take longer than a download may stand still
    start_download(tab, **asdict(wanted), until_size=here)
    start_download(other, **asdict(wanted))  # waits for the first tab
    assert len(remote.asked) == 1
    tab.quit()
    assert downloaded_size(other) == wanted.size
    assert [headers.get("range") for headers in remote.asked] == [None, f"bytes={here}-"]


def test_a_store_that_allows_no_if_range_is_asked_without(tab: PyodidePage, remote: Remote) -> None:
    wanted = remote.blob(8 * MIB, cut=6 * MIB, times=1, deny="if-range", when="asked")
    start_download(tab, **asdict(wanted), until_size=1)  # what a stream still holds when it breaks is lost
    assert is_broken_off(tab, remote.breaking)
    start_download(tab, **asdict(wanted))
    assert downloaded_size(tab) == wanted.size
    headers = remote.asked[-1]
    assert headers["range"].startswith("bytes=")
    assert "if-range" not in headers

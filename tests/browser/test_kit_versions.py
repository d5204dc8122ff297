"""Tabs of one origin with different versions of the kit: an app is updated while somebody has it open.

Versions whose formats are the same work side by side. A newer format is the newer version's alone: it takes
over, and the older one says that it is to be reloaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.browser.client_page import read, save_synced, wait_to_lead
from tests.harness import PyodidePage, open_pyodide_page, run_in_pyodide
from tests.harness.freezable import FreezableContext
from tests.harness.later_wheel import make_later_wheel

CONTENT = b"from before the update"


@pytest.fixture(scope="module")
def wheels(test_site: Path) -> Iterator[dict[str, str]]:
    """The paths on the site of two later wheels, by version: only 0.2.0 has a newer format."""
    folder = test_site / "testing" / "later"
    folder.mkdir()
    names = {
        version: make_later_wheel(folder, version, newer_format=version == "0.2.0")
        for version in ("0.1.1", "0.2.0")
    }
    yield {version: f"/testing/later/{name}" for version, name in names.items()}
    for name in names.values():
        (folder / name).unlink()
    folder.rmdir()


def open_later_page(context: Any, wheel: str) -> PyodidePage:
    return PyodidePage(context, f"/testing/bare.html?wheel={wheel}")


@run_in_pyodide
async def open_client(selenium: PyodidePage, store_id: str) -> str:
    """Open a client; the version of the kit."""
    import filesync_web as fs
    from tests.in_page.client import open_client

    await open_client(store_id)
    return fs.__version__


@run_in_pyodide
async def error_of_opening(selenium: PyodidePage, store_id: str) -> str:
    import filesync_web as fs
    from tests.in_page.client import open_client

    try:
        await open_client(store_id)
    except fs.StoreError as error:
        return f"{type(error).__name__}: {error}"
    return ""


@run_in_pyodide
async def error_of_saving(selenium: PyodidePage) -> str:
    import filesync_web as fs
    from tests.in_page import kept

    try:
        await kept.sync.save_file(b"too late", name="late.txt")
    except fs.OutdatedError as error:
        return str(error)
    return ""


@run_in_pyodide
async def wait_for_words(selenium: PyodidePage) -> str:
    """What the status says of metadata sync, once it has something to say, of a tab that does not lead."""
    from tests.harness.waiting import until
    from tests.in_page import kept

    await until(lambda: kept.store.sync_status.outdated, "the status says what is wrong")
    assert not kept.store.leader
    assert not kept.store.sync_status.connected
    return str(kept.store.sync_status.last_error)


@pytest.mark.thorough
def test_versions_with_one_format_work_side_by_side(
    new_context: Callable[[], BrowserContext], wheels: dict[str, str], store_id: str
) -> None:
    context = new_context()
    older = open_pyodide_page(context)
    assert open_client(older, store_id) == "0.1.0"
    later = open_later_page(context, wheels["0.1.1"])
    assert open_client(later, store_id) == "0.1.1"
    assert read(later, save_synced(older, "older.txt", CONTENT)) == CONTENT
    assert read(older, save_synced(later, "later.txt", b"later")) == b"later"


def test_a_newer_format_is_taken_over_at_once_and_older_tabs_ask_to_be_reloaded(
    new_context: Callable[[], BrowserContext], wheels: dict[str, str], store_id: str
) -> None:
    context = new_context()
    older = open_pyodide_page(context)
    open_client(older, store_id)
    wait_to_lead(older)
    file_id = save_synced(older, "before.txt", CONTENT)

    newer = open_later_page(context, wheels["0.2.0"])
    assert open_client(newer, store_id) == "0.2.0"
    wait_to_lead(newer)
    assert "reload" in wait_for_words(older)
    assert "reload" in error_of_saving(older)
    assert read(older, file_id) == CONTENT, "what it has can still be read"
    assert read(newer, file_id) == CONTENT
    save_synced(newer, "after.txt", b"after")

    older.refresh()
    error = error_of_opening(older, store_id)  # the older version is served still
    assert error.startswith("OutdatedError")
    assert "reload" in error


@pytest.mark.thorough
@pytest.mark.only_in("chromium", reason="pages can be frozen by its protocol alone")
def test_a_newer_version_names_the_frozen_tab_that_is_in_its_way_and_takes_over_when_it_wakes(
    browser: Browser, site_url: str, wheels: dict[str, str], store_id: str
) -> None:
    context: Any = FreezableContext(browser, site_url)
    older = open_pyodide_page(context)
    open_client(older, store_id)
    file_id = save_synced(older, "before.txt", CONTENT)
    frozen: Any = older.driver
    frozen.freeze()

    newer = open_later_page(context, wheels["0.2.0"])
    assert "close or reload the other tabs" in error_of_opening(newer, store_id)
    frozen.resume()
    assert open_client(newer, store_id) == "0.2.0"
    wait_to_lead(newer)
    assert "reload" in wait_for_words(older)
    assert read(newer, file_id) == CONTENT
    save_synced(newer, "after.txt", b"after")
    context.close()

"""The harness itself: what it reports, what survives, and that it can fail."""

from __future__ import annotations

import textwrap
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.harness import PageErrors, Profile, PyodidePage, PyodideRun, ServerProcess, run_in_pyodide
from tests.harness.waiting import wait_until
from tests.in_page import kept
from tools.common import ROOT

WRITE = """
async (text) => {
    const root = await navigator.storage.getDirectory();
    const writable = await (await root.getFileHandle("kept", { create: true })).createWritable();
    await writable.write(text);
    await writable.close();
}
"""

READ = """
async () => {
    const root = await navigator.storage.getDirectory();
    return await (await (await root.getFileHandle("kept")).getFile()).text();
}
"""


@run_in_pyodide
def add(selenium: PyodidePage, a: int, b: int) -> dict[str, int]:
    return {"sum": a + b}


@run_in_pyodide
async def count(selenium: PyodidePage, n: int) -> list[int]:
    import asyncio

    await asyncio.sleep(0)
    return [*range(n)]


def test_functions_have_arguments_and_a_result(selenium_everywhere: PyodidePage) -> None:
    assert add(selenium_everywhere, 1, b=2) == {"sum": 3}
    assert count(selenium_everywhere, 3) == [0, 1, 2]


@run_in_pyodide
def keep(selenium: PyodidePage) -> None:
    from tests.in_page import kept

    kept.number = 1


@run_in_pyodide
def what_is_kept(selenium: PyodidePage) -> list[str]:
    from tests.in_page import kept

    return list(vars(kept))


def test_a_page_keeps_what_it_is_told_to_until_it_is_reloaded(selenium_everywhere: PyodidePage) -> None:
    keep(selenium_everywhere)
    assert what_is_kept(selenium_everywhere) == ["number"]
    selenium_everywhere.refresh()
    assert what_is_kept(selenium_everywhere) == []
    assert not vars(kept)


@run_in_pyodide
def fail(selenium: PyodidePage) -> int:
    value = 1
    int("x")
    return value


def test_an_error_in_a_function_arrives_with_its_traceback(selenium_everywhere: PyodidePage) -> None:
    with pytest.raises(ValueError, match="invalid literal") as caught:
        fail(selenium_everywhere)
    assert 'int("x")' in "".join(traceback.format_tb(caught.value.__traceback__))


@run_in_pyodide
async def never_end(selenium: PyodidePage) -> None:
    import asyncio

    await asyncio.Event().wait()


@pytest.mark.thorough
def test_a_function_that_never_ends_fails(selenium: PyodidePage, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as impatient:
        impatient.setattr(selenium, "script_timeout", 0.2)
        with pytest.raises(Exception, match=r"did not end within 0.2 s"):
            never_end(selenium)
    selenium.refresh()  # it is running still


@run_in_pyodide
def test_an_assert_in_a_page_fails_and_says_why(selenium_everywhere: PyodidePage) -> None:
    import pytest

    with pytest.raises(AssertionError, match=r"\{'a': 1\} == \{'a': 2\}"):
        assert {"a": 1} == {"a": 2}


def test_an_uncaught_error_in_a_page_is_collected(selenium: PyodidePage, page_errors: PageErrors) -> None:
    def fails(script: str) -> None:
        selenium.driver.evaluate(f"() => {{ {script} }}")
        wait_until(lambda: page_errors.uncaught, "the error is reported", page=selenium.driver)

    fails("setTimeout(() => { throw new Error('on purpose'); })")
    assert any("on purpose" in error for error in page_errors.collect())
    page_errors.allow("on purpose")
    fails("Promise.reject(new Error('on purpose'));")
    assert page_errors.collect() == []


@run_in_pyodide
async def fail_in_a_task(selenium: PyodidePage) -> None:
    import asyncio
    import gc

    async def fail() -> None:
        raise ValueError("on purpose")

    asyncio.ensure_future(fail())  # noqa: RUF006 - nobody keeps it
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gc.collect()


def test_a_failed_task_that_nobody_awaits_is_collected(
    selenium_everywhere: PyodidePage, page_errors: PageErrors
) -> None:
    message = "Unhandled exception in event loop"
    with selenium_everywhere.context.expect_console_message(lambda line: message in line.text):
        fail_in_a_task(selenium_everywhere)
    assert any(message in error for error in page_errors.collect())


def test_profile_survives_close_and_kill(new_profile: Callable[..., Profile]) -> None:
    profile = new_profile()

    def open_page() -> Page:
        page = profile.open().new_page()
        page.goto("/testing/pyscript.json")
        return page

    open_page().evaluate(WRITE, "one")
    profile.close()
    page = open_page()
    assert page.evaluate(READ) == "one"
    page.evaluate(WRITE, "two")
    profile.kill()
    assert open_page().evaluate(READ) == "two"


def test_server_keeps_port_and_data_over_a_restart(new_server: Callable[[], ServerProcess]) -> None:
    server = new_server()
    url = server.url
    server.restart()
    assert (server.running, server.url) == (True, url)
    server.kill()
    assert not server.running
    server.start()
    assert server.running


@pytest.fixture
def written_tests() -> Path:
    """A folder for test files that one test writes, inside the project."""
    folder = ROOT / "build" / "written-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.thorough
def test_pytest_inside_pyodide(pyodide_pytest: Callable[..., PyodideRun], written_tests: Path) -> None:
    source = """
        import asyncio, sys
        import pytest

        @pytest.fixture
        async def number():
            await asyncio.sleep(0)
            yield 42

        async def test_coroutine(number):
            await asyncio.sleep(0)
            assert number == 42

        @pytest.mark.parametrize("n", [1, 2])
        def test_plain(n):
            assert sys.platform == "emscripten"

        @pytest.mark.skip
        def test_skipped(): ...
    """
    (written_tests / "test_fine.py").write_text(textwrap.dedent(source))
    result = pyodide_pytest("build/written-tests/test_fine.py")
    assert (result.passed, result.failed, result.skipped) == (3, 0, 1)


@pytest.mark.thorough
def test_failure_inside_pyodide_fails_on_the_host(
    pyodide_pytest: Callable[..., PyodideRun], written_tests: Path
) -> None:
    source = "async def test_wrong():\n    assert 1 + 1 == 3\n"
    (written_tests / "test_wrong.py").write_text(source)
    with pytest.raises(AssertionError, match=r"assert \(1 \+ 1\) == 3|1 \+ 1 == 3"):
        pyodide_pytest("build/written-tests/test_wrong.py")
    with pytest.raises(AssertionError, match=r"no test ran|ended with"):
        pyodide_pytest("build/written-tests/test_wrong.py", "-k", "nothing")

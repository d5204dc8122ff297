"""The harness itself: what it reports, what survives, and that it can fail."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.harness import PageErrors, Profile, PyodideRun, ServerProcess, run_python
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


def test_snippet_result_and_arguments(python_page: Page) -> None:
    assert run_python(python_page, "return {'sum': a + b}", a=1, b=2) == {"sum": 3}
    assert run_python(python_page, "import asyncio\nawait asyncio.sleep(0)\n[*range(n)]", n=3) == [0, 1, 2]
    assert run_python(python_page, "pass") is None


def test_names_last_only_when_global(bare_page: Page) -> None:
    run_python(bare_page, "global kept\nkept = 1\nlost = 2")
    assert run_python(bare_page, "return [kept, 'lost' in globals()]") == [1, False]


def test_error_in_a_snippet_arrives_with_its_traceback(python_page: Page) -> None:
    with pytest.raises(AssertionError, match=r"(?s)int\('x'\).*ValueError: invalid literal"):
        run_python(python_page, "value = 1\nint('x')\nreturn value")


def test_snippet_that_never_ends_fails(bare_page: Page) -> None:
    with pytest.raises(Exception, match=r"did not end within 0.2 s"):
        run_python(bare_page, "import asyncio\nawait asyncio.Event().wait()", timeout=0.2)


def test_uncaught_error_in_a_page_is_collected(bare_page: Page, page_errors: PageErrors) -> None:
    bare_page.evaluate("() => { setTimeout(() => { throw new Error('on purpose'); }) }")
    bare_page.evaluate("() => new Promise((resolve) => setTimeout(resolve))")
    assert any("on purpose" in error for error in page_errors.collect())
    page_errors.allow("on purpose")
    bare_page.evaluate("() => { Promise.reject(new Error('on purpose')); }")


def test_failed_task_that_nobody_awaits_is_collected(python_page: Page, page_errors: PageErrors) -> None:
    code = """
        import asyncio, gc
        async def fail():
            raise ValueError("on purpose")
        asyncio.ensure_future(fail())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gc.collect()
    """
    message = "Unhandled exception in event loop"
    with python_page.context.expect_console_message(lambda line: message in line.text):
        run_python(python_page, code)
    assert any(message in error for error in page_errors.collect())


def test_profile_survives_close_and_kill(new_profile: Callable[..., Profile]) -> None:
    profile = new_profile()

    def open_page() -> Page:
        page = profile.open().new_page()
        page.goto("/testing/driver.py")
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


def test_failure_inside_pyodide_fails_on_the_host(
    pyodide_pytest: Callable[..., PyodideRun], written_tests: Path
) -> None:
    source = "async def test_wrong():\n    assert 1 + 1 == 3\n"
    (written_tests / "test_wrong.py").write_text(source)
    with pytest.raises(AssertionError, match=r"assert \(1 \+ 1\) == 3|1 \+ 1 == 3"):
        pyodide_pytest("build/written-tests/test_wrong.py")
    with pytest.raises(AssertionError, match=r"no test ran|ended with"):
        pyodide_pytest("build/written-tests/test_wrong.py", "-k", "nothing")

"""The fixtures of browser tests. A test that uses none of them starts neither server nor browser.

site_url            origin of a real server that serves the site and the test pages
server              that server, to stop, kill and restart
isolated_server     another one, whose pages are cross-origin isolated; with --isolated all servers' pages are
new_server          factory: another server with its own port and data
engine              the browser's kind; see engine_choice.py for how a test gets it
browser             the launched browser
new_context         factory: a context of its own, off the record, closed when the test ends
new_computing_context
                    factory: one of a browser of its own, for pages that compute for minutes
new_profile         factory: a browser profile on disk that survives close, kill and open
fault_proxy         a proxy before `server` that holds, breaks, delays, changes and counts requests
selenium, selenium_pyscript, selenium_worker
                    a page of each kind that runs Python, shared by the tests of one module
selenium_module     a page whose Python is bare Pyodide in a module worker
selenium_everywhere a bare page or a worker, as each run chooses anew for a module; see `context_choice.py`
selenium_of_each_kind
                    the first three kinds one after the other
selenium_standalone a bare page of its own, in a context of its own
pyodide_pytest      runs test files with pytest inside Pyodide
page_errors         uncaught errors of all pages; a test that expects some calls `allow`
store_id            a fresh workspace name

Pages that run Python are named as in pytest-pyodide, which wants it so; Playwright drives them.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright, sync_playwright

from tests.harness.browser import PATIENCE, PageErrors, Profile
from tests.harness.engines import ENGINES, Engine
from tests.harness.fault_proxy import FaultProxy
from tests.harness.pyodide_page import PyodidePage, open_pyodide_page
from tests.harness.pyodide_pytest import PyodideRun, open_pytest_page, run_pytest
from tests.harness.server import ServerProcess
from tests.harness.site import build_test_site
from tools.common import ROOT

ISOLATED = {"FILESYNC_CROSS_ORIGIN_ISOLATION": "require-corp"}
"""The setting of a server whose pages share memory with their workers: PyScript's can use the page then."""


@pytest.fixture(scope="session")
def test_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site with the test pages under /testing/; the product's own site has none of them."""
    return build_test_site(tmp_path_factory.mktemp("site") / "site")


def pytest_addoption(parser: pytest.Parser) -> None:
    about = "let every server of the tests make its pages cross-origin isolated"
    parser.addoption("--isolated", action="store_true", help=about)


@pytest.fixture(scope="session")
def isolation(request: pytest.FixtureRequest) -> Mapping[str, str]:
    """The settings of this run's servers that say whether pages are isolated."""
    return ISOLATED if request.config.getoption("--isolated") else {}


@pytest.fixture(scope="session")
def server(
    test_site: Path, tmp_path_factory: pytest.TempPathFactory, isolation: Mapping[str, str]
) -> Iterator[ServerProcess]:
    process = ServerProcess(test_site, tmp_path_factory.mktemp("server"), None, **isolation)
    process.start()
    yield process
    process.stop()


@pytest.fixture(scope="session")
def isolated_server(test_site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    process = ServerProcess(test_site, tmp_path_factory.mktemp("isolated"), None, **ISOLATED)
    process.start()
    yield process
    process.stop()


@pytest.fixture(scope="session")
def site_url(server: ServerProcess) -> str:
    return server.url


@pytest.fixture
def new_server(
    test_site: Path, tmp_path_factory: pytest.TempPathFactory, isolation: Mapping[str, str]
) -> Iterator[Callable[..., ServerProcess]]:
    """Make and start another server; it is stopped when the test ends."""
    made: list[ServerProcess] = []

    def make(**settings: str) -> ServerProcess:
        folder = tmp_path_factory.mktemp("server")
        made.append(ServerProcess(test_site, folder, None, **{**isolation, **settings}))
        made[-1].start()
        return made[-1]

    yield make
    for process in made:
        process.stop()


@pytest.fixture
def fault_proxy(server: ServerProcess) -> Iterator[FaultProxy]:
    proxy = FaultProxy(server.port)
    proxy.start()
    yield proxy
    proxy.stop()


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def fresh_enough_browser(engine: Engine, playwright: Playwright) -> Iterator[Callable[[], Browser]]:
    """The browser of a run, which is started anew when it is asked for after its lifetime, or has crashed."""
    with ExitStack() as running:
        launched: Browser | None = None
        ends = 0.0

        def give() -> Browser:
            nonlocal launched, ends
            if launched is None or not launched.is_connected() or time.monotonic() > ends:
                running.close()
                launched = running.enter_context(engine.launch(playwright))
                ends = time.monotonic() + engine.lifetime
            return launched

        yield give


@pytest.fixture(scope="module")
def browser(fresh_enough_browser: Callable[[], Browser]) -> Browser:
    return fresh_enough_browser()


@pytest.fixture(scope="module")
def new_computing_context(
    engine: Engine, playwright: Playwright, all_page_errors: PageErrors, site_url: str
) -> Iterator[Callable[..., BrowserContext]]:
    """As new_module_context, in a browser of its own for pages that compute for minutes."""
    with ENGINES[engine.name].launch(playwright) as launched:
        yield from _contexts(launched, all_page_errors, site_url)


@pytest.fixture(scope="session")
def all_page_errors() -> PageErrors:
    return PageErrors()


@pytest.fixture
def page_errors(all_page_errors: PageErrors) -> PageErrors:
    return all_page_errors


@pytest.fixture(autouse=True)
def _no_page_errors(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test in which a page had an uncaught error that the test did not expect."""
    if "playwright" not in request.fixturenames:
        yield
        return
    errors: PageErrors = request.getfixturevalue("all_page_errors")
    yield
    console = list(errors.console)
    unexpected = errors.collect()
    for line in console:
        print("console:", line)
    if unexpected:
        pytest.fail("uncaught errors in a page:\n" + "\n".join(unexpected), pytrace=False)


def _contexts(browser: Browser, errors: PageErrors, url: str) -> Iterator[Callable[..., BrowserContext]]:
    made: list[BrowserContext] = []
    usual = {"base_url": url, **ENGINES[browser.browser_type.name].context_options}

    def make(**options: Any) -> BrowserContext:
        context = browser.new_context(**{**usual, **options})
        context.set_default_timeout(PATIENCE * 1000)
        errors.watch(context)
        made.append(context)
        return context

    yield make
    for context in made:
        context.close()


@pytest.fixture
def new_context(
    browser: Browser, all_page_errors: PageErrors, site_url: str
) -> Iterator[Callable[..., BrowserContext]]:
    """Make a context of its own; options are those of Playwright's `new_context`."""
    yield from _contexts(browser, all_page_errors, site_url)


@pytest.fixture(scope="module")
def new_module_context(
    browser: Browser, all_page_errors: PageErrors, site_url: str
) -> Iterator[Callable[..., BrowserContext]]:
    """As new_context, for contexts that the tests of one module share."""
    yield from _contexts(browser, all_page_errors, site_url)


@pytest.fixture
def new_profile(
    engine: Engine,
    playwright: Playwright,
    all_page_errors: PageErrors,
    site_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., Profile]]:
    """Make a profile on disk; its browser is closed when the test ends."""
    made: list[Profile] = []

    def make(base_url: str = site_url) -> Profile:
        folder = tmp_path_factory.mktemp("profile")
        made.append(Profile(engine, playwright, folder, all_page_errors, base_url))
        return made[-1]

    yield make
    for profile in made:
        profile.close()


@pytest.fixture(scope="module")
def selenium(new_module_context: Callable[[], BrowserContext]) -> PyodidePage:
    return open_pyodide_page(new_module_context(), "bare")


@pytest.fixture(scope="module")
def selenium_pyscript(new_module_context: Callable[[], BrowserContext]) -> PyodidePage:
    return open_pyodide_page(new_module_context(), "pyscript")


@pytest.fixture(scope="module")
def selenium_worker(new_module_context: Callable[[], BrowserContext]) -> PyodidePage:
    return open_pyodide_page(new_module_context(), "worker")


@pytest.fixture(scope="module")
def selenium_module(new_module_context: Callable[[], BrowserContext]) -> PyodidePage:
    return open_pyodide_page(new_module_context(), "module")


@pytest.fixture
def selenium_everywhere(request: pytest.FixtureRequest, engine: Engine) -> PyodidePage:
    """Each of the contexts in which the package must work; `context_choice.py` says in which a run has it.

    `engine` is asked for here, since pytest does not see what is behind `getfixturevalue`.
    """
    page: PyodidePage = request.getfixturevalue(request.param)
    return page


selenium_of_each_kind = selenium_everywhere
"""The same, for what is tried on the page, in PyScript and in a worker each time."""


@pytest.fixture
def selenium_standalone(new_context: Callable[[], BrowserContext]) -> PyodidePage:
    return open_pyodide_page(new_context())


@pytest.fixture(scope="module")
def pyodide_pytest(new_computing_context: Callable[[], BrowserContext]) -> Callable[..., PyodideRun]:
    """Run test files or folders with pytest inside Pyodide: `pyodide_pytest("tests/unit/core")`.

    The arguments that exist in the project are the paths, the others are pytest's. Fails with pytest's output
    unless at least one test passed and none failed.
    """
    pages: list[PyodidePage] = []

    def run(*arguments: str) -> PyodideRun:
        paths = [argument for argument in arguments if (ROOT / argument).exists()]
        page = pages.pop() if pages else open_pytest_page(new_computing_context())
        result = run_pytest(page, paths, [argument for argument in arguments if argument not in paths])
        pages.append(page)  # in a page where a run was cut off, it goes on: the next one has another page
        assert result.exit_code == 0, f"pytest inside Pyodide ended with {result.exit_code}:\n{result.output}"
        assert result.passed, f"no test ran inside Pyodide:\n{result.output}"
        return result

    return run


@pytest.fixture
def store_id() -> str:
    return f"test_{uuid.uuid4().hex}"

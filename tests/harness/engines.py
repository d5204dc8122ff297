"""The browsers that tests drive: how each is found and started, and how its processes are told from others.

Nothing else in the harness knows one of them by its name.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from math import inf
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Playwright

from tools.environment import find_chromium, find_firefox


@dataclass(frozen=True)
class Engine:
    """A browser, and what is its own.

    Attributes:
        name: what Playwright calls it; the end of a test's id, and the argument of `only_in`.
        find: the path of its program, or None.
        flags: its command line, beside what Playwright adds.
        short_flags, short_prefs: more flags, and Firefox's settings, for pages that soon end.
        options: of Playwright's `launch`.
        context_options: of its contexts. Their pages are those of somebody who wants no motion: each frame of
            one is drawn by the processor here, which takes up to a second of each start of the gallery.
        on_profile: what names the profile's folder on its command line.
        helper: what is on the command line of each of its helper processes.
        renderer: what is on the command lines of those that run pages.
        worker_thread: what the threads are called in which such a process runs dedicated workers; empty where
            Playwright does not hear of its end.
        errors_have_stacks: whether what is reported without a stack is none of a page's errors.
        dialogs_stop_pages: whether a page that shows a dialog hears of nothing else.
        startup_cache: a folder of a profile, with which it starts in two thirds of the time; empty if there
            is none. A browser that somebody has used before has it, and so do those of the tests.
        lifetime: seconds after which the next module of tests has it started anew. After a quarter of an hour
            of new contexts Firefox now and then sends a navigation past its service worker, as it does with a
            worker that it could not start.
    """

    name: str
    find: Callable[[], str | None]
    flags: tuple[str, ...]
    on_profile: str
    helper: str
    renderer: str
    worker_thread: str
    options: Mapping[str, Any] = field(default_factory=dict)
    context_options: Mapping[str, Any] = field(default_factory=dict)
    short_flags: tuple[str, ...] = ()
    short_prefs: Mapping[str, bool] = field(default_factory=dict)
    errors_have_stacks: bool = False
    dialogs_stop_pages: bool = False
    startup_cache: str = ""
    lifetime: float = inf

    @property
    def path(self) -> str:
        """Raises AssertionError when there is no such browser here."""
        path = self.find()
        assert path, f"no {self.name} was found: 'python3 build.py test' installs one, or see CONTRIBUTING.md"
        return path

    @property
    def for_short_pages(self) -> Engine:
        """The same browser, started for pages that end before it pays to compile them for speed."""
        options = dict(self.options)
        if self.short_prefs:
            options["firefox_user_prefs"] = {**options["firefox_user_prefs"], **self.short_prefs}
        return replace(self, flags=(*self.flags, *self.short_flags), options=options)

    def launch(self, playwright: Playwright, **options: Any) -> Browser:
        """Start it without a profile of its own, with more options of Playwright's `launch`."""
        kind = getattr(playwright, self.name)
        options = {**self.options, **options}
        browser: Browser = kind.launch(executable_path=self.path, args=[*self.flags], **options)
        return browser

    def open_profile(
        self, playwright: Playwright, folder: Path, *flags: str, **options: Any
    ) -> BrowserContext:
        """Start it on a profile on disk, with more flags, and options of Playwright's contexts."""
        if self.startup_cache and not (folder / self.startup_cache).exists():
            used = _used_profile(self.name, playwright) / self.startup_cache
            if used.exists():  # it is written when the browser finds time for it
                shutil.copytree(used, folder / self.startup_cache)
        kind = getattr(playwright, self.name)
        context: BrowserContext = kind.launch_persistent_context(
            folder,
            executable_path=self.path,
            args=[*self.flags, *flags],
            **self.options,
            **self.context_options,
            **options,
        )
        return context

    def is_browser(self, command: str, profile: Path) -> bool:
        """Whether a command line is that of the browser on a profile, and of none of its helpers."""
        words = f" {command} "
        return f" {self.on_profile}{profile} " in words and self.helper not in words

    def is_page_error(self, error: Error) -> bool:
        """Whether Playwright's `weberror` is about a page, and not the browser's own."""
        return not self.errors_have_stacks or "\n    at " in (error.stack or "")


PLAYWRIGHT_DISABLES = (
    "AutoDeElevate",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "BlockOriginHeaderModificationOnRedirect",
    "DestroyProfileOnBrowserClose",
    "DialMediaRouteProvider",
    "GlobalMediaControls",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "OptimizationHints",
    "PaintHolding",
    "ThirdPartyStoragePartitioning",
    "Translate",
    "msEdgeUpdateLaunchServicesPreferredVersion",
    "msForceBrowserSignIn",
)
"""What Playwright turns off in Chromium: of two such switches the last counts, so ours names it as well."""
SPARE = ("SpareRendererForSitePerProcess",)
"""A process for the next page of a context. Most contexts of tests have one page."""
POPUPS = ("WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup", "WebUIOmniboxPopup")
"""What drops down from the address bar: pages that each window makes when it opens. Nobody sees them,
and they take over a second of processor time."""

CHROMIUM = Engine(
    name="chromium",
    find=find_chromium,
    flags=(
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        # Chromium's allocation samplers walk frame pointers, and run off the end of the stack when
        # WebAssembly is on a stack of its own (JSPI, which Pyodide uses): the renderer ends with SIGSEGV, one
        # start in about a hundred. By probability, so that a test can have them sample all the time.
        "--enable-features=CDPScreenshotNewSurface,"
        "HeapProfilerReporting:stable-probability/0/nonstable-probability/0,"
        "GwpAsanMalloc:ProcessSamplingProbability/0,GwpAsanPartitionAlloc:ProcessSamplingProbability/0",
        f"--disable-features={','.join((*PLAYWRIGHT_DISABLES, *SPARE, *POPUPS))}",
    ),
    context_options={"reduced_motion": "reduce"},
    # A fresh page of Pyodide has what it runs often of its WebAssembly compiled once more, for speed: over a
    # third of the processor time until it is ready. With this it has to run for hours before that.
    short_flags=("--js-flags=--wasm-tiering-budget=1000000000",),
    on_profile="--user-data-dir=",
    helper=" --type=",
    renderer=" --type=renderer ",
    worker_thread="DedicatedWorker",
    dialogs_stop_pages=True,
)

FIREFOX = Engine(
    name="firefox",
    find=find_firefox,
    flags=(),
    on_profile="--profile ",
    helper=" -contentproc ",
    renderer=" -isForBrowser ",
    worker_thread="",
    options={
        # Debian's Firefox, by the standard protocol (WebDriver BiDi): Playwright's own is a changed one.
        "channel": "moz-firefox",
        # Whoever asks for persistent storage gets an answer, which is no, and not a question on the screen.
        "firefox_user_prefs": {
            "dom.storageManager.prompt.testing": True,
            "dom.storageManager.prompt.testing.allow": False,
            # Whoever asks for the microphone gets one that hums. Chromium is given it by a test's own flags.
            "media.navigator.streams.fake": True,
            "media.navigator.permission.disabled": True,
            # Playwright's `reduced_motion` is not for this protocol.
            "ui.prefersReducedMotion": 1,
        },
    },
    short_prefs={"javascript.options.wasm_optimizingjit": False},
    errors_have_stacks=True,
    startup_cache="startupCache",
    lifetime=300,
)

ENGINES: Mapping[str, Engine] = {engine.name: engine for engine in (CHROMIUM, FIREFOX)}


@cache
def _used_profile(name: str, playwright: Playwright) -> Path:
    """A profile on which the browser has run once, for as long as this process runs."""
    folder = Path(tempfile.mkdtemp(prefix=f"filesync-web-{name}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    replace(ENGINES[name], startup_cache="").open_profile(playwright, folder).close()
    return folder


def engine_of(context: BrowserContext) -> Engine:
    """The engine of a context that Playwright has opened."""
    assert context.browser
    return ENGINES[context.browser.browser_type.name]


def engine_name_of(item: pytest.Item) -> str | None:
    """The name of the engine that a test runs in, if in one."""
    call: Any = getattr(item, "callspec", None)
    if call and "engine" in call.params:
        return str(call.params["engine"].name)
    marker = item.get_closest_marker("feature")
    return marker.kwargs.get("engine") if marker else None

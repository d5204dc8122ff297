"""In which kinds of page the tests of every context run: a plugin of pytest.

A run chooses for each module whether what is `selenium_everywhere` runs in a bare page or in a worker; the
other one is marked `thorough`. What hardly differs from them, PyScript's main thread and a module worker
with bare Pyodide, is marked `every_context`. `build.py soak` runs both.

What is `selenium_of_each_kind` runs on the page, in a worker and in PyScript each time.
"""

from __future__ import annotations

import random

import pytest

KINDS = ("selenium", "selenium_worker", "selenium_pyscript", "selenium_module")
OF_EACH_KIND = ("selenium", "selenium_worker", "selenium_pyscript")
CHOSEN_FROM = ("selenium", "selenium_worker")

_chosen: dict[str, str] = {}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The kind is in the test's id: `-m "" -k` with it chooses the same again."""
    if "selenium_everywhere" in metafunc.fixturenames:
        chosen = _chosen.setdefault(metafunc.module.__name__, random.choice(CHOSEN_FROM))
        _parametrize(metafunc, "selenium_everywhere", {chosen})
    if "selenium_of_each_kind" in metafunc.fixturenames:
        _parametrize(metafunc, "selenium_of_each_kind", {*OF_EACH_KIND})


def _parametrize(metafunc: pytest.Metafunc, fixture: str, chosen: set[str]) -> None:
    parameters = [pytest.param(kind, marks=[] if kind in chosen else [_mark(kind)]) for kind in KINDS]
    metafunc.parametrize(fixture, parameters, indirect=True)


def _mark(kind: str) -> pytest.MarkDecorator:
    return pytest.mark.thorough if kind in CHOSEN_FROM else pytest.mark.every_context

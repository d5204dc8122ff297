"""The tests of every context, in the places that `build.py test` leaves out: they take minutes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tools.common import ROOT

FIXTURE = re.compile("selenium_(everywhere|of_each_kind): ")
MODULES = sorted(path for path in Path(__file__).parent.glob("test_*.py") if FIXTURE.search(path.read_text()))


def run_tests(*arguments: str) -> None:
    """Run the modules that have such tests; the arguments select some of them."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(
        [*command, *map(str, MODULES)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)


@pytest.mark.soak(minutes=8)
def test_the_contexts_of_isolated_pages() -> None:
    """Each context, cross-origin isolated: PyScript lends its workers the page then."""
    run_tests("--isolated", "-m", "not soak", "-k", "selenium")


@pytest.mark.soak(minutes=4)
def test_the_other_contexts() -> None:
    """What runs in each context, in PyScript's main thread and in a module worker with bare Pyodide."""
    run_tests("-m", "every_context")

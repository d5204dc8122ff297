"""The tests of pages that no mark brings to Firefox, there as well."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tools.common import ROOT


@pytest.mark.soak(minutes=20)
def test_all_tests_of_pages_pass_in_firefox() -> None:
    """Run all of tests/browser and tests/e2e in Firefox; what it cannot do is skipped, with its reason."""
    selection = ["--engines=firefox", "-m", "not soak and not every_context"]
    command = [sys.executable, "-m", "pytest", *selection, "tests/browser", "tests/e2e"]
    done = subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-20_000:]

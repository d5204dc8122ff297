"""The widget in a kernel of Jupyter, which is in an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tools.common import ROOT
from tools.notebooks import notebook_tools


@pytest.mark.thorough
@pytest.mark.timeout(400)  # the first run makes the environment, in a minute or two
def test_a_kernel_gets_the_bytes_of_chosen_files_also_in_a_subshell(tmp_path: Path) -> None:
    command: list[str | Path] = [
        notebook_tools() / "python",
        "tests/harness/jupyter_page.py",
        tmp_path / "data",
    ]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=90)
    assert done.returncode == 0, done.stderr
    saved = {"names": ["big.bin", "small.txt"], "lengths": [5, 1_280_000], "elsewhere": True}
    assert json.loads(done.stdout) == saved

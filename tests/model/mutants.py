"""Faults seeded into the engine, each of which the small world must catch.

A mutant is one replacement in one file of `filesync_web/engine`; `faults` lists them. It is run in a process
of its own on a copy of the package, against the kept traces and seeded random walks, until one fails.
`python -m tests.model.mutants` runs them all and prints the table; the tests run them as well.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.model.faults import MUTANTS, Mutant

ROOT = Path(__file__).resolve().parents[2]


_DRIVER = """
import sys
from tests.model.traces import TRACES
from tests.model.walks import random_trace
from tests.model.world import World

def replay(name, clients, trace):
    try:
        World(clients=clients).replay(trace)
    except Exception as error:
        print(f"{name}: {type(error).__name__}: {str(error)[:90]}")
        sys.exit(1)

for name, trace in TRACES.items():
    replay(name, 2, trace)
for seed in range(int(sys.argv[1])):
    replay(f"walk {seed}", 2 + seed % 2, random_trace(seed))
"""


def mutated(mutant: Mutant) -> str:
    """The source of its file with the fault. Raises `LookupError` when the source has changed meanwhile, and
    `SyntaxError` for a fault that is no Python, which would prove nothing."""
    source = (ROOT / "filesync_web" / "engine" / mutant.file).read_text()
    if source.count(mutant.old) != 1:
        raise LookupError(f"{mutant.name}: the text to replace occurs {source.count(mutant.old)} times")
    changed = source.replace(mutant.old, mutant.new)
    compile(changed, mutant.file, "exec")
    return changed


def run(mutant: Mutant) -> str | None:
    """How the mutant was caught, or None when it survived."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "filesync_web", Path(folder, "filesync_web"), ignore=_generated)
        shutil.copytree(ROOT / "tests" / "model", Path(folder, "tests", "model"), ignore=_generated)
        shutil.copy(ROOT / "tests" / "__init__.py", Path(folder, "tests"))
        Path(folder, "filesync_web", "engine", mutant.file).write_text(mutated(mutant))
        done = subprocess.run(
            [sys.executable, "-c", _DRIVER, str(mutant.walks)],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    if done.returncode == 0:
        return None
    return done.stdout.strip() or done.stderr.strip().rpartition("\n")[2]


def _generated(_folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name == "__pycache__"]


def main() -> int:
    """Run all mutants; the exit code says whether all were caught."""
    survived = 0
    for mutant in MUTANTS:
        caught = run(mutant)
        survived += caught is None
        sys.stdout.write(f"{'SURVIVED' if caught is None else 'caught  '}  {mutant.name}  ({caught})\n")
        sys.stdout.flush()
    sys.stdout.write(f"{len(MUTANTS) - survived} of {len(MUTANTS)} caught\n")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())

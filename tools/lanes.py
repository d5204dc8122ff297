"""The whole suite in five runs of pytest at a time, by what they drive.

Each waits for something else now and then, so that together they keep two cores busy.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from typing import IO

from tools.common import BUILD, ROOT, say
from tools.environment import PYTHON

UNASKED = "not soak and not thorough and not every_context"
"""The selection by marks of what runs when nothing is asked for."""
IN_CHROMIUM = f"chromium and (e2e or feature) and not replay and {UNASKED}"
"""Whole apps in Chromium, and whatever speaks for a row of the README's table there."""
PAGES = f"chromium and not (e2e or feature or replay) and {UNASKED}"
ELSEWHERE = f"browser and (not chromium or replay) and {UNASKED}"
PROCESSES = f"processes and not browser and {UNASKED}"
WITHIN = f"not processes and not browser and {UNASKED}"
LANES = {
    "apps in Chromium": IN_CHROMIUM,
    "pages in Chromium": PAGES,
    "other browsers, and CPython's tests in Pyodide": ELSEWHERE,
    "servers, commands, and LiveStore": PROCESSES,
    "units, models and contracts": WITHIN,
}
"""What each lane is about, and its selection by marks."""
STOPPING_SECONDS = 20.0
"""How long a lane may take to stop its servers and browsers."""


def run_lanes(env: dict[str, str]) -> int:
    """Run all; the first one is shown while it runs, the others when they have ended.

    Returns:
        0 when all passed, else the exit code of a lane that did not: pytest's, or that of a signal.
    """
    say(f"the tests run in {len(LANES)} lanes; shown as it goes on: {next(iter(LANES))}")
    began = time.monotonic()
    with ExitStack() as files:
        outputs: list[IO[str] | None] = [None]
        outputs += [files.enter_context(tempfile.TemporaryFile("w+", errors="replace")) for _ in [*LANES][1:]]
        lanes = [
            _start(
                ["-m", marks, "-o", f"cache_dir={BUILD / 'pytest-cache' / name.replace(' ', '-')}"],
                env,
                output,
            )
            for (name, marks), output in zip(LANES.items(), outputs, strict=True)
        ]
        try:
            codes = [lane.wait() for lane in lanes]
        except BaseException:
            for lane in lanes:
                _stop(lane)
            raise
        for name, output in zip(LANES, outputs, strict=True):
            if output is not None:
                say(f"{name}:")
                output.seek(0)
                sys.stdout.write(output.read())
    results = ", ".join(f"{name} {code}" for name, code in zip(LANES, codes, strict=True))
    say(f"all lanes ended after {(time.monotonic() - began) / 60:.1f} min, with codes: {results}")
    return next(filter(None, codes), 0)


def _start(
    arguments: list[str], env: dict[str, str], output: IO[str] | None = None
) -> subprocess.Popen[bytes]:
    return subprocess.Popen([PYTHON, "-m", "pytest", *arguments], cwd=ROOT, env=env, stdout=output)


def _stop(lane: subprocess.Popen[bytes]) -> None:
    """Ctrl-C on a terminal has reached the lane too, and it cleans up; an interrupt of this process alone has
    not, and is passed on."""
    try:
        lane.wait(STOPPING_SECONDS)
    except subprocess.TimeoutExpired:
        lane.send_signal(signal.SIGINT)
        lane.wait()

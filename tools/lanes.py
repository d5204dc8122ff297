"""The whole suite in two runs of pytest at a time: what drives Chromium, and all the rest.

They wait for different things, so that two cores do both in the time of the longer one; the rest has the
other browsers too, at its end, and is as long then.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from typing import IO

from tools.common import BUILD, ROOT, say
from tools.environment import PYTHON

UNASKED = "not soak and not every_context"
"""The selection by marks of what runs when nothing is asked for."""
IN_CHROMIUM = f"chromium and {UNASKED}"
ELSEWHERE = f"not chromium and {UNASKED}"
STOPPING_SECONDS = 20.0
"""How long a lane may take to stop its servers and browsers."""


def run_lanes(env: dict[str, str]) -> int:
    """Run both; the output of the one without Chromium is shown when both have ended.

    Returns:
        0 when both passed, else the exit code of a lane that did not: pytest's, or that of a signal.
    """
    say("the tests run in two lanes; what does not need Chromium is shown at the end")
    began = time.monotonic()
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        cache = f"cache_dir={BUILD / 'pytest-cache-elsewhere'}"
        elsewhere = _start(["-m", ELSEWHERE, "-o", cache], env, output)
        in_chromium = _start(["-m", IN_CHROMIUM], env)
        try:
            codes = [in_chromium.wait(), elsewhere.wait()]
        except BaseException:
            for lane in (in_chromium, elsewhere):
                _stop(lane)
            raise
        say("the tests that do not need Chromium:")
        output.seek(0)
        sys.stdout.write(output.read())
    say(f"both lanes ended after {(time.monotonic() - began) / 60:.1f} min, with codes {codes}")
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

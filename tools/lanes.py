"""The whole suite in two runs of pytest at a time: what drives a browser, and all the rest.

Either has an event loop of its own kind, and they wait for different things, so that two cores do both in
the time of the longer one.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from typing import IO

from tools.common import BUILD, ROOT, say
from tools.environment import PYTHON

UNASKED = "not soak and not every_context"
"""The selection by marks of what runs when nothing is asked for."""
IN_BROWSERS = f"browser and {UNASKED}"
ELSEWHERE = f"not browser and {UNASKED}"


def run_lanes(env: dict[str, str]) -> int:
    """Run both; the output of the one without browsers is shown when the other has ended.

    Returns:
        pytest's exit code, that of a lane that failed.
    """
    say("the tests run in two lanes; what needs no browser is shown at the end")
    began = time.monotonic()
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        cache = f"cache_dir={BUILD / 'pytest-cache-elsewhere'}"
        elsewhere = _start(["-m", ELSEWHERE, "-o", cache], env, output)
        in_browsers = _start(["-m", IN_BROWSERS], env)
        try:
            codes = [in_browsers.wait(), elsewhere.wait()]
        except BaseException:
            for lane in (in_browsers, elsewhere):
                lane.terminate()  # Ctrl-C has reached them too; whoever ends this process alone has not
                lane.wait()
            raise
        say("the tests that need no browser:")
        output.seek(0)
        sys.stdout.write(output.read())
    say(f"both lanes ended after {(time.monotonic() - began) / 60:.1f} min, with codes {codes}")
    return max(codes)


def _start(
    arguments: list[str], env: dict[str, str], output: IO[str] | None = None
) -> subprocess.Popen[bytes]:
    return subprocess.Popen([PYTHON, "-m", "pytest", *arguments], cwd=ROOT, env=env, stdout=output)

#!/usr/bin/env python3
"""The one entry point: set up, build, serve, test and check the project.

Needs Python 3.11 or newer and Node; everything else is fetched into .venv, node_modules and build.
A step whose inputs are unchanged is skipped, so a second start takes seconds and downloads nothing.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - the reader may well start it with an older Python
    sys.exit("build.py needs Python 3.11 or newer; this is " + sys.version.split()[0])

import argparse
import itertools
import os
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools.common import ROOT, BuildError, build_lock, say, size_of, step
from tools.compress import compress
from tools.docs import build_docs, ensure_docs
from tools.environment import PYTHON, ensure_browsers, ensure_venv
from tools.lanes import run_lanes
from tools.packages import ESLINT, ensure_npm_packages, ensure_wheel
from tools.pyodide_dist import build_pyodide_dist
from tools.release import IN_A_PAGE, build_sdist, check_distributions
from tools.sbom import write_sbom
from tools.serve import address_to_share, require_address, require_free, serve, share
from tools.site import SERVICE_WORKER, build_site

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
NO_TESTS = 5  # pytest's exit code when nothing was selected
INTERRUPTED = 130  # a shell's exit code for what Ctrl-C has ended


def demo(args: argparse.Namespace) -> int:
    """Build the gallery and serve it with everything it needs on one origin, until Ctrl-C."""
    if args.share and args.isolation:
        raise BuildError("--share and --cross-origin-isolation do not go together")
    if args.share:
        host = address_to_share(args.host)
        require_free(host, args.port)
    else:
        host = args.host or "127.0.0.1"
        require_address(host, args.port)
    with build_lock():
        ensure_venv()
        site = build_site()
        compress(site)
    data = args.data.resolve()
    if args.share:
        return share(host, args.port, data, site)
    isolation = ["--cross-origin-isolation", args.isolation] if args.isolation else []
    return serve(host, args.port, data, site, *isolation)


def test(args: argparse.Namespace) -> int:
    """Run every test but those for soak; further arguments go to pytest."""
    browsers = _set_up_tests()
    return _pytest(args.rest, **browsers) if args.rest else run_lanes({**os.environ, **browsers})


def soak(args: argparse.Namespace) -> int:
    """Run the long tests: kill loops, large files, long model runs. Names select some (pytest -k)."""
    browsers = _set_up_tests()
    say("soak: pytest first lists the tests, what they do, and how long they take")
    selection = ["-k", " or ".join(args.names)] if args.names else []
    code = _pytest(["-m", "soak or thorough", "--verbose", "--durations=0", *selection], **browsers)
    if code == NO_TESTS:
        raise BuildError("no soak test has such a name" if args.names else "there is no soak test yet")
    return code


def check(_args: argparse.Namespace) -> int:
    """Run ruff, ruff format, mypy --strict, ESLint, and the tests of imports and of lengths."""
    with build_lock():
        ensure_venv()
        ensure_npm_packages(development=True)
    module: list[str | Path] = [PYTHON, "-m"]
    checks: dict[str, list[str | Path]] = {
        "ruff check": [*module, "ruff", "check", "."],
        "ruff format": [*module, "ruff", "format", "--check", "."],
        "mypy --strict": [*module, "mypy"],
        "eslint": ["node", ESLINT, "--max-warnings", "0", "."],
        "layering": [*module, "pytest", "--quiet", "tests/unit/test_layering.py"],
        "limits": [*module, "pytest", "--quiet", "tests/unit/test_limits.py"],
    }
    failed = []
    for title, command in checks.items():
        say(f"{title} ...")
        if subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode:
            failed.append(title)
    say(f"failed: {', '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0


def docs(_args: argparse.Namespace) -> int:
    """Build the documentation as a site, in build/docs; a dead link or a missing docstring is an error."""
    with build_lock():
        ensure_venv()
        ensure_docs()
    return 0


def bench(args: argparse.Namespace) -> int:
    """Run the benchmarks in bench/, or the named ones; what comes after the names is for the last of them."""
    known = sorted(path.stem.replace("_", "-") for path in (ROOT / "bench").glob("[!_]*.py"))
    names = list(itertools.takewhile(known.__contains__, args.names))
    further = [*args.names[len(names) :], *args.rest]
    if further and not names:
        raise BuildError(f"no such benchmark: {further[0]}; there are: {', '.join(known)}")
    with build_lock():
        ensure_venv()
        browsers = ensure_browsers("chromium")
        build_site()
    worst = 0
    for name in names or known:
        say(f"bench {name}")
        own = further if [name] == names[-1:] else []
        worst = _python(["-m", f"bench.{name.replace('-', '_')}", *own], **browsers) or worst
        if worst == INTERRUPTED:
            break
    return worst


def dist(args: argparse.Namespace) -> int:
    """Put the full wheel, the service worker and the static site, with the browser wheel, into dist/."""
    with build_lock():
        ensure_venv()
        site, wheel = build_site(deflated=args.deflate), ensure_wheel()
        target = ROOT / "dist"
        with step(f"filling {target}"):
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(site, target / "site")
            compress(target / "site")
            for file in (wheel, site / SERVICE_WORKER):
                shutil.copy2(file, target)
    say(f"  {(target / 'site').relative_to(ROOT)}")
    for path in (*target.glob("site/wheels/*.whl"), *sorted(target.glob("*.*"))):
        say(f"  {path.relative_to(ROOT)}: {size_of(path)}")
    say("the host has to send the .br and .gz copies, or to compress by itself: docs/hosting.md has recipes")
    say("whether it does, says: python -m filesync_web check-host https://your.host/")
    return 0


def release(_args: argparse.Namespace) -> int:
    """Put wheel, sdist, site, its SBOM and the documentation into dist/, and try each of them."""
    with build_lock():
        ensure_venv()
        browsers = ensure_browsers("chromium")
    target = ROOT / "dist"
    dist(argparse.Namespace(deflate=False))
    with build_lock():
        sdist = build_sdist(target)
        write_sbom(target / "site", target / "site.cdx.json")
        build_docs(target / "docs")
        check_distributions(VERSION, *target.glob("*.whl"), sdist)
    say("the wheels in fresh pages ...")
    code = _pytest(["--quiet", *IN_A_PAGE], **browsers, TUTORIAL_AS_IT_STANDS="1")
    say(f"a test failed; do not release what is in {target}" if code else f"{target} may be released")
    return code


def _set_up_tests() -> dict[str, str]:
    """Bring everything that tests use up to date. Python's packages, Debian's and npm's come side by side, as
    they wait for the network, and each keeps one core busy at most.

    Returns:
        The environment variables by which tests find the browsers.
    """
    with build_lock(), ThreadPoolExecutor() as pool:
        python = pool.submit(ensure_venv)
        npm = pool.submit(ensure_npm_packages, development=True)
        browsers = pool.submit(ensure_browsers)
        for installed in (browsers, npm, python):
            installed.result()
        build_pyodide_dist()
    return browsers.result()


def _pytest(arguments: Sequence[str], **env: str) -> int:
    return _python(["-m", "pytest", *arguments], **env)


def _python(arguments: Sequence[str | Path], **env: str) -> int:
    """Run the environment's Python on the terminal and pass on its exit code."""
    command: list[str | Path] = [PYTHON, *arguments]
    try:
        return subprocess.run(command, cwd=ROOT, env={**os.environ, **env}, check=False).returncode
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="build.py", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(dest="command", required=True)

    def add(action: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        command = commands.add_parser(action.__name__, help=action.__doc__, description=action.__doc__)
        command.set_defaults(action=action)
        return command

    demo_command = add(demo)
    demo_command.add_argument("--host", help="address to listen on (127.0.0.1; with --share, the network's)")
    demo_command.add_argument(
        "--share",
        action="store_true",
        help="for a phone in the same network: https, and a token in a QR code",
    )
    demo_command.add_argument("--port", type=int, default=8000, help="port to listen on (%(default)s)")
    demo_command.add_argument("--data", type=Path, default=ROOT / ".data", help="folder of all data (.data)")
    demo_command.add_argument(
        "--cross-origin-isolation",
        dest="isolation",
        choices=("require-corp", "credentialless"),
        help="let pages share memory with their workers (COOP and COEP)",
    )
    add(test).epilog = "example: build.py test tests/unit -k engine -x"
    add(check)
    add(docs)
    bench_command = add(bench)
    bench_command.add_argument("names", nargs="*", help="benchmarks to run; all by default")
    bench_command.epilog = "example: build.py bench peers small-saved --rounds 1"
    add(soak).add_argument("names", nargs="*", help="parts of test names; all by default")
    add(release)
    add(dist).add_argument(
        "--deflate", action="store_true", help="for a host that compresses no .zip and no .whl"
    )
    return parser


def main() -> int:
    """Run one command; returns the exit code."""
    # Where it is set, as in images of Python for containers, each of the many processes compiles all anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    parser = _parser()
    args, rest = parser.parse_known_args()
    if rest and args.action not in (test, bench):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    args.rest = rest
    try:
        code: int = args.action(args)
    except BuildError as error:
        print(f"build.py: {error}", file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        code = INTERRUPTED
    return code


if __name__ == "__main__":
    sys.exit(main())

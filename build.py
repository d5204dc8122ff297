#!/usr/bin/env python3
"""The one entry point: set up, build, serve, test and check the project.

Needs Python 3.11 or newer and Node; everything else is fetched into `.venv`, `node_modules` and `build`.
Every step is skipped while its inputs are unchanged, so a second start takes seconds and downloads nothing.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - the reader may well start it with an older Python
    sys.exit("build.py needs Python 3.11 or newer; this is " + sys.version.split()[0])

import argparse
import subprocess

from tools.common import ROOT, BuildError, build_lock
from tools.environment import PYTHON, ensure_venv


def setup(_args: argparse.Namespace) -> int:
    """Only create .venv with all packages."""
    with build_lock():
        ensure_venv()
    return 0


def test(args: argparse.Namespace) -> int:
    """Run every test; further arguments go to pytest."""
    setup(args)
    return subprocess.run([PYTHON, "-m", "pytest", *args.pytest_args], cwd=ROOT, check=False).returncode


def main() -> int:
    parser = argparse.ArgumentParser(prog="build.py", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("setup", help=setup.__doc__).set_defaults(action=setup)
    tester = commands.add_parser("test", help=test.__doc__)
    tester.set_defaults(action=test)
    args, rest = parser.parse_known_args()
    if rest and args.command != "test":
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    args.pytest_args = rest
    try:
        return args.action(args)
    except BuildError as error:
        print(f"build.py: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())

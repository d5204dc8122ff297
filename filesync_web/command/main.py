"""The entry point of `filesync`: says what is missing when the package was installed without its extra."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line; returns the exit code."""
    try:
        from filesync_web.command.app import run
    except ModuleNotFoundError as error:
        sys.stderr.write(
            f"filesync needs {error.name}, which is not installed: pip install 'filesync-web[cli]'\n"
        )
        return 1
    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())

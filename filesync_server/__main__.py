"""`python -m filesync_server` is the `filesync-server` command."""

from __future__ import annotations

import sys

from .command.main import main

if __name__ == "__main__":
    sys.exit(main())

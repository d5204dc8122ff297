"""The inspector: a read-only panel, in any page, of what the kit knows of its store, transfers and files.

    from filesync_web.inspector import show_inspector
    show_inspector()

It is imported by who asks for it, and by nothing else. What it shows is `debug_report`.
"""

from __future__ import annotations

from typing import Protocol

from filesync_web.environment import IN_BROWSER
from filesync_web.errors import InvalidArgumentError
from filesync_web.file_sync import FileSync

__all__ = ["Inspector", "show_inspector"]


class Inspector(Protocol):
    """The panel that `show_inspector` has put into the page."""

    def open(self) -> None:
        """Show it, with the focus."""
        ...

    def collapse(self) -> None:
        """Leave a small button in its place, that opens it again."""
        ...

    def close(self) -> None:
        """Take it out of the page. Does nothing the second time, or when the page has done so itself."""
        ...


def show_inspector(*file_syncs: FileSync, is_open: bool = True) -> Inspector:
    """Show what the kit knows in a panel at the edge of the page. Nothing in it changes anything.

        if "inspect=1" in js.location.search:
            show_inspector()

    It asks for a report every second or two while somebody sees it, and for nothing otherwise. Its style is
    its own, it works under a strict Content-Security-Policy, and it needs nothing from the network.

    Args:
        file_syncs: whose; several are chosen from in the panel. Default: that of `init_file_sync`.
        is_open: else a small button is shown that opens it.

    Returns:
        The panel, to be closed or opened.

    Raises:
        NotInitializedError: none was given, and `init_file_sync` was not called yet.
        InvalidArgumentError: here is no page: on CPython, or in a worker. `debug_report` works there.
    """
    if not IN_BROWSER:
        raise InvalidArgumentError("the inspector needs a page; on CPython, debug_report() tells the same")
    from filesync_web.inspector.panel import Panel

    if not file_syncs:
        from filesync_web.api.instance import get_file_sync

        file_syncs = (get_file_sync(),)
    return Panel(file_syncs, is_open=is_open)

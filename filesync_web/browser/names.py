"""What the kit calls its locks and databases: an origin's apps share one room for these names."""

from __future__ import annotations

PREFIX = "filesync-web:"


def leader_lock(store_id: str) -> str:
    """The lock whose holder leads: a tab, or the service worker while it uploads."""
    return f"{PREFIX}{store_id}:leader"

"""Whether the gallery would open and show everything without a connection, in plain words."""

from __future__ import annotations

from enum import Enum, auto

from wording import Message, count

import filesync_web as fs


class Opens(Enum):
    """Whether the page itself opens offline."""

    NOT_YET = auto()
    """Its service worker is being installed."""
    YES = auto()
    NEVER = auto()
    """There is no service worker here."""


def readiness(opens: Opens, counts: fs.SyncCounts) -> Message:
    """What to say of it. Files whose bytes are elsewhere are not there offline."""
    missing = counts.on_demand_count + counts.pending_download_count
    missing += counts.queued_download_count + counts.downloading_count
    if opens is Opens.NEVER:
        return Message("off", "Works offline while this tab is open, but cannot be opened offline")
    if opens is Opens.NOT_YET:
        return Message("wait", "Getting ready to work offline …")
    if missing:
        verb = "is" if missing == 1 else "are"
        return Message("wait", f"Opens offline; {count(missing)} {verb} not on this device")
    return Message("good", "Ready to work offline")

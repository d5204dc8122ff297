"""What a mirror tells of what it has done."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from filesync_web.mirror.decisions.limit import Withheld
from filesync_web.mirror.decisions.steps import (
    DeleteInStore,
    PutNew,
    RemoveInFolder,
    RenameInFolder,
    RenameInStore,
    Step,
    Update,
    Write,
)

NAMES: dict[type[Step], str] = {
    PutNew: "put",
    Update: "edited",
    RenameInStore: "renamed",
    DeleteInStore: "deleted",
    Write: "got",
    RenameInFolder: "moved",
    RemoveInFolder: "removed",
}
"""What each kind of step is called: the first four are done in the store, the others in the folder."""


@dataclass(slots=True)
class Report:
    """What came of some looks at both sides. The last look counts for what is not done: `left_out` is what is
    not mirrored, with the reason; `failed` what could not be done; `waiting` what other devices have yet to
    upload or is not to be had offline; `unsettled` what is just being written."""

    done: Counter[str] = field(default_factory=Counter)
    put_ids: set[str] = field(default_factory=set)
    left_out: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)
    unsettled: set[str] = field(default_factory=set)
    withheld: list[Withheld] = field(default_factory=list)

    def add(self, later: Report) -> None:
        """Go on with a later look."""
        self.done += later.done
        self.put_ids |= later.put_ids
        self.left_out, self.failed, self.waiting = later.left_out, later.failed, later.waiting
        self.unsettled, self.withheld = later.unsettled, later.withheld

    @property
    def is_complete(self) -> bool:
        """Whether both sides are in step, but for what is left out."""
        return not (self.failed or self.waiting or self.unsettled or self.withheld)

    def members(self) -> dict[str, Any]:
        """It for a program; part of the interface."""
        return {
            **{name: self.done[name] for name in NAMES.values()},
            "left_out": self.left_out,
            "failed": self.failed,
            "waiting": self.waiting,
            "unsettled": sorted(self.unsettled),
            "withheld": [withheld.reason for withheld in self.withheld],
        }

    def line(self) -> str:
        """It in a sentence."""
        done = [f"{self.done[name]} {name}" for name in NAMES.values() if self.done[name]]
        return ", ".join(done) or "nothing to do"

"""The memory of a browser's processes, as Linux counts it."""

from __future__ import annotations

from pathlib import Path

from tests.harness.processes import browser_family, is_browser, is_renderer, read_status


class Memory:
    """Resident memory of a browser's processes, and its peak since `reset`; in MiB.

    `browser` and `renderers` are the ids of the processes that run now.
    """

    def __init__(self, profile: Path) -> None:
        family = browser_family(profile)
        self.browser = [pid for pid, command in family.items() if is_browser(command, profile)]
        self.renderers = [pid for pid, command in family.items() if is_renderer(command)]
        assert self.browser
        assert self.renderers

    def reset(self) -> None:
        """Begin a new peak."""
        for pid in (*self.browser, *self.renderers):
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    def resident(self, pids: list[int]) -> float:
        """What these processes have now, together."""
        return _total("VmRSS", pids)

    def own(self, pids: list[int]) -> float:
        """How much of that no other process has: not the program, which is mapped into all of them."""
        return _total("RssAnon", pids)

    def peak(self, pids: list[int]) -> float:
        """The sum of the most that each of them had."""
        return _total("VmHWM", pids)


def _total(field: str, pids: list[int]) -> float:
    return sum(read_status(pid).get(field, 0) for pid in pids) / 1024

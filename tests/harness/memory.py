"""The memory of a browser's processes, as Linux counts it."""

from __future__ import annotations

import re
from pathlib import Path


class Memory:
    """Resident memory of a browser's processes, and its peak since `reset`; in MiB.

    `browser` and `renderers` are the ids of the processes that run now.
    """

    def __init__(self, profile: Path) -> None:
        parents = {
            int(entry.name): _status(entry.name).get("PPid", 0) for entry in Path("/proc").glob("[0-9]*")
        }
        flag = f"--user-data-dir={profile}"
        self.browser = [pid for pid in parents if flag in _command(pid) and "--type=" not in _command(pid)]
        family = set(self.browser)
        for _generation in range(4):
            family |= {pid for pid, parent in parents.items() if parent in family}
        self.renderers = [pid for pid in family if "--type=renderer" in _command(pid)]
        assert self.browser
        assert self.renderers

    def reset(self) -> None:
        """Begin a new peak."""
        for pid in (*self.browser, *self.renderers):
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    def resident(self, pids: list[int]) -> float:
        """What these processes have now, together."""
        return _total("VmRSS", pids)

    def peak(self, pids: list[int]) -> float:
        """The sum of the most that each of them had."""
        return _total("VmHWM", pids)


def _total(field: str, pids: list[int]) -> float:
    return sum(_status(pid).get(field, 0) for pid in pids) / 1024


def _status(pid: int | str) -> dict[str, int]:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return {}  # it has just ended
    return {name: int(value) for name, value in re.findall(r"^(\w+):\s+(\d+)", text, re.MULTILINE)}


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""

"""The processes of a browser, as Linux knows them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from tests.harness.engines import ENGINES

_GENERATIONS = 4


def browser_family(profile: Path) -> dict[int, str]:
    """The browser that runs on a profile and all its helper processes: their ids and command lines."""
    commands = {int(entry.name): _command(entry.name) for entry in Path("/proc").glob("[0-9]*")}
    family = _with_descendants(pid for pid, command in commands.items() if is_browser(command, profile))
    return {pid: commands[pid] for pid in family if pid in commands}


def is_browser(command: str, profile: Path) -> bool:
    """Whether it is the browser itself, and none of its helpers."""
    return any(engine.is_browser(command, profile) for engine in ENGINES.values())


def is_renderer(command: str) -> bool:
    """Whether it is one of the processes that run pages."""
    return any(engine.renderer in f" {command} " for engine in ENGINES.values())


def cpu_seconds(profile: Path) -> float:
    """The processor time that these processes and the children they have outlived have taken so far."""
    return sum(map(_cpu_seconds, browser_family(profile)))


def tree_cpu_seconds(pid: int) -> float:
    """The processor time of a process and of all below it, also of those that have ended."""
    return sum(map(_cpu_seconds, _with_descendants([pid])))


def read_status(pid: int) -> dict[str, int]:
    """The numbers in a process's status; none when it has just ended."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return {}
    return {name: int(value) for name, value in re.findall(r"^(\w+):\s+(\d+)", text, re.MULTILINE)}


def _with_descendants(pids: Iterable[int]) -> set[int]:
    parents = {
        int(entry.name): read_status(int(entry.name)).get("PPid", 0) for entry in Path("/proc").glob("[0-9]*")
    }
    family = set(pids)
    for _generation in range(_GENERATIONS):
        family |= {pid for pid, parent in parents.items() if parent in family}
    return family


def _cpu_seconds(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0  # it has just ended
    own_and_children = text.rpartition(")")[2].split()[11:15]
    return sum(map(int, own_and_children)) / os.sysconf("SC_CLK_TCK")


def _command(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""

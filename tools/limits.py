"""How long files and functions may be, and a checker that counts their lines.

Lines of JavaScript count for files alone; eslint knows its functions.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tools.common import ROOT, files_under

SOURCES = ("build.py", "tools", "filesync_web", "filesync_server", "sw", "demo", "examples", "tests", "bench")
SUFFIXES = {".py", ".js", ".mjs"}
DECISIONS = ("filesync_web/core/", "filesync_web/engine/")
DECISIONS_LINES = 250
FILE_LINES = 400
FUNCTION_LINES = 60


def check_tree(root: Path = ROOT) -> list[str]:
    """Everything that is too long under a project folder, one line each; empty when nothing is."""
    problems: list[str] = []
    for path in files_under(*(root / name for name in SOURCES)):
        if path.suffix in SUFFIXES:
            problems += _too_long(path.relative_to(root).as_posix(), path.read_text())
    return problems


def _too_long(name: str, source: str) -> Iterator[str]:
    lines, most = len(source.splitlines()), DECISIONS_LINES if name.startswith(DECISIONS) else FILE_LINES
    if lines > most:
        yield f"{name}: {lines} lines; {most} is the most"
    if name.endswith(".py"):
        for node in ast.walk(ast.parse(source, name)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES:
                    yield f"{name}:{node.lineno}: {node.name} has {lines} lines; {FUNCTION_LINES} is the most"

"""Every example of Python in the documents is Python, and calls what there is as it can be called.

That they also do what they say is for the tests that run them: of the README, the tutorial, the how-to pages,
and the pages of Python files, fsspec, testing, the server (`test_server_document`) and what a page does
(`test_page_documents`).
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest

import filesync_web as fs
from tools.common import ROOT

BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
PROGRAM = re.compile(r'<script type="py"[^>]*>\n(.*?)</script>', re.DOTALL)
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


def programs(text: str) -> Iterator[str]:
    """The blocks of Python in a page, and the programs in its blocks of HTML; not what is included."""
    for kind, block in BLOCK.findall(text):
        if kind == "python" and "--8<--" not in block:
            yield textwrap.dedent(block)
        elif kind == "html":
            yield from PROGRAM.findall(block)


def parsed(program: str) -> ast.Module:
    """Parse it; PyScript awaits anywhere."""
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    tree = compile(program, "example", "exec", flags=flags)
    assert isinstance(tree, ast.Module)
    return tree


def calls(tree: ast.AST) -> Iterator[tuple[Any, ast.Call]]:
    """The calls of the kit's public names, as `fs.name(...)`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            if isinstance(owner, ast.Name) and owner.id == "fs":
                yield getattr(fs, node.func.attr), node


def check(program: str) -> int:
    """Raise when a call cannot be made; returns how many there are."""
    count = 0
    for function, call in calls(parsed(program)):
        count += 1
        whole = not any(isinstance(argument, ast.Starred) for argument in call.args)
        named = {keyword.arg: None for keyword in call.keywords if keyword.arg}
        elided = any(isinstance(argument, ast.Constant) and argument.value is ... for argument in call.args)
        if whole and not elided:
            inspect.signature(function).bind_partial(*call.args, **named)
    return count


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_examples_call_what_there_is(page: Any) -> None:
    for program in programs(page.read_text()):
        check(program)


def test_there_are_many() -> None:
    found = [program for page in PAGES for program in programs(page.read_text())]
    assert len(found) > 40
    assert sum(map(check, found)) > 60


@pytest.mark.parametrize("wrong", ["await fs.save_file(x, title='a')", "fs.save_all(x)", "fs.event()  await"])
def test_a_wrong_example_is_noticed(wrong: str) -> None:
    with pytest.raises((TypeError, AttributeError, SyntaxError)):
        check(wrong)


def test_how_to_pages_include_what_they_show() -> None:
    """From files that are run; only commands of a shell are written out."""
    pages = sorted((ROOT / "docs" / "how-to").glob("*.md"))
    assert len(pages) > 8
    for page in pages:
        for kind, block in BLOCK.findall(page.read_text()):
            assert kind == "sh" or re.fullmatch(r'--8<-- "(examples|tests)/[^"]+"\n', block), (
                f"{page}:\n{block}"
            )

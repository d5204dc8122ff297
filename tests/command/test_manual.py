"""The manual and the help say what there is."""

from __future__ import annotations

import re

import pytest

from filesync_web.command.app import EXAMPLES, app
from filesync_web.command.failures import ExitCode
from tools.common import ROOT

MANUAL = (ROOT / "docs/command-line.md").read_text()
COMMANDS = {
    info.name or info.callback.__name__: info.callback.__doc__ or ""
    for info in app.registered_commands
    if info.callback is not None
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_in_the_manual_and_has_an_example(name: str) -> None:
    assert f"\n| `{name}" in MANUAL
    assert re.search(rf"Example: filesync .*\b{name}\b", COMMANDS[name])


@pytest.mark.parametrize("code", ExitCode, ids=lambda code: code.name)
def test_an_exit_code_is_in_the_manual_and_in_the_help(code: ExitCode) -> None:
    assert f"\n| {code.value} |" in MANUAL
    assert re.search(rf"[ \n]{code.value} [a-z]", EXAMPLES)

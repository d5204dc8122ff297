"""The helpers tell their own contract: what `help()` shows is enough to call them, and it is true."""

from __future__ import annotations

import builtins
import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest

import filesync_web as fs
from filesync_web import api
from filesync_web.file_sync import FileSync

HELPERS = [getattr(api, name) for name in api.__all__]


@pytest.mark.parametrize("helper", HELPERS, ids=lambda helper: helper.__name__)
def test_a_helper_tells_its_arguments_errors_and_answer(helper: Callable[..., Any]) -> None:
    doc = inspect.getdoc(helper) or ""
    assert len(doc.splitlines()) >= 4, "one line is no contract"
    sections = dict(re.findall(r"^(Args|Returns|Raises):\n((?:^ .*\n?|^\n)+)", doc, re.MULTILINE))
    told = re.findall(r"^    (\w+):", sections.get("Args", ""), re.MULTILINE)
    assert told == list(inspect.signature(helper).parameters)
    returns_nothing = inspect.signature(helper).return_annotation == "None"
    assert returns_nothing or "Returns" in sections or re.match(r"Whether|The|A URL", doc)
    for name in re.findall(r"\b[A-Z]\w+Error\b", doc):
        assert hasattr(builtins, name) or issubclass(getattr(fs, name), fs.FileSyncError)
    for name in re.findall(r"`(\w+_\w+)`", doc):
        known = [helper.__name__, *api.__all__, *told, *fs.__all__, *dir(fs.FileOperationResult)]
        known += [
            *fs.FileSyncOptions.__dataclass_fields__,
            *dir(fs.StorageStatus),
            *dir(fs.RemoteUsage),
            *dir(fs.Usage),
            *dir(FileSync),
        ]
        known += [*dir(fs.FileSyncServiceWorker), *fs.FileMetadata.__dataclass_fields__, "wait_for"]
        assert name in known, f"there is no {name}"


@pytest.mark.parametrize("helper", HELPERS, ids=lambda helper: helper.__name__)
def test_a_helper_and_the_method_of_its_name_take_the_same(helper: Callable[..., Any]) -> None:
    method = getattr(FileSync, helper.__name__, None)
    if method is not None:
        taken = [p for name, p in inspect.signature(method).parameters.items() if name != "self"]
        assert taken == list(inspect.signature(helper).parameters.values())

"""Every module imports only what its layer may; and the checker notices when one does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.layering import check_tree


def test_the_project_obeys() -> None:
    assert check_tree() == []


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project that obeys."""
    files = {
        "filesync_web/__init__.py": "from filesync_web.api import save_file\n__all__ = ['save_file']\n",
        "filesync_web/errors.py": "",
        "filesync_web/ports.py": "import asyncio\nfrom filesync_web.errors import X\n",
        "filesync_web/core/__init__.py": "",
        "filesync_web/engine/engine.py": "import enum\nfrom ..errors import X\nfrom . import plan\n",
        "filesync_web/engine/plan.py": "",
        "filesync_web/livestore/wire.py": "import json\nfrom filesync_web.aio import tasks\n",
        "filesync_web/remote/object_store.py": "from filesync_web.ports import X\n",
        "filesync_web/files/reader.py": "import filesync_web.livestore.wire\nfrom ..remote import x\n",
        "filesync_web/transfers/leader.py": "import filesync_web.engine.engine\nfrom ..files import reader\n",
        "filesync_web/sources.py": "",
        "filesync_web/file_sync.py": "from filesync_web.transfers import leader\n",
        "filesync_web/sw/generator.py": "from filesync_web.core import paths\n",
        "filesync_web/testing/fakes.py": "from filesync_web import sources\n",
        "filesync_web/browser/__init__.py": "",
        "filesync_web/browser/opfs.py": "import js\nfrom filesync_web.ports import X\n",
        "filesync_web/native/__init__.py": "import httpx\n",
        "filesync_web/environment.py": "def open():\n    import filesync_web.native.http\n",
        "filesync_web/native/http.py": "",
        "filesync_web/api.py": "def open():\n    from filesync_web.browser import opfs\n    return opfs\n",
        "filesync_server/__init__.py": "from .sync import hub\n",
        "filesync_server/__main__.py": "from .command import main\n",
        "filesync_server/compose.py": "from .shared import http\n",
        "filesync_server/shared/http.py": "import starlette\n",
        "filesync_server/objects/port.py": "from ..shared import http\n",
        "filesync_server/signer/app.py": "from ..objects import port\nfrom ..shared import http\n",
        "filesync_server/sync/hub.py": "import starlette\nfrom filesync_web.livestore import wire\n",
        "filesync_server/command/main.py": "from ..sync import hub\nfrom ..signer import app\n",
        "demo/main.py": "import js\nimport cards\nfrom filesync_web import save_file\n",
        "demo/cards.py": "import filesync_web\nfilesync_web.save_file\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_a_project_that_obeys_has_no_problems(project: Path) -> None:
    assert check_tree(project) == []


@pytest.mark.parametrize(
    ("file", "statement", "culprit"),
    [
        ("filesync_web/engine/engine.py", "import js", "js"),
        ("filesync_web/engine/engine.py", "from js import fetch", "js"),
        ("filesync_web/engine/engine.py", "def f():\n    import js", "js"),
        ("filesync_web/engine/engine.py", "import importlib; importlib.import_module('js')", "js"),
        ("filesync_web/engine/engine.py", "import asyncio", "asyncio"),
        ("filesync_web/engine/engine.py", "from time import time", "time"),
        ("filesync_web/engine/engine.py", "import random", "random"),
        ("filesync_web/engine/engine.py", "import sqlite3", "sqlite3"),
        ("filesync_web/engine/engine.py", "from filesync_web import ports", "filesync_web.ports"),
        ("filesync_web/engine/engine.py", "from .. import ports", "filesync_web.ports"),
        ("filesync_web/engine/engine.py", "from ..ports import Clock", "filesync_web.ports"),
        ("filesync_web/engine/engine.py", "from filesync_web import save_file", "public face"),
        ("filesync_web/livestore/wire.py", "from pyodide.ffi import to_js", "pyodide.ffi"),
        ("filesync_web/core/records.py", "import filesync_web.engine.plan", "filesync_web.engine"),
        ("filesync_web/core/records.py", "import asyncio", "asyncio"),
        ("filesync_web/engine/engine.py", "from filesync_web.aio import tasks", "filesync_web.aio"),
        ("filesync_web/engine/engine.py", "from filesync_web.files import reader", "filesync_web.files"),
        ("filesync_web/aio/tasks.py", "import filesync_web.ports", "filesync_web.ports"),
        ("filesync_web/aio/tasks.py", "import filesync_web.livestore.wire", "filesync_web.livestore"),
        (
            "filesync_web/remote/object_store.py",
            "import filesync_web.livestore.wire",
            "filesync_web.livestore",
        ),
        ("filesync_web/remote/object_store.py", "from ..files import reader", "filesync_web.files"),
        (
            "filesync_web/files/reader.py",
            "from filesync_web.transfers import leader",
            "filesync_web.transfers",
        ),
        ("filesync_web/files/reader.py", "from filesync_web.engine import plan", "filesync_web.engine"),
        ("filesync_web/transfers/leader.py", "import filesync_web.file_sync", "filesync_web.file_sync"),
        ("filesync_web/transfers/leader.py", "import filesync_web.native", "filesync_web.native"),
        ("filesync_web/sw/generator.py", "import filesync_web.ports", "filesync_web.ports"),
        ("filesync_web/testing/fakes.py", "import filesync_web.files.reader", "filesync_web.files"),
        ("filesync_web/sources.py", "import filesync_web.file_sync", "filesync_web.file_sync"),
        ("filesync_web/environment.py", "from filesync_web.native import http", "inside a function"),
        ("filesync_web/environment.py", "from filesync_web import api", "filesync_web.api"),
        ("filesync_web/livestore/wire.py", "import filesync_web.files.reader", "filesync_web.files"),
        ("filesync_web/livestore/wire.py", "import filesync_web.api", "filesync_web.api"),
        ("filesync_web/livestore/wire.py", "import httpx", "httpx"),
        ("filesync_web/ports.py", "import pyscript", "pyscript"),
        ("filesync_web/new_module.py", "import js", "js"),
        (
            "filesync_web/new_module.py",
            "def f():\n    import filesync_web.browser.opfs",
            "filesync_web.browser",
        ),
        ("filesync_web/browser/opfs.py", "import filesync_web.native", "filesync_web.native"),
        ("filesync_web/native/__init__.py", "from filesync_web.browser import opfs", "filesync_web.browser"),
        ("filesync_web/native/__init__.py", "import js", "js"),
        ("filesync_web/api.py", "from filesync_web.browser import opfs", "inside a function"),
        ("filesync_web/api.py", "import filesync_web.testing", "filesync_web.testing"),
        ("filesync_server/compose.py", "from .command import main", "filesync_server.command"),
        ("filesync_server/compose.py", "from .sync import hub", "filesync_server.sync"),
        ("filesync_server/site.py", "from .objects import port", "filesync_server.objects"),
        ("filesync_server/__init__.py", "from .command import main", "filesync_server.command"),
        ("filesync_server/shared/http.py", "from ..objects import port", "filesync_server.objects"),
        ("filesync_server/objects/port.py", "from ..sync import hub", "filesync_server.sync"),
        ("filesync_server/objects/port.py", "from ..signer import app", "filesync_server.signer"),
        ("filesync_server/objects/port.py", "import filesync_web.livestore.wire", "filesync_web.livestore"),
        ("filesync_server/signer/app.py", "from ..sync import hub", "filesync_server.sync"),
        ("filesync_server/signer/app.py", "from ..objects import s3", "filesync_server.objects"),
        ("filesync_server/sync/hub.py", "from ..objects import port", "filesync_server.objects"),
        ("filesync_server/sync/hub.py", "from ..command import main", "filesync_server.command"),
        ("filesync_server/command/main.py", "import filesync_web.files.reader", "filesync_web.files"),
        ("filesync_server/sync/hub.py", "from filesync_web import errors", "filesync_web.errors"),
        (
            "filesync_server/sync/hub.py",
            "from filesync_web.livestore.store import Store",
            "filesync_web.livestore.store",
        ),
        ("demo/cards.py", "from filesync_web.core import engine", "public names"),
        ("demo/cards.py", "from filesync_web import errors", "public names"),
        ("demo/cards.py", "from filesync_web import hidden", "public names"),
        ("demo/cards.py", "import filesync_web\nfilesync_web.core", "public names"),
        ("demo/cards.py", "import filesync_web as fs\nfs.hidden", "public names"),
        ("tools/site.py", "import starlette", "starlette"),
        ("build.py", "import httpx", "httpx"),
    ],
)
def test_a_wrong_import_is_reported(project: Path, file: str, statement: str, culprit: str) -> None:
    path = project / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(statement + "\n")
    problems = check_tree(project)
    assert len(problems) == 1
    assert problems[0].startswith(f"{file}:")
    assert culprit in problems[0]

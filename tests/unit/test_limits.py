"""Files and functions stay short, and what is too long is found."""

from __future__ import annotations

from pathlib import Path

from tools.limits import check_tree


def test_the_project_obeys() -> None:
    assert check_tree() == []


def test_what_is_too_long_is_found(tmp_path: Path) -> None:
    sources = {
        "filesync_web/core/paths.py": "x = 1\n" * 251,
        "filesync_web/engine/plan.py": "x = 1\n" * 250,
        "filesync_web/browser/opfs.js": "x = 1;\n" * 401,
        "sw/http.mjs": "x = 1;\n" * 400,
        "tests/unit/test_plan.py": "x = 1\n" * 401,
        "build.py": "@cache\ndef short():\n" + "    x = 1\n" * 59,
        "tools/site.py": "class Site:\n    async def build():\n" + "        x = 1\n" * 60,
        "demo/style.css": "\n" * 500,
    }
    for name, source in sources.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(source)
    assert check_tree(tmp_path) == [
        "filesync_web/browser/opfs.js: 401 lines; 400 is the most",
        "filesync_web/core/paths.py: 251 lines; 250 is the most",
        "tests/unit/test_plan.py: 401 lines; 400 is the most",
        "tools/site.py:2: build has 61 lines; 60 is the most",
    ]

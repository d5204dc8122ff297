"""Scripts are put together by what each says that it needs."""

from __future__ import annotations

import re

import pytest

from filesync_web.core.scripts import join_scripts, needed_scripts
from filesync_web.errors import InvalidArgumentError
from tools.common import ROOT


def join(name: str, **files: str) -> str:
    def read(name: str) -> str:
        try:
            return files[name]
        except KeyError:
            raise FileNotFoundError(name) from None

    return join_scripts(name, read)


def test_what_is_needed_comes_first_and_once() -> None:
    files = {
        "main": "// needs: left right\nmain()",
        "left": "// needs: base\nleft()",
        "right": "// needs: base left\nright()",
        "base": "base()",
    }
    called = [line for line in join("main", **files).splitlines() if not line.startswith("//")]
    assert called == ["base()", "left()", "right()", "main()"]


def test_only_the_first_line_says_what_is_needed() -> None:
    assert needed_scripts("// needs: a.js b.js\n// needs: c.js") == ["a.js", "b.js"]
    assert needed_scripts("// A file.\n// needs: a.js") == []
    assert needed_scripts("") == []


def test_a_missing_script_is_a_clear_error() -> None:
    with pytest.raises(InvalidArgumentError, match="a script is missing: a -> b -> c"):
        join("a", a="// needs: b", b="// needs: c")
    with pytest.raises(InvalidArgumentError, match=r"a script is missing: a$"):
        join("a")


def test_a_circle_is_a_clear_error() -> None:
    with pytest.raises(InvalidArgumentError, match="in a circle: a -> b -> c -> b"):
        join("a", a="// needs: b", b="// needs: c", c="// needs: b")
    with pytest.raises(InvalidArgumentError, match="in a circle: a -> a"):
        join("a", a="// needs: a")


def test_scripts_leave_strict_mode_to_who_puts_them_together() -> None:
    for folder in ("sw", "filesync_web/browser"):
        for path in (ROOT / folder).glob("*.js"):
            assert not re.search(r"^['\"]use strict", path.read_text(), re.MULTILINE), path

"""The standard library in two parts: cut here, joined by the module that travels in the first."""

from __future__ import annotations

import importlib
import importlib.resources
import io
import pkgutil
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tools.common import BuildError
from tools.runtime import _stdlib_rest
from tools.stdlib import JOINER, NAMES, module_name, modules_at_start, split, with_joiner

AT_START = {"kit_early", "kit_pack"}
MODULES = {
    "kit_early.py": "when = 'early'",
    "kit_late.py": "when = 'late'",
    "kit_pack/__init__.py": "",
    "kit_pack/deep.py": "when = 'late'",
    "kit_pack/words.txt": "some words",
}


def library(modules: dict[str, str] = MODULES) -> bytes:
    """A zip of the modules, with the one that joins, as a build gives it to be cut."""
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        for name, text in modules.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return with_joiner(output.getvalue(), AT_START)


def contents(archive: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert opened.testzip() is None
        return {name: opened.read(name).decode() for name in opened.namelist()}


def joined(first: bytes, rest: bytes) -> bytes:
    whole = io.BytesIO(first)
    _stdlib_rest.join(whole, rest)
    return whole.getvalue()


def test_the_first_part_is_a_zip_of_what_is_named() -> None:
    first, _ = split(library(), AT_START)
    assert set(contents(first)) == {"kit_early.py", "kit_pack/__init__.py", JOINER.name, NAMES}
    assert contents(first)[NAMES].split() == ["kit_late", "kit_pack.deep"]


def test_both_parts_joined_are_a_zip_of_everything() -> None:
    whole = library()
    assert contents(joined(*split(whole, AT_START))) == contents(whole)


def test_it_can_be_deflated() -> None:
    first, rest = split(
        library({**MODULES, "kit_late.py": "when = 'late'\n" * 1000}), AT_START, deflated=True
    )
    assert len(rest) < 5000
    assert contents(joined(first, rest))["kit_late.py"] == "when = 'late'\n" * 1000


def test_the_same_library_is_cut_into_the_same_bytes() -> None:
    assert split(library(), AT_START) == split(library(), AT_START)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _rest: split(library({**MODULES, "kit_early.py": "when = 'never'"}), AT_START)[1],
        lambda rest: rest[:-30],
        lambda rest: rest + b"more",
        lambda _rest: b"<!doctype html><title>Not found</title>",
        lambda _rest: b"",
    ],
    ids=["of another build", "cut off", "too long", "a page", "nothing"],
)
def test_what_does_not_belong_to_the_first_part_is_refused(spoil: Callable[[bytes], bytes]) -> None:
    first, rest = split(library(), AT_START)
    with pytest.raises(ValueError, match="another build"):
        joined(first, spoil(rest))


def test_a_module_that_the_library_lacks_is_a_clear_message() -> None:
    with pytest.raises(BuildError, match=r"has no gone, kit_gone; mend stdlib_at_start\.txt"):
        with_joiner(library(), {"kit_early", "kit_gone", "gone"})


def test_the_names_of_modules() -> None:
    names = map(module_name, ("a.py", "b/__init__.pyc", "b/c.pyc", "b/py.typed", "README.txt", "b/"))
    assert list(names) == ["a", "b", "b.c", None, None, None]


def test_the_list_is_sorted_and_names_no_module_twice() -> None:
    lines = (JOINER.with_name("stdlib_at_start.txt")).read_text().splitlines()
    names = [line for line in lines if not line.startswith("#")]
    assert names == sorted(modules_at_start())


class Imported:
    """The first part on the path of this Python, and a finder that has the rest brought."""

    def __init__(self, path: Path) -> None:
        self.first, self.rest = split(library(), AT_START)
        self.archive = path / "library.zip"
        self.archive.write_bytes(self.first)
        self.fetched = 0
        self.fault: Exception | None = None
        names = contents(self.first)[NAMES].split()
        self.finder = _stdlib_rest.RestFinder(str(self.archive), names, self._fetch)

    def _fetch(self) -> bytes:
        self.fetched += 1
        if self.fault:
            raise self.fault
        return self.rest


@pytest.fixture
def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Imported]:
    made = Imported(tmp_path)
    monkeypatch.syspath_prepend(str(made.archive))
    monkeypatch.setattr(sys, "meta_path", [made.finder, *sys.meta_path])
    yield made
    for name in [name for name in sys.modules if name.startswith("kit_")]:
        del sys.modules[name]


def when(name: str) -> str:
    found: str = importlib.import_module(name).when
    return found


def test_what_the_first_part_has_needs_nothing_more(imported: Imported) -> None:
    assert when("kit_early") == "early"
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("kit_no_such_module")
    assert imported.fetched == 0
    assert imported.finder.is_needed


@pytest.mark.parametrize("name", ["kit_late", "kit_pack.deep"])
def test_an_import_brings_the_rest_once(imported: Imported, name: str) -> None:
    importlib.import_module("kit_pack")
    assert when(name) == "late"
    assert (when("kit_late"), when("kit_pack.deep")) == ("late", "late")
    assert imported.fetched == 1
    assert not imported.finder.is_needed


def test_then_everything_is_as_in_one_zip(imported: Imported) -> None:
    imported.finder.complete(imported.rest)
    imported.finder.complete(imported.rest)
    assert imported.archive.read_bytes() == joined(imported.first, imported.rest)
    names = {found.name for found in pkgutil.iter_modules([str(imported.archive)])}
    assert names >= {"kit_early", "kit_late", "kit_pack"}
    assert importlib.resources.files("kit_pack").joinpath("words.txt").read_text() == "some words"
    assert imported.fetched == 0


def test_a_rest_that_does_not_arrive_is_an_import_error_that_can_be_mended(imported: Imported) -> None:
    imported.fault = OSError("no connection")
    with pytest.raises(
        ImportError, match=r"kit_late is in a part .* did not arrive: no connection"
    ) as raised:
        importlib.import_module("kit_late")
    assert raised.value.name == "kit_late"
    imported.fault = None
    assert when("kit_late") == "late"
    assert imported.fetched == 2

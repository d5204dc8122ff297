"""What the gallery says of what was deleted, and of what pictures were before."""

from __future__ import annotations

import importlib
import math
import time
from types import ModuleType

import pytest

from tools.common import ROOT


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module; it imports another one as that is in the page."""
    monkeypatch.syspath_prepend(str(ROOT / "demo"))
    return importlib.import_module("past_words")


def test_deletions_are_told_with_their_names_or_their_number(words: ModuleType) -> None:
    assert words.deleted(["sea.png"]) == "Deleted “sea.png”"
    assert words.deleted([""]) == "Deleted “Untitled”"
    assert words.deleted(["a"] * 1200) == "Deleted 1,200 files"
    assert words.brought_back(["sea.png"]) == "“sea.png” is back"
    assert words.brought_back(["a", "b"]) == "2 files are back"
    assert words.gone(["a", "b"]) == "2 files deleted for good"
    assert words.sure_to_empty(1) == "Delete 1 file for good?"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (50 * 60, "50 minutes ago"),
        (3600, "1 hour ago"),
        (86_400, "1 day ago"),
        (29.9 * 86_400, "30 days ago"),
    ],
)
def test_ago(words: ModuleType, seconds: float, text: str) -> None:
    assert words.ago(seconds) == text


def test_how_long_something_is_kept(words: ModuleType) -> None:
    assert words.kept_for(29.99 * 86_400) == "kept for 30 days more"
    assert words.kept_for(0) == "kept for 1 minute more"
    assert words.kept_for(math.inf) == "kept without end"
    assert words.kept_for(86_400, is_leaving=True) == "not kept, unless you restore it now"


@pytest.mark.parametrize("conflict", ["edit", "deletion", "revived"])
def test_every_conflict_is_told_and_has_two_choices_at_least(words: ModuleType, conflict: str) -> None:
    assert words.conflict_reason(conflict, "this device").endswith(".")
    assert "“sea.png”" in words.conflict_news([conflict], "sea.png")
    choices = words.CHOICES[conflict]
    assert {"take", "drop"} <= choices.keys()
    for choice in choices:
        assert words.decided("sea.png", conflict, choice).startswith("“sea.png”: ")


def test_conflicts_are_counted(words: ModuleType) -> None:
    assert words.conflict_badge("revived") == "Was deleted"
    assert words.conflict_badge("edit") == "2 versions"
    assert words.conflicts(1) == "1 conflict"
    assert words.conflict_title("sea.png", 1, 1) == "“sea.png”"
    assert words.conflict_title("sea.png", 2, 3) == "“sea.png” (2 of 3)"
    assert words.conflict_news(["edit", "revived"], "sea.png").startswith("2 files ")
    assert words.device("me", "me") == "this device"
    assert words.device("k7Fqab", "me") == "another device (k7Fq)"


def test_an_earlier_version_as_a_file_of_its_own_is_named_after_its_time(words: ModuleType) -> None:
    noon = time.mktime((2026, 11, 26, 12, 5, 0, 0, 0, -1))
    assert words.copy_name("a/sea.b.png", noon) == "a/sea.b (26 Nov 12.05).png"
    assert words.copy_name("LICENSE", noon) == "LICENSE (26 Nov 12.05)"
    assert words.copy_name(".profile", noon) == ".profile (26 Nov 12.05)"

"""Recipes and options of thumbnails: their names, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from filesync_web.core.thumbnails import Recipe, ThumbnailOptions, has_thumbnail, is_too_large
from filesync_web.errors import InvalidArgumentError

HASH = "0123456789abcdef" * 4


def test_a_name_never_changes() -> None:
    """Or all that devices have kept would be made again, and the old ones would stay."""
    assert Recipe().text == "v1;size=256;fit=contain;format=webp;quality=80"
    assert Recipe().name_for(HASH) == f"{HASH}-8aa60048e453c3be.webp"
    assert Recipe(64, "png", 0.1, "cover").text == "v1;size=64;fit=cover;format=png"


def test_different_recipes_have_different_names() -> None:
    recipes = [
        Recipe(),
        Recipe(128),
        Recipe(format="jpeg"),
        Recipe(format="png"),
        Recipe(quality=0.5),
        Recipe(fit="cover"),
    ]
    assert len({recipe.name_for(HASH) for recipe in recipes}) == len(recipes)
    assert Recipe(format="png", quality=0.1).name_for(HASH) == Recipe(format="png").name_for(HASH)


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 0},
        {"size": 15},
        {"size": 8193},
        {"size": True},
        {"size": 256.0},
        {"format": "gif"},
        {"fit": "stretch"},
        {"quality": 80},
        {"quality": "high"},
    ],
)
def test_a_recipe_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError, match=next(iter(wrong))):
        Recipe(**wrong)


@pytest.mark.parametrize(
    ("wanted", "made"), [(1, 128), (128, 128), (129, 256), (256, 256), (300.5, 512), (5000, 1024)]
)
def test_the_next_larger_size_is_made(wanted: float, made: int) -> None:
    assert ThumbnailOptions(quality=0.5).recipe(wanted) == Recipe(made, quality=0.5)


@pytest.mark.parametrize("wrong", [0, -1, float("nan"), "256", None])
def test_a_size_that_is_none_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="size"):
        ThumbnailOptions().recipe(wrong)


@pytest.mark.parametrize("wrong", [{"sizes": ()}, {"sizes": 256}, {"sizes": (256, 1)}, {"format": "bmp"}])
def test_options_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError):
        ThumbnailOptions(**wrong)


def test_pictures_and_videos_have_thumbnails() -> None:
    assert has_thumbnail("image/jpeg")
    assert has_thumbnail("Video/MP4; codecs=x")
    assert not has_thumbnail("application/pdf")


def test_what_would_take_too_much_memory_is_not_decoded() -> None:
    assert not is_too_large(20_000_000, (8_000, 6_000))
    assert is_too_large(20_000_000, (20_000, 10_000))
    assert is_too_large(100_000_000, (100, 100))
    assert not is_too_large(1_000_000, None)
    assert is_too_large(20_000_000, None)

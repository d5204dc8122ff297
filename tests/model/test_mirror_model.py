"""Random changes in two mirrored folders and their store, with the mirrors' steps in between and mirrors that
die: in the end all three are equal, and no content is lost that nobody has deleted or replaced.

A failing example is printed as a trace, to be kept in `TRACES`.
"""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.model.mirror_world import MirrorWorld

Act = tuple[str, int, int, int]
WEIGHTS = {
    "write": 3,
    "edit": 3,
    "remove": 2,
    "rename": 2,
    "swap": 1,
    "copy": 1,
    "store_create": 2,
    "store_edit": 2,
    "store_rename": 2,
    "store_delete": 1,
    "move": 2,
    "look": 6,
    "glance": 2,
    "step": 8,
    "die": 2,
    "pull": 2,
    "push": 3,
}
KINDS = [kind for kind, weight in WEIGHTS.items() for _ in range(weight)]
NO_MOVES = [kind for kind in KINDS if kind not in {"rename", "move", "swap", "copy"}]
IN_FOLDERS = [kind for kind in NO_MOVES if not kind.startswith("store_")] + ["move"] * WEIGHTS["move"]
"""With either of these alone nothing may be there twice. With all of them it may: two people give a file two
names, and somebody who knows of neither deletes it in the store."""
SMALL = st.integers(0, 9)
ACTS = st.sampled_from([KINDS, NO_MOVES, IN_FOLDERS]).flatmap(
    lambda kinds: st.lists(st.tuples(st.sampled_from(kinds), st.integers(0, 1), SMALL, SMALL), max_size=60)
)
WALKS = 500
TRACES: dict[str, list[Act]] = {
    "what had not arrived was taken for renamed, and so for deleted": [
        ("store_create", 0, 9, 8),
        ("write", 0, 8, 4),
        ("store_create", 1, 0, 6),
        ("store_create", 1, 7, 7),
        ("look", 0, 2, 7),
        ("step", 0, 1, 7),
        ("store_delete", 1, 7, 2),
        ("push", 0, 0, 0),
        ("pull", 1, 6, 7),
        ("store_create", 0, 0, 9),
        ("look", 1, 0, 9),
        ("store_rename", 1, 8, 8),
        ("look", 0, 6, 7),
        ("write", 0, 6, 1),
        ("step", 0, 0, 9),
        ("step", 1, 3, 3),
        ("step", 1, 3, 4),
        ("write", 0, 1, 1),
        ("step", 1, 3, 1),
        ("swap", 0, 2, 3),
        ("edit", 1, 7, 1),
        ("store_rename", 1, 9, 2),
    ],
    "a deletion of its own, not noted, was taken for another's": [
        ("write", 0, 4, 7),
        ("rename", 0, 2, 5),
        ("write", 0, 9, 5),
        ("look", 0, 8, 6),
        ("step", 0, 4, 6),
        ("rename", 0, 2, 5),
        ("look", 0, 8, 0),
        ("step", 0, 3, 4),
        ("die", 0, 6, 3),
        ("rename", 0, 1, 9),
    ],
    "an edit that was taken back before others had it was no edit": [
        ("write", 1, 7, 4),
        ("write", 1, 9, 7),
        ("look", 1, 0, 6),
        ("step", 1, 6, 9),
        ("step", 1, 9, 9),
        ("swap", 1, 3, 2),
        ("look", 1, 5, 1),
        ("step", 1, 7, 0),
        ("push", 1, 3, 0),
        ("swap", 1, 6, 1),
        ("store_edit", 1, 7, 2),
    ],
    "a file that moved while the folder was looked through was taken for deleted": [
        ("write", 0, 0, 5),
        ("move", 0, 4, 2),
        ("look", 0, 6, 9),
        ("step", 0, 8, 5),
        ("write", 0, 9, 0),
        ("push", 0, 2, 7),
        ("push", 1, 8, 3),
        ("look", 1, 1, 5),
        ("move", 0, 3, 7),
        ("write", 0, 3, 2),
        ("remove", 0, 7, 3),
        ("step", 1, 8, 6),
        ("glance", 0, 9, 7),
        ("die", 0, 8, 2),
        ("move", 1, 1, 1),
    ],
    "a second edit, not done when the mirror died, made the first one somebody else's": [
        ("write", 0, 0, 1),
        ("look", 0, 4, 3),
        ("step", 0, 8, 9),
        ("edit", 0, 3, 1),
        ("look", 0, 0, 8),
        ("step", 0, 0, 3),
        ("move", 0, 4, 1),
        ("write", 0, 0, 7),
        ("glance", 0, 7, 5),
        ("die", 0, 9, 7),
    ],
    "a file that had arrived and moved was taken for a new one beside one not read": [
        ("write", 1, 0, 1),
        ("write", 1, 2, 2),
        ("look", 1, 9, 8),
        ("write", 0, 3, 8),
        ("step", 1, 0, 2),
        ("remove", 1, 8, 3),
        ("look", 0, 0, 5),
        ("step", 0, 7, 8),
        ("push", 0, 9, 8),
        ("step", 1, 1, 9),
        ("move", 1, 5, 2),
        ("look", 1, 1, 2),
        ("edit", 1, 9, 1),
        ("step", 1, 6, 0),
        ("push", 1, 7, 7),
        ("look", 1, 9, 1),
        ("step", 1, 7, 8),
        ("die", 1, 0, 5),
        ("move", 1, 8, 5),
        ("write", 1, 4, 5),
        ("glance", 1, 8, 5),
        ("step", 1, 9, 4),
    ],
    "a file that had arrived, moved and was not read was taken for one that never came": [
        ("write", 1, 1, 4),
        ("look", 1, 9, 0),
        ("step", 1, 6, 3),
        ("push", 1, 3, 4),
        ("pull", 0, 7, 3),
        ("look", 0, 8, 8),
        ("die", 0, 0, 9),
        ("move", 0, 6, 2),
        ("write", 0, 1, 3),
        ("glance", 0, 6, 7),
        ("step", 0, 5, 4),
    ],
    "a file that is renamed into a folder of its own name": [
        ("store_create", 1, 8, 9),
        ("store_rename", 1, 1, 7),
        ("push", 0, 5, 6),
        ("look", 0, 2, 6),
        ("step", 0, 9, 6),
        ("store_rename", 0, 4, 6),
    ],
}


def run(trace: list[Act]) -> None:
    world = MirrorWorld()
    try:
        for act in trace:
            world.act(*act)
        world.converge()
    except Exception as error:
        raise AssertionError(f"{error}\ntrace: {trace}") from error


@given(ACTS)
@settings(max_examples=150)
def test_whatever_happens_all_three_are_equal_in_the_end_and_nothing_is_lost(trace: list[Act]) -> None:
    run(trace)


def walks(count: int) -> None:
    seed = int(os.environ.get("WALK_SEED") or random.SystemRandom().randrange(2**32))
    print(f"WALK_SEED={seed}")
    rng = random.Random(seed)
    for _ in range(count):
        kinds = rng.choice((KINDS, NO_MOVES, IN_FOLDERS))
        acts = range(rng.randrange(5, 120))
        run([(rng.choice(kinds), rng.randrange(2), rng.randrange(10), rng.randrange(10)) for _ in acts])


def test_fresh_walks_come_to_the_same_end() -> None:
    walks(WALKS)


@pytest.mark.soak(minutes=10)
def test_many_fresh_walks_come_to_the_same_end() -> None:
    """Walks of two mirrored folders and their store, with fresh seeds."""
    walks(100_000)


@pytest.mark.parametrize("name", TRACES)
def test_a_kept_trace_comes_to_the_same_end(name: str) -> None:
    run(TRACES[name])

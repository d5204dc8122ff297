"""Traces that once failed, by what went wrong, for a world of two clients."""

from __future__ import annotations

from tests.model.state import Step


def parse(text: str) -> list[Step]:
    """The steps of a trace: `save 0 2 3, sync 1 0 0`."""
    steps = (step.split() for step in text.split(","))
    return [(name, int(who), int(a), int(b)) for name, who, a, b in steps]


TRACES = {
    "an edit elsewhere is known here only after the deletion": parse(
        "save 6 3 7, save 1 6 4, save 1 5 7, finish 9 6 5, sync 5 5 3, update 5 4 0, finish 5 1 5, sync 8 1 "
        "4, save 0 7 1, delete 6 8 4"
    ),
    "a crash between the stored row and the start of its job": parse(
        "save 4 6 1, fail 2 2 8, crash_soon 0 1 1, wait 1 7 0"
    ),
    "the bytes of a file that its owner holds back come with another file": parse(
        "save 4 3 4, sync 4 2 9, control 0 5 2, sync 3 3 6, save 3 3 2"
    ),
    "an evicted file shares its bytes with a file that is edited elsewhere": parse(
        "save 2 9 4, save 1 5 0, save 1 9 5, save 4 3 7, finish 8 2 7, save 9 5 8, delete 4 6 7, save 3 0 "
        "6, finish 5 0 2, save 0 0 1, save 3 7 0, save 4 5 3, finish 2 9 4, sync 8 7 8, delete 2 5 9, sync "
        "7 1 6, save 4 0 9, save 1 3 9, delete 5 8 5, update 3 4 8, sync 6 3 9, evict 8 4 7, delete 2 3 0, "
        "sync 1 8 0"
    ),
    "the object of content that an edit elsewhere replaced, after a restart of who sent it": parse(
        "save 0 2 3, sync 4 5 9, sync 3 3 0, update 1 4 0, finish 5 2 5, update 6 3 2, sync 5 1 2, restart "
        "3 0 2"
    ),
    "old bytes of an edit whose file is deleted before its new content is up": parse(
        "save 0 2 8, save 0 2 2, save 5 2 9, finish 5 9 6, fail 2 2 1, save 9 2 4, save 9 9 6, update 2 6 "
        "0, save 2 7 2, save 2 1 9, finish 0 8 3, finish 8 9 5, finish 9 0 0, delete 5 5 6, sync 3 8 7, "
        "sync 8 2 9, save 9 1 5, save 7 3 9, save 9 3 1, sync 5 4 1, evict 5 8 3, delete 2 0 3, save 5 2 7, "
        "update 7 0 9, sync 5 0 5, sync 0 0 3, delete 4 8 7"
    ),
    "a crash after a delete, and an edit elsewhere": parse(
        "save 0 0 0, sync 0 0 0, update 0 1 0, sync 1 0 0, update 1 2 0, finish 1 0 0, crash_soon 1 0 0, "
        "sync 1 0 0, finish 1 0 0"
    ),
    "a cancelled download had its effect, and another file waits for the bytes": parse(
        "save 1 1 0, save 1 1 0, sync 1 0 0, save 0 0 0, finish 0 0 0, sync 0 0 0, sync 1 0 0, delete 0 0 "
        "0, delete 0 1 0, fail 1 0 0, update 0 0 0, sync 0 0 0, control 0 0 1, sync 1 0 0, finish 1 1 1"
    ),
    "a failed download had its effect, and the file has other content now": parse(
        "save 1 0 0, finish 1 0 0, sync 1 0 0, update 1 1 0, sync 0 0 0, sync 1 0 0, sync 0 0 0, fail 0 0 1"
    ),
    "a cancelled download had its effect, and the file is deleted": parse(
        "save 1 0 0, finish 1 0 0, sync 1 0 0, delete 1 0 0, sync 0 0 0, sync 1 0 0, sync 0 0 0, finish 0 0 1"
    ),
    "an evicted file is still here, and its object is lost": parse(
        "save 1 0 0, finish 1 0 0, sync 1 0 0, sync 0 0 0, evict 1 0 0, lose 0 0 0"
    ),
    "an evicted file is edited elsewhere": parse(
        "save 1 0 0, finish 1 0 0, sync 1 0 0, sync 0 0 0, evict 1 0 0, update 0 1 0"
    ),
    "a delete was called off, and who has the bytes evicts them before the news arrives": parse(
        "save 1 0 0, finish 1 0 0, delete 1 0 0, save 0 0 0, finish 0 0 0, sync 0 0 0, sync 1 0 0, fail 1 0 "
        "0, sync 0 0 0, evict 0 0 2"
    ),
    "an object is damaged whose last own copy is gone where it was uploaded": parse(
        "save 1 0 0, finish 1 0 0, save 0 0 0, finish 0 0 0, sync 1 0 0, sync 0 0 0, sync 1 0 0, evict 0 0 "
        "1, damage 0 0 0"
    ),
    "an object that was found missing is there later": parse(
        "save 0 0 0, update 0 2 0, sync 0 0 0, finish 0 1 0, save 1 2 0, delete 0 0 0, finish 1 0 0, "
        "control 1 0 1, sync 1 0 0"
    ),
    "who found an object missing was mistaken, and restarts; nobody has the bytes": parse(
        "save 0 0 0, finish 0 0 0, sync 0 0 0, sync 1 0 0, evict 0 0 2, fail 1 0 8, restart 1 0 0"
    ),
    "who found an object missing was mistaken, and dies before the key is withdrawn": parse(
        "save 0 0 0, finish 0 0 0, sync 0 0 0, sync 1 0 0, evict 0 0 2, crash_soon 1 2 0, fail 1 0 8"
    ),
    "an evicted file is here again by a save of the same content": parse(
        "save 1 2 0, finish 1 0 0, sync 1 0 0, sync 0 0 0, evict 1 0 1, save 1 2 0"
    ),
    "an object is lost while an evicted file has its bytes by another one, which is edited": parse(
        "save 6 7 3, finish 8 8 6, save 3 6 5, save 4 3 0, save 5 7 9, sync 4 7 6, save 8 0 9, finish 3 5 "
        "9, sync 1 9 0, save 5 8 5, save 9 3 2, evict 4 9 8, sync 8 3 9, sync 9 1 6, evict 7 0 8, save 7 2 "
        "8, lose 3 4 0, update 5 4 7"
    ),
    "two files of one content are edited, and one edit is up first": parse(
        "save 0 1 0, finish 0 0 0, save 0 1 0, finish 0 0 0, update 0 0 0, update 0 0 1"
    ),
    "a lost object is there again that nobody asks for": parse(
        "save 9 3 8, save 1 8 6, save 3 1 6, finish 1 6 9, delete 7 1 3, control 5 0 8, sync 9 5 4, lose 0 1 "
        "9, sync 8 9 7, finish_all 0 7 7, settings 8 1 3"
    ),
    "an edit that somebody else has uploaded, and edited again": parse(
        "save 2 2 6, save 6 1 0, save 7 8 5, finish 6 9 5, delete 4 0 4, finish 3 3 4, sync 0 8 8, sync 3 1 "
        "1, sync 0 5 1, finish_all 5 3 6, update 0 1 5, sync 4 4 1, fail 2 8 5, sync 1 9 8, finish 1 0 5, "
        "sync 3 5 7, finish 6 7 2, sync 0 8 1, update 9 7 7, delete 7 0 8, save 2 9 2, finish 6 8 1, sync 7 "
        "0 1, finish 0 9 6, save 4 8 9, sync 2 0 9, delete 2 2 8"
    ),
    "wrong bytes come at the moment of an edit, after another failure": parse(
        "save 7 4 7, finish 5 3 9, sync 5 0 5, sync 2 9 9, fail 0 0 2, wait 2 8 4, damage 4 7 4, cross 4 1 4"
    ),
    "a file that was edited and deleted here comes back by an edit elsewhere": parse(
        "save 2 0 3, finish 2 4 6, save 2 4 7, save 7 1 3, save 9 8 0, cross 6 7 1, finish 0 1 9, delete 4 2 "
        "4, sync 7 4 3, sync 4 3 4, finish 8 4 9, sync 5 6 7, delete 6 9 0, update 5 2 5, update 8 8 5, "
        "finish 2 9 1, delete 0 0 1, save 9 6 0, finish 0 9 2, delete 2 6 3, sync 8 2 4, sync 1 2 9, "
        "finish_all 2 1 3, sync 0 3 6, delete 4 7 2"
    ),
    "all that is left of what was let go and is kept again is a damaged object": parse(
        "save 5 4 0, save 3 3 9, policy 6 4 5, finish_all 3 6 8, purge 5 2 0, damage 3 3 1, delete 9 9 0"
    ),
}

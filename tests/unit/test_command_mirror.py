"""What a watching mirror tells, and when."""

from __future__ import annotations

from filesync_web.command.mirror_command import AFTER_FAILURE, News
from filesync_web.mirror.report import Report
from filesync_web.testing import ManualClock


def test_what_lasts_is_told_once_and_again_when_it_comes_back() -> None:
    news = News()
    failing = Report(failed={"a": "no room"})
    assert news.of(failing) == ["a: no room"]
    assert news.of(failing) == []
    assert news.of(Report()) == []
    assert news.of(failing) == ["a: no room"]


async def test_what_waits_for_another_device_is_told_when_it_has_waited_for_long() -> None:
    clock = ManualClock()
    news = News(clock.monotonic)
    waiting = Report(waiting={"a": "it is not uploaded yet"})
    assert news.of(waiting) == []
    await clock.advance(AFTER_FAILURE - 1)
    assert news.of(Report(waiting={**waiting.waiting, "b": "it is not uploaded yet"})) == []
    await clock.advance(1)
    assert news.of(waiting) == ["a: it is not uploaded yet"]
    assert news.of(waiting) == []
    await clock.advance(AFTER_FAILURE)
    assert news.of(Report()) == []
    assert news.of(waiting) == []  # it waits anew

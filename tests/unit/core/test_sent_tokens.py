"""The tokens that a tab has sent."""

from __future__ import annotations

from filesync_web.core.sent_tokens import MOST, SentTokens


def test_the_last_ones_are_known_and_what_is_sent_again_and_again_stays() -> None:
    sent = SentTokens(["fixed"])
    for number in range(2 * MOST):
        sent.add(["fixed", str(number)])
    assert {"fixed", str(2 * MOST - 1), str(MOST + 2)} <= sent.all()
    assert "0" not in sent.all()
    assert len(sent.all()) == MOST

"""Pages that a test can freeze, as browsers freeze those in the background.

Playwright keeps each page that it drives visible, and a visible page cannot be frozen. So these pages are in
a browser context that Playwright does not know of, and are driven by messages to the browser.
"""

from __future__ import annotations

import itertools
import json
from typing import Any

from playwright.sync_api import Browser, CDPSession

from tests.harness.waiting import wait_until

_CALL = """(async (argument) => {
    const value = (0, eval)(%s);
    return typeof value === "function" ? value(argument) : value;
})(%s)"""


class FreezableContext:
    """A context of its own; `new_page` opens a tab in it."""

    def __init__(self, browser: Browser, base_url: str) -> None:
        self._cdp = browser.new_browser_cdp_session()
        self._id = self._cdp.send("Target.createBrowserContext")["browserContextId"]
        self._base_url = base_url

    def new_page(self) -> FreezablePage:
        return FreezablePage(self._cdp, self._id, self._base_url)

    def close(self) -> None:
        self._cdp.send("Target.disposeBrowserContext", {"browserContextId": self._id})
        self._cdp.detach()


class FreezablePage:
    """What a `PyodidePage` uses of Playwright's pages, and `freeze` and `resume`."""

    def __init__(self, cdp: CDPSession, context_id: str, base_url: str) -> None:
        self._cdp = cdp
        self._base_url = base_url
        self._numbers = itertools.count(1)
        self._answers: dict[int, dict[str, Any]] = {}
        target = {"url": "about:blank", "browserContextId": context_id}
        self._target = cdp.send("Target.createTarget", target)["targetId"]
        attaching = {"targetId": self._target, "flatten": False}
        self._session = cdp.send("Target.attachToTarget", attaching)["sessionId"]
        cdp.on("Target.receivedMessageFromTarget", self._on_message)

    def goto(self, path: str) -> None:
        self._send("Page.navigate", url=self._base_url + path)

    def evaluate(self, text: str, argument: object = None) -> Any:
        """The value of an expression, or what a function makes of the argument."""
        expression = _CALL % (json.dumps(f"({text})"), json.dumps(argument))
        answer = self._send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_for_function(self, text: str, *, timeout: float) -> None:
        wait_until(lambda: self.evaluate(text), text, timeout=timeout / 1000)

    def freeze(self) -> None:
        """Stop everything in the page; its events and timers wait."""
        self._send("Page.setWebLifecycleState", state="frozen")

    def resume(self) -> None:
        self._send("Page.setWebLifecycleState", state="active")

    def close(self) -> None:
        self._cdp.send("Target.closeTarget", {"targetId": self._target})

    def _send(self, method: str, **params: object) -> dict[str, Any]:
        number = next(self._numbers)
        message = json.dumps({"id": number, "method": method, "params": params})
        sending = {"sessionId": self._session, "message": message}
        self._cdp.send("Target.sendMessageToTarget", sending)
        wait_until(lambda: self._has_answered(number), f"{method} is answered", timeout=60)
        answer = self._answers.pop(number)
        assert "error" not in answer, answer
        return dict(answer["result"])

    def _has_answered(self, number: int) -> bool:
        self._cdp.send("Browser.getVersion")  # events are delivered while something is asked
        return number in self._answers

    def _on_message(self, event: dict[str, Any]) -> None:
        if event["sessionId"] == self._session:
            message = json.loads(event["message"])
            if "id" in message:
                self._answers[message["id"]] = message

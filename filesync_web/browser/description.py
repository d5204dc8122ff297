"""What a report says of the page, or the worker, where this runs, and of the page's service worker."""

from __future__ import annotations

import json
from typing import Any

import js
import pyodide

from filesync_web.browser.js_util import absolute_url, in_worker, is_none, js_json
from filesync_web.browser.service_worker_messages import answer_of, ask, version_of
from filesync_web.core.failures import shown_url
from filesync_web.errors import ServiceWorkerError

STATUS_TIMEOUT = 3.0
"""Seconds; a worker that hangs must not keep the report waiting."""


async def describe_page() -> dict[str, Any]:
    """Browser, Pyodide and context, without the query of the page's address; `service_worker`: of the worker
    whose scope has the page, None where there is none."""
    return {
        "page": shown_url(absolute_url("")),
        "context": "worker" if in_worker() else "page",
        "browser": str(js.navigator.userAgent),
        "pyodide": pyodide.__version__,
        "secure": bool(js.isSecureContext),
        "isolated": bool(getattr(js, "crossOriginIsolated", False)),
        "on_line": bool(js.navigator.onLine),
        "visible": None if in_worker() else js.document.visibilityState == "visible",
        "service_worker": await _service_worker(),
    }


async def _service_worker() -> dict[str, Any] | None:
    js_container = getattr(js.navigator, "serviceWorker", None)
    if is_none(js_container):
        return None
    try:
        # By its address, since Firefox refuses the default in a worker that runs from a `blob:` URL.
        js_registration = await answer_of(js_container, "getRegistration", absolute_url(""))
        if is_none(js_registration):
            return None
        js_version = version_of(js_registration)
        told: dict[str, Any] = {
            "script": str(js_version.scriptURL) if js_version is not None else None,
            "scope": str(js_registration.scope),
            "state": str(js_version.state) if js_version is not None else None,
            "waiting": not is_none(js_registration.waiting),
            "controls_this_page": not is_none(getattr(js_container, "controller", None)),
        }
        if not is_none(js_registration.active):
            answer = await ask(js_registration.active, "filesync:status", timeout=STATUS_TIMEOUT)
            told["status"] = json.loads(js_json(answer))
        return told
    except ServiceWorkerError as error:
        return {"error": str(error)}

"""A plain page under the service worker, without Python: the quickest way to see what the worker does."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import BrowserContext, Page

_CONTROL = """
async () => {
    const container = navigator.serviceWorker;
    await container.register("/filesync-sw.js");
    const { active } = await container.ready;
    const changed = new Promise((resolve) => container.addEventListener("controllerchange", resolve));
    active.postMessage({ type: "filesync:claim" });
    if (!container.controller) await changed;
}
"""

_ANSWER = """
(remote) => {
    globalThis.asked = 0;
    globalThis.remote = remote;
    navigator.serviceWorker.addEventListener("message", ({ data, ports }) => {
        if (data.type !== "filesync:remote") return;
        globalThis.asked += 1;
        if (globalThis.remote) ports[0].postMessage(globalThis.remote);
    });
}
"""

_MESSAGE = """
(message) => new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => resolve(data);
    navigator.serviceWorker.controller.postMessage(message, [port2]);
})
"""

_STORE = """
async ([key, base64, type]) => {
    const [storeId, hash] = key.split("/");
    let folder = await navigator.storage.getDirectory();
    for (const name of ["livestore-filesync-files", storeId])
        folder = await folder.getDirectoryHandle(name, { create: true });
    const writable = await (await folder.getFileHandle(hash, { create: true })).createWritable();
    await writable.write(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)));
    await writable.close();
    if (!type) return;
    const database = await new Promise((resolve) => {
        const opening = indexedDB.open("livestore-filesync", 1);
        opening.onupgradeneeded = () => opening.result.createObjectStore("contentTypes");
        opening.onsuccess = () => resolve(opening.result);
    });
    const change = database.transaction("contentTypes", "readwrite");
    change.objectStore("contentTypes").put(type, key);
    await new Promise((resolve) => { change.oncomplete = resolve; });
    database.close();
}
"""

_FETCH = """
async ([url, init]) => {
    const response = await fetch(url, init);
    const bytes = new Uint8Array(await response.arrayBuffer());
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte);
    return { status: response.status, headers: Object.fromEntries(response.headers), body: btoa(text) };
}
"""

_TREE = """
async (root) => {
    const names = [];
    const walk = async (folder, path) => {
        for await (const [name, handle] of folder.entries()) {
            if (handle.kind === "directory") await walk(handle, `${path}${name}/`);
            else names.push(path + name);
        }
    };
    try {
        await walk(await (await navigator.storage.getDirectory()).getDirectoryHandle(root), "");
    } catch (error) {
        if (error.name !== "NotFoundError") throw error;
    }
    return names.sort();
}
"""

CACHE_ROOT = "livestore-filesync-cache"


@dataclass(frozen=True)
class Answer:
    """An HTTP answer as the page saw it."""

    status: int
    headers: dict[str, str]
    body: bytes


def open_controlled_page(context: BrowserContext, url: str, remote: dict[str, Any] | None = None) -> Page:
    """A page that the worker controls; it answers questions for its remote when it has one."""
    page = context.new_page()
    page.goto(url)
    page.evaluate(_ANSWER, remote)
    page.evaluate(_CONTROL)
    return page


def message(page: Page, kind: str, **fields: Any) -> Any:
    """Send the worker a message and return its result; fails with the error in its answer."""
    answer = page.evaluate(_MESSAGE, {"type": f"filesync:{kind}", **fields})
    assert answer["ok"], answer["error"]
    return answer["result"]


def store_file(page: Page, key: str, body: bytes, content_type: str = "") -> None:
    """Put bytes where the page's own copies are, whatever the key promises."""
    page.evaluate(_STORE, [key, base64.b64encode(body).decode(), content_type])


def fetch(page: Page, url: str, method: str = "GET", **headers: str) -> Answer:
    """Fetch from the page; `If_None_Match` is written for `If-None-Match`."""
    wanted = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = page.evaluate(_FETCH, [url, {"method": method, "headers": wanted}])
    return Answer(answer["status"], answer["headers"], base64.b64decode(answer["body"]))


def kept_files(page: Page) -> list[str]:
    """Everything below the worker's own folder, temporary files too."""
    return list(page.evaluate(_TREE, CACHE_ROOT))

"""What is not on this device comes from the remote: verified, kept when asked for, refused with words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import BrowserContext, Error, Page

from tests.browser.controlled_page import Answer, fetch, kept_files, message, open_controlled_page
from tests.browser.scripted_site import PAGE, PREFIX, ScriptedSite
from tests.harness.waiting import wait_until

BODY = bytes(range(256)) * 2000
WRONG = BODY[:-1] + b"!"
BROKEN = r"Failed to fetch|network error|AbortError: The operation was aborted"
"""What Chromium says of an answer that breaks off, and Firefox."""
SIGN = "/v1/sign/download"
IMPATIENT = 0.5
"""Seconds; only for a remote that is to answer too late: on a busy machine any other one may, too."""


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[ScriptedSite]:
    """Signer and object store, on an origin of their own."""
    made = ScriptedSite(tmp_path / "remote", token="secret")
    made.folder.mkdir()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[ScriptedSite]:
    made = ScriptedSite(tmp_path / "site")
    made.write("index.html", PAGE.format(title="app"))
    made.write_worker()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def open_page(
    site: ScriptedSite, remote: ScriptedSite, new_context: Callable[..., BrowserContext]
) -> Callable[..., Page]:
    """Open a page that has signed in at the remote, under a worker with the given options."""

    def make(answer: dict[str, Any] | None = None, **options: Any) -> Page:
        if options:
            site.write_worker(**options)
        return open_controlled_page(new_context(base_url=site.url), "/", answer or signed_in(remote))

    return make


def signed_in(remote: ScriptedSite, token: str = "secret") -> dict[str, Any]:
    return {"signer": f"{remote.url}/api", "headers": {"Authorization": f"Bearer {token}"}}


def assert_whole(answer: Answer, source: str) -> None:
    assert (answer.status, answer.headers["x-source"]) == (200, source)
    assert answer.body == BODY
    assert (answer.headers["content-type"], answer.headers["content-length"]) == ("image/png", str(len(BODY)))
    assert answer.headers["etag"] == f'"{hashlib.sha256(BODY).hexdigest()}"'


def test_remote_file_through_the_signer(open_page: Callable[..., Page], remote: ScriptedSite) -> None:
    page = open_page()
    key = remote.add("store", BODY, "image/png")
    assert_whole(fetch(page, PREFIX + key), "remote")
    assert kept_files(page) == []
    (sign,) = remote.requests("POST", SIGN)
    assert "secret" not in sign.path
    assert_whole(fetch(page, PREFIX + key), "remote")
    assert len(remote.requests("POST", SIGN)) == 1, "a download URL is good until it expires"
    assert len(remote.requests("GET", "/objects/")) == 2


def test_verified_file_is_kept_and_served_without_the_remote(
    open_page: Callable[..., Page], remote: ScriptedSite
) -> None:
    page = open_page(cache_remote=True)
    key = remote.add("store", BODY, "image/png")
    assert_whole(fetch(page, PREFIX + key), "remote")
    assert kept_files(page) == [key]
    remote.stop()
    assert_whole(fetch(page, PREFIX + key), "cache")
    assert fetch(page, PREFIX + key, Range="bytes=1-2").body == BODY[1:3]
    assert message(page, "status")["cached"] == {"files": 1, "bytes": len(BODY)}


@pytest.mark.parametrize(
    "sent", [WRONG, BODY[:-1], BODY + b"!", b""], ids=["changed", "cut", "longer", "empty"]
)
@pytest.mark.parametrize("cache_remote", [True, False])
def test_wrong_bytes_are_an_error_and_never_kept(
    open_page: Callable[..., Page], remote: ScriptedSite, sent: bytes, cache_remote: bool
) -> None:
    page = open_page(cache_remote=cache_remote)
    key = remote.add("store", BODY, "image/png", sent=sent)
    with pytest.raises(Error, match=BROKEN):
        fetch(page, PREFIX + key)
    assert kept_files(page) == []
    remote.add("store", BODY, "image/png")
    assert_whole(fetch(page, PREFIX + key), "remote")


def test_reader_never_gets_the_whole_of_a_wrong_file(
    open_page: Callable[..., Page], remote: ScriptedSite
) -> None:
    page = open_page()
    key = remote.add("store", BODY, "image/png", sent=WRONG)
    code = """async (url) => {
        const reader = (await fetch(url)).body.getReader();
        let size = 0;
        try {
            for (let step; !(step = await reader.read()).done; ) size += step.value.length;
        } catch (error) {
            return [size, error.name];
        }
        return [size, "no error"];
    }"""
    size, error = page.evaluate(code, PREFIX + key)
    assert error == "TypeError"
    assert size < len(WRONG)


def test_reader_who_goes_away_leaves_nothing_behind(
    open_page: Callable[..., Page], remote: ScriptedSite
) -> None:
    page = open_page(cache_remote=True)
    body = BODY * 60
    key = remote.add("store", body, "video/mp4")
    code = """async (url) => {
        const reader = (await fetch(url)).body.getReader();
        const { value } = await reader.read();
        await reader.cancel();
        return value.length;
    }"""
    assert 0 < page.evaluate(code, PREFIX + key) < len(body)
    wait_until(lambda: not kept_files(page), "the worker has thrown the rest away", page=page)


def test_range_of_a_remote_file(open_page: Callable[..., Page], remote: ScriptedSite) -> None:
    page = open_page(cache_remote=True)
    key = remote.add("store", BODY, "video/mp4")
    part = fetch(page, PREFIX + key, Range="bytes=10-19")
    assert (part.status, part.body) == (206, BODY[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(BODY)}"
    assert kept_files(page) == [], "a part cannot be verified"
    assert fetch(page, PREFIX + key, Range=f"bytes={len(BODY)}-").status == 416
    everything = fetch(page, PREFIX + key, Range="bytes=0-")
    assert (everything.status, everything.body) == (206, BODY)
    assert everything.headers["content-range"] == f"bytes 0-{len(BODY) - 1}/{len(BODY)}"
    assert kept_files(page) == [key]


def test_range_from_a_store_that_ignores_ranges_is_verified(
    open_page: Callable[..., Page], remote: ScriptedSite
) -> None:
    page = open_page()
    key = remote.add("store", BODY, "image/png")
    remote.objects[key].ranges = False
    assert fetch(page, PREFIX + key, Range="bytes=10-19").body == BODY
    remote.objects[key].body = WRONG
    with pytest.raises(Error, match=BROKEN):
        fetch(page, PREFIX + key, Range="bytes=10-19")


def test_head_of_a_remote_file(open_page: Callable[..., Page], remote: ScriptedSite) -> None:
    page = open_page()
    key = remote.add("store", BODY, "image/png")
    answer = fetch(page, PREFIX + key, "HEAD")
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", str(len(BODY)))
    assert answer.headers["content-type"] == "image/png"
    unchanged = fetch(page, PREFIX + key, If_None_Match=answer.headers["etag"])
    assert unchanged.status == 304


def test_words_for_each_failure(open_page: Callable[..., Page], remote: ScriptedSite) -> None:
    page = open_page()
    key = remote.add("store", BODY, "image/png")
    cases: list[tuple[dict[str, Any], int, bytes]] = [
        ({"key": f"store/{'0' * 64}"}, 404, b"neither on this device nor in the object store"),
        ({"status": 403}, 502, b"The object store refused or failed (403)"),
        ({"status": 500}, 502, b"The object store refused or failed (500)"),
        ({"token": "other"}, 502, b"The signer refused to give a URL for the download (401)"),
    ]
    for change, status, words in cases:
        remote.objects[key].status = change.get("status", 200)
        remote.token = change.get("token", "secret")
        message(page, "configure", **signed_in(remote))  # forgets the download URL
        assert_refused(fetch(page, PREFIX + change.get("key", key)), status, words)
    remote.token = "secret"
    remote.stop()
    assert_refused(fetch(page, PREFIX + key), 504, b"The signer could not be reached; t")


def assert_refused(answer: Answer, status: int, words: bytes) -> None:
    assert (answer.status, answer.headers["cache-control"]) == (status, "no-store")
    assert words in answer.body


def test_words_for_who_does_not_answer_in_time(open_page: Callable[..., Page], remote: ScriptedSite) -> None:
    page = open_page(timeout=IMPATIENT)
    key = remote.add("store", BODY, "image/png")
    is_signed = lambda: fetch(page, PREFIX + key).status == 200  # noqa: E731
    wait_until(is_signed, "the signer and the store were quick enough", page=page)
    remote.hold("/objects/")
    assert_refused(fetch(page, PREFIX + key), 504, b"The object store did not answer within 0.5 s")
    remote.release()
    message(page, "configure", **signed_in(remote))
    remote.hold(SIGN)
    assert_refused(fetch(page, PREFIX + key), 504, b"The signer did not answer within 0.5 s")


def test_expired_download_url_is_signed_again(open_page: Callable[..., Page], remote: ScriptedSite) -> None:
    page = open_page()
    key = remote.add("store", BODY, "image/png")
    remote.url_life = "2026-01-01T00:00:00.000Z"
    assert_whole(fetch(page, PREFIX + key), "remote")
    assert_whole(fetch(page, PREFIX + key), "remote")
    assert len(remote.requests("POST", SIGN)) == 2


def test_refused_token_is_asked_for_anew(open_page: Callable[..., Page], remote: ScriptedSite) -> None:
    page = open_page(signed_in(remote, "old"))
    key = remote.add("store", BODY, "image/png")
    message(page, "configure", **signed_in(remote, "old"))
    page.evaluate("(remote) => { globalThis.remote = remote; }", signed_in(remote, "secret"))
    assert_whole(fetch(page, PREFIX + key), "remote")
    tokens = [seen.headers["Authorization"] for seen in remote.requests("POST", SIGN)]
    assert tokens == ["Bearer old", "Bearer secret"]


@pytest.mark.only_in("chromium", reason="only DevTools stop a service worker")
def test_worker_that_was_stopped_asks_the_page_again(
    open_page: Callable[..., Page], remote: ScriptedSite
) -> None:
    page = open_page()
    key = remote.add("store", BODY, "image/png")
    message(page, "configure", **signed_in(remote))
    assert_whole(fetch(page, PREFIX + key), "remote")
    assert page.evaluate("globalThis.asked") == 0
    stop_workers(page)
    assert_whole(fetch(page, PREFIX + key), "remote")
    assert page.evaluate("globalThis.asked") == 1


def stop_workers(page: Page) -> None:
    """End the service worker as the browser does when it is idle; what it held in memory is gone."""
    session = page.context.new_cdp_session(page)
    session.send("ServiceWorker.enable")
    session.send("ServiceWorker.stopAllWorkers")
    session.detach()


def test_page_that_does_not_answer_gets_what_was_built_in(
    open_page: Callable[..., Page], remote: ScriptedSite, site: ScriptedSite
) -> None:
    remote.token = None
    page = open_page(signer=f"{remote.url}/api/")
    page.evaluate("globalThis.remote = null")
    key = remote.add("store", BODY, "image/png")
    assert_whole(fetch(page, PREFIX + key), "remote")
    assert_whole(fetch(page, PREFIX + key), "remote")
    assert page.evaluate("globalThis.asked") == 1, "it is not asked for each file"


def test_page_that_does_not_answer_and_nothing_built_in(open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.evaluate("globalThis.remote = null")
    answer = fetch(page, f"{PREFIX}store/{'0' * 64}")
    assert (answer.status, b"did not say where its remote is" in answer.body) == (504, True)


def test_two_pages_have_two_remotes(
    open_page: Callable[..., Page], remote: ScriptedSite, site: ScriptedSite
) -> None:
    """One tab in local-only mode makes no request, whatever the others do."""
    page = open_page()
    key = remote.add("store", BODY, "image/png")
    local = open_controlled_page(page.context, "/", {"signer": ""})
    assert fetch(local, PREFIX + key).status == 404
    assert remote.seen == []
    assert_whole(fetch(page, PREFIX + key), "remote")


def test_worker_of_a_page_and_a_new_tab_use_the_pages_remote(
    open_page: Callable[..., Page], remote: ScriptedSite
) -> None:
    page = open_page()
    key = remote.add("store", b"hello", "text/plain")
    code = """(url) => new Promise((resolve) => {
        const code = `onmessage = async ({ data }) => postMessage(await (await fetch(data)).text());`;
        const worker = new Worker(URL.createObjectURL(new Blob([code])));
        worker.onmessage = ({ data }) => resolve(data);
        worker.postMessage(url);
    })"""
    assert page.evaluate(code, page.evaluate("location.origin") + PREFIX + key) == "hello"
    tab = page.context.new_page()
    tab.goto(PREFIX + key)
    assert tab.inner_text("body") == "hello"


def test_public_template_needs_no_signer(open_page: Callable[..., Page], remote: ScriptedSite) -> None:
    page = open_page(
        {"headers": {"Authorization": "Bearer x"}}, remote_url=f"{remote.url}/objects/{{key}}?public"
    )
    key = remote.add("store", BODY, "image/png")
    assert_whole(fetch(page, PREFIX + key), "remote")
    (get,) = remote.seen
    assert (get.path, get.headers.get("Authorization")) == (f"/objects/{key}?public", None)


def test_local_only_page_does_not_use_what_was_built_in(
    open_page: Callable[..., Page], remote: ScriptedSite
) -> None:
    page = open_page({"signer": ""}, remote_url=f"{remote.url}/objects/{{key}}")
    key = remote.add("store", BODY, "image/png")
    assert fetch(page, PREFIX + key).status == 404
    assert remote.seen == []


def test_prefetch_reports_each_path(open_page: Callable[..., Page], remote: ScriptedSite) -> None:
    page = open_page()
    good, wrong = remote.add("store", BODY, "image/png"), remote.add("other", BODY + b"x", "a/b", sent=WRONG)
    missing = f"store/{'0' * 64}"
    paths = [PREFIX + good, (PREFIX + wrong)[1:], PREFIX + missing, "nonsense"]
    report = message(page, "prefetch", paths=paths)
    assert (report["fetched"], report["present"]) == ([PREFIX + good], [])
    failed = {paths[1]: "another hash", paths[2]: "neither on this device", "nonsense": "names no file"}
    assert report["failed"].keys() == failed.keys()
    assert all(words in report["failed"][path] for path, words in failed.items())
    assert kept_files(page) == [good]
    remote.stop()
    assert_whole(fetch(page, PREFIX + good), "cache")
    assert message(page, "prefetch", paths=[PREFIX + good])["present"] == [PREFIX + good]


def test_message_that_cannot_be_answered_gets_its_error(open_page: Callable[..., Page]) -> None:
    page = open_page()
    with pytest.raises(AssertionError, match="not iterable"):
        message(page, "prefetch", paths={"no": "list"})
    for kind in ("of a newer version", "toString", "__proto__"):
        with pytest.raises(AssertionError, match="knows no filesync:"):
            message(page, kind)


FAILED_PATHS = """(paths) => new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => resolve(Object.keys(data.result.failed));
    navigator.serviceWorker.controller.postMessage({ type: "filesync:prefetch", paths }, [port2]);
})"""


def test_prefetch_tells_of_each_path_whatever_it_is(open_page: Callable[..., Page]) -> None:
    paths = ["__proto__", "constructor", "", "/", "..", "\u0000", "javascript:alert(1)"]
    assert open_page().evaluate(FAILED_PATHS, paths) == paths


def test_clear_removes_what_was_kept(open_page: Callable[..., Page], remote: ScriptedSite) -> None:
    page = open_page(cache_remote=True)
    key = remote.add("store", BODY, "image/png")
    fetch(page, PREFIX + key)
    assert message(page, "clear-cache") == {"files": 1, "bytes": len(BODY)}
    assert kept_files(page) == []
    assert_whole(fetch(page, PREFIX + key), "remote")


def test_with_the_real_server(
    site_url: str, new_context: Callable[..., BrowserContext], store_id: str
) -> None:
    """Signer and data plane of `filesync_server`, on the page's own origin and below the same prefix."""
    key = f"{store_id}/{hashlib.sha256(BODY).hexdigest()}"
    headers = {"Authorization": "Bearer dev-token-change-in-production", "Content-Type": "application/json"}
    asked = {"key": key, "contentType": "image/png", "contentLength": len(BODY)}
    with urlopen(Request(f"{site_url}/api/v1/sign/upload", json.dumps(asked).encode(), headers)) as answer:
        signed = json.load(answer)
    put = Request(signed["url"], BODY, {"Content-Type": "image/png", **signed["headers"]}, method="PUT")
    with urlopen(put) as answer:
        assert answer.status == 200
    page = open_controlled_page(new_context(), "/testing/bare.html", {"signer": "/api", "headers": headers})
    assert_whole(fetch(page, PREFIX + key), "remote")
    part = fetch(page, PREFIX + key, Range="bytes=10-19")
    assert (part.status, part.body) == (206, BODY[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(BODY)}"
    assert fetch(page, PREFIX + key, Range="bytes=-3").body == BODY[-3:]
    assert fetch(page, PREFIX + key, "HEAD").headers["content-length"] == str(len(BODY))
    assert fetch(page, f"{PREFIX}{store_id}/{'0' * 64}").status == 404
    assert message(page, "prefetch", paths=[PREFIX + key])["fetched"] == [PREFIX + key]
    assert_whole(fetch(page, PREFIX + key), "cache")

"""A video under its file's own URL: seeking reads ranges of the own copy, and no more of it than is shown."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
from playwright.sync_api import Page, Response

from tests.browser.controlled_page import open_controlled_page
from tests.browser.scripted_site import PAGE, PREFIX, ScriptedSite, StoredObject
from tests.browser.video import SECONDS, write_video
from tests.harness import Profile
from tests.harness.memory import Memory

STORE = """
async (key) => {
    const [storeId, hash] = key.split("/");
    let folder = await navigator.storage.getDirectory();
    for (const name of ["livestore-filesync-files", storeId])
        folder = await folder.getDirectoryHandle(name, { create: true });
    const handle = await folder.getFileHandle(hash, { create: true });
    await document.querySelector("input").files[0].stream().pipeTo(await handle.createWritable());
}
"""

OPEN = """
(url) => new Promise((resolve, reject) => {
    const video = document.createElement("video");
    document.body.append(video);
    video.onerror = () => reject(new Error(video.error.message));
    video.onloadedmetadata = () => resolve(video.duration);
    video.src = url;
})
"""

# The picture may be painted a little later than `seeked`.
SEEK = """
([time, number]) => new Promise((resolve, reject) => {
    const video = document.querySelector("video");
    const context = new OffscreenCanvas(10, 1).getContext("2d");
    const look = () => {
        context.drawImage(video, 0, 0, 10, 1);
        const { data } = context.getImageData(0, 0, 10, 1);
        const shown = [...Array(10).keys()].reduce((sum, bit) => sum + (data[4 * bit] > 127) * 2 ** bit, 0);
        if (shown === number) resolve();
        else requestAnimationFrame(look);
    };
    video.onerror = () => reject(new Error(video.error.message));
    video.onseeked = look;
    video.currentTime = time;
    setTimeout(() => reject(new Error(`picture ${number} is not shown`)), 60000);
})
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[ScriptedSite]:
    made = ScriptedSite(tmp_path / "site")
    made.write("index.html", PAGE.format(title="app") + "<input type=file>")
    made.write_worker()
    made.start()
    yield made
    made.stop()


def make_video(page: Page, path: Path, mib: int) -> str:
    """Write a video of that size; returns its key."""
    write_video(page, path, mib)
    with path.open("rb") as file:
        return f"store/{hashlib.file_digest(file, 'sha256').hexdigest()}"


def watch_video(page: Page, profile: Path, url: str, *, mib: int, seeks: int) -> float:
    """Jump about in the video; returns the MiB by which page, worker and browser grew at most, together."""
    page.reload()
    memory = Memory(profile)
    before = {pid: memory.resident([pid]) for pid in (*memory.browser, *memory.renderers)}
    memory.reset()
    assert page.evaluate(OPEN, url) == pytest.approx(mib * SECONDS, abs=1)
    random = Random(mib)
    for number in [random.randrange(mib) for _ in range(seeks)]:
        page.evaluate(SEEK, [(number + 0.5) * SECONDS, number])
    memory = Memory(profile)
    an_empty_page = min(before.values())  # what a process costs that the browser has started since
    return sum(
        memory.peak([pid]) - before.get(pid, an_empty_page) for pid in (*memory.browser, *memory.renderers)
    )


def watch_own_copy(site: ScriptedSite, profile: Profile, path: Path, *, mib: int, seeks: int) -> float:
    """The same, from OPFS through the service worker."""
    page = open_controlled_page(profile.open(), "/", {"signer": ""})
    key = make_video(page, path, mib)
    page.set_input_files("input", path)
    page.evaluate(STORE, key)
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer) if key in answer.url else None)
    grown = watch_video(page, profile.folder, PREFIX + key, mib=mib, seeks=seeks)
    assert {answer.status for answer in answers} == {206}
    assert {answer.headers["x-source"] for answer in answers} == {"local"}
    assert site.requests("GET", PREFIX) == []
    return grown


def test_a_video_seeks(site: ScriptedSite, new_profile: Callable[..., Profile], tmp_path: Path) -> None:
    grown = watch_own_copy(site, new_profile(site.url), tmp_path / "video.webm", mib=24, seeks=6)
    assert grown < 100, "MiB"


@pytest.mark.soak(minutes=2)
def test_a_large_video_seeks_at_constant_memory(
    site: ScriptedSite, new_profile: Callable[..., Profile], tmp_path: Path
) -> None:
    """Jumps to 20 places of a video of 300 MiB: from this device it takes no more memory than from a server.

    A server's takes 80 to 120 MiB: Chromium keeps some of each place that it was at.
    """
    path = tmp_path / "video.webm"
    ours = watch_own_copy(site, new_profile(site.url), path, mib=300, seeks=20)
    site.objects["video"] = StoredObject(path.read_bytes(), "video/webm")
    profile = new_profile(site.url)
    page = profile.open().new_page()
    page.goto("/")
    plain = watch_video(page, profile.folder, "/objects/video", mib=300, seeks=20)
    print(f"the browser grew by {ours:.0f} MiB; with a plain server's video by {plain:.0f} MiB")
    assert ours < plain + 40
    assert ours < 150

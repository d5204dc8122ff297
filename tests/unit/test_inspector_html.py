"""The inspector's HTML: it shows what the report tells, and lets nobody's text become markup."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest

import filesync_web as fs
from filesync_web.inspector import html, show_inspector
from filesync_web.testing.clock import settle
from tests.unit.file_sync.scene import a_device, hash_of, saved, synced

HOSTILE = """<img src=x onerror="alert(1)">'&lt;"""


class Seen(HTMLParser):
    """The tags and the text of a document, which has to be balanced."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.attributes: dict[str, set[str | None]] = {}
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.open.append(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, set()).add(value)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def seen(report: dict[str, Any]) -> dict[str, Seen]:
    return {section.key: Seen(section.body) for section in html.sections(report)}


async def test_texts_of_others_stay_texts() -> None:
    async with a_device() as device:
        synced(device)
        tab = await device.tab()
        metadata = fs.FileMetadata(mime_type="image/png")
        [file] = [await tab.sync.save_file(b"a", name=HOSTILE, metadata=metadata)]
        await settle()
        report = await tab.sync.debug_report(names=True)
        report["events"].insert(0, {**report["events"][0], "type": HOSTILE, "error": HOSTILE})
        report["transfers"]["failed"] = [
            {"file_id": file.file_id, "name": HOSTILE, "kind": "upload", "error": HOSTILE, "retry": None}
        ]
        report["store"]["log"]["last_confirmed"] = [{"number": 1, "name": HOSTILE, "by": HOSTILE}]
        report["place"] = {HOSTILE: {HOSTILE: [HOSTILE]}}
        report["service_worker"] = {"error": HOSTILE}
        report["findings"] = [HOSTILE]
        shown = {**seen(report), "findings": Seen(html.findings(report))}
    assert not {"img", "script"} & {tag for one in shown.values() for tag in one.tags}
    assert not {"style", "onerror", "src"} & {name for one in shown.values() for name in one.attributes}
    for key in ("events", "transfers", "store", "files", "place", "service_worker", "findings"):
        assert HOSTILE in shown[key].text, key


async def test_a_header_that_looks_like_a_date_hides_the_times_alone() -> None:
    async with a_device() as device:
        today = datetime.fromtimestamp(device.clock.time(), UTC).date().isoformat()
        tab = await device.tab(remote=fs.SignerConfig("/api", headers={"X-Api-Version": today}))
        [file] = await saved(tab, b"one")
        shown = seen(await tab.sync.debug_report())
        assert "at an unknown time" in shown["files"].text
        assert file.file_id in shown["files"].text


async def test_it_shows_a_files_history() -> None:
    async with a_device() as device:
        tab = await device.tab()
        [file] = await saved(tab, b"one")
        await tab.sync.update_file(file.file_id, b"two", name="b.txt")
        await settle()
        shown = seen(await tab.sync.debug_report(["B.TX"], names=True))["files"]
        for text in (
            "b.txt",
            "synced",
            "by this device",
            hash_of(b"one")[:8],
            hash_of(b"two"),
            "s/" + hash_of(b"two"),
        ):
            assert text in shown.text
        await tab.sync.delete_file(file.file_id)
        await settle()
        assert "deleted" in seen(await tab.sync.debug_report([file.content_hash, file.file_id]))["files"].text


async def test_health_in_a_word() -> None:
    async with a_device() as device:
        tab = await device.tab()
        assert html.health(await tab.sync.debug_report()) == ("good", "up to date")
        device.store.hold = lambda request: request.method == "PUT"
        await tab.sync.save_file(b"a")
        await settle()
        assert html.health(await tab.sync.debug_report()) == ("wait", "busy")
        device.network.online = False
        await device.clock.advance(30)
        assert html.health(await tab.sync.debug_report())[0] == "bad"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (89, "89 s"), (120, "2 min"), (7200, "2 h"), (400_000, "5 days")]
)
def test_durations(seconds: float, text: str) -> None:
    assert html.duration(seconds) == text


@pytest.mark.parametrize(("number", "text"), [(None, "unknown"), (1500, "1.5 kB")])
def test_sizes(number: float | None, text: str) -> None:
    assert html.size(number) == text


def test_it_is_loaded_by_who_asks_for_it() -> None:
    code = "import sys, filesync_web; print([name for name in sys.modules if 'inspector' in name])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_it_needs_a_page() -> None:
    with pytest.raises(fs.InvalidArgumentError, match=r"debug_report\(\)"):
        show_inspector()

"""How long a signed URL is handed out: by the signer's clock, whatever ours says."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from filesync_web.errors import ServerError
from filesync_web.remote.signed_requests import MAX_LIFETIME, signed_request
from filesync_web.testing.http import HeldRequest, Reply
from tests.unit.file_sync.scene import Device, Tab, a_device, is_data

SERVER_TIME = 1_700_000_000.0
HOUR = 3600.0


def http_date(seconds: float) -> str:
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)


def signs_for(lifetime: float, device: Device, *, with_date: bool = True) -> None:
    """Let the signer have a clock of its own, which nobody sets, and URLs that are good for so long."""
    began = device.clock.monotonic()

    def sign(request: HeldRequest) -> Reply | None:
        if not request.url.endswith("/sign/download"):
            return None
        now = SERVER_TIME + device.clock.monotonic() - began
        expires = datetime.fromtimestamp(now + lifetime, UTC).isoformat()
        signed.append(f"/objects/{len(signed)}")
        body = f'{{"url": "{signed[-1]}", "expiresAt": "{expires}"}}'.encode()
        return Reply(200, {"Date": http_date(now)} if with_date else {}, body)

    signed: list[str] = []
    device.network.rule(sign)


async def remote_file(device: Device) -> tuple[Tab, str]:
    device.store.hold = is_data
    tab = await device.tab(auto_prioritize=False)
    return tab, await tab.commit_remote_file(device, b"theirs")


@pytest.mark.parametrize("shift", [-26 * HOUR, -HOUR, 0.0, HOUR, 26 * HOUR])
async def test_a_wrong_clock_neither_wastes_a_url_nor_hands_out_a_dead_one(shift: float) -> None:
    async with a_device() as device:
        signs_for(900, device)
        tab, file_id = await remote_file(device)
        device.clock.shift_wall_clock(shift)
        first = await tab.sync.resolve_file_url(file_id)
        assert await tab.sync.resolve_file_url(file_id) == first
        await device.clock.advance(800)
        assert await tab.sync.resolve_file_url(file_id) == first
        await device.clock.advance(60)
        assert await tab.sync.resolve_file_url(file_id) != first


@pytest.mark.parametrize("shift", [-HOUR, HOUR])
async def test_a_clock_that_is_set_meanwhile_changes_nothing(shift: float) -> None:
    async with a_device() as device:
        signs_for(900, device, with_date=False)
        tab, file_id = await remote_file(device)
        first = await tab.sync.resolve_file_url(file_id)
        device.clock.shift_wall_clock(shift)
        assert await tab.sync.resolve_file_url(file_id) == first
        await device.clock.advance(860)
        assert await tab.sync.resolve_file_url(file_id) != first


NOW = SERVER_TIME + 5 * HOUR
EXPIRES = datetime.fromtimestamp(SERVER_TIME + 900, UTC)


@pytest.mark.parametrize(
    ("url", "expires_at", "date", "lifetime"),
    [
        ("/o", EXPIRES.isoformat(), http_date(SERVER_TIME), 900.0),
        ("/o", EXPIRES.isoformat().replace("+00:00", "Z"), http_date(SERVER_TIME), 900.0),
        ("/o", EXPIRES.replace(tzinfo=None).isoformat(), http_date(SERVER_TIME), 900.0),
        ("/o?a=1&X-Amz-Expires=600&b=2", EXPIRES.isoformat(), "", 600.0),
        ("/o?X-Amz-Expires=600", None, "", 600.0),
        ("/o?X-Amz-Expires=600", EXPIRES.isoformat(), "yesterday", 600.0),
        ("/o", datetime.fromtimestamp(NOW + 30, UTC).isoformat(), "", 30.0),
        ("/o", EXPIRES.isoformat(), "", 0.0),
        ("/o", "soon", http_date(SERVER_TIME), 0.0),
        ("/o", 5, "", 0.0),
        ("/o", "9999-12-31T23:59:59Z", http_date(SERVER_TIME), MAX_LIFETIME),
        ("/o?X-Amz-Expires=9999999", None, "", MAX_LIFETIME),
    ],
)
def test_the_lifetime(url: str, expires_at: object, date: str, lifetime: float) -> None:
    answer = {"url": url, "expiresAt": expires_at}
    assert signed_request(answer, default_method="GET", date=date, now=NOW).lifetime == lifetime


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"url": 5},
        {"url": ""},
        {"url": "javascript:alert(1)"},
        {"url": " javascript:alert(1)"},
        {"url": "java\nscript:alert(1)"},
        {"url": "data:text/html,x"},
        {"url": "blob:https://app.example/1"},
        {"url": "file:///etc/passwd"},
        {"url": "https:///o"},
        {"url": "/o\r\nx: y"},
        {"url": "/\ud800"},
        {"url": "/o", "headers": ["a"]},
        {"url": "/o", "headers": {"x": "y\r\nauthorization: z"}},
        {"url": "/o", "headers": {"x\r\ny": "z"}},
        {"url": "/o", "headers": {"": "z"}},
        {"url": "/o", "headers": {"x": ["y"]}},
        {"url": "/o", "headers": {"x": "ü"}},
        {"url": "/o", "method": "GET"},
        {"url": "/o", "method": "DELETE"},
        {"url": "/o", "method": {"a": 1}},
    ],
)
def test_an_answer_that_describes_no_request(answer: dict[str, object]) -> None:
    with pytest.raises(ServerError, match=r"no url|headers that cannot be sent|stores nothing"):
        signed_request(answer, default_method="PUT")


def test_what_describes_a_request() -> None:
    answer = {"url": "HTTPS://objects.example/o?a=%20", "headers": {"X-Size": 5}, "method": "POST"}
    request = signed_request(answer, default_method="PUT")
    assert (request.url, request.method, request.headers) == (answer["url"], "POST", {"x-size": "5"})
    assert signed_request({"url": "/o", "method": "PUT"}, default_method="GET").method == "GET"

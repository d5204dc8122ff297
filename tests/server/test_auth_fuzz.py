"""Whatever is presented in place of a token, and wherever, lets nobody in: not to the signer, not to the data
plane, not to the sync over HTTP or WebSocket; and no answer is a 5xx.

Each run begins with a seed that is printed; `AUTH_SEED` in the environment gives it again.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
import string
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jwt
import pytest

from filesync_server import (
    ALL_RIGHTS,
    Compose,
    EmbeddedStore,
    Hub,
    Identity,
    SqliteStorage,
    create_data_plane,
    create_signer,
    create_sync_backend,
    token_auth,
)
from filesync_server.shared.identity import any_of
from filesync_server.shared.jwt_auth import jwt_auth
from filesync_web.livestore.wire import sync_query, to_json
from tests.server.support import DATA, FILES, KEY
from tests.server.sync_client import NONE, event
from tests.server.test_http_fuzz import ask

STATIC, OTHER = "the-static-token-of-ann", "a-token-that-opens-another-store"
SECRET, ISSUER, AUDIENCE = "a-shared-secret-of-at-least-32-bytes", "https://id.example", "files"
STORE = KEY.partition("/")[0]
EVENT = "an event of the private store"
CALLS = ["sign/upload", "sign/download", "delete", "head", "multipart/create", "multipart/list", "batch"]


def claims(**changed: Any) -> dict[str, Any]:
    """Those of a good token but for the changed ones; `...` leaves one out."""
    good = {"sub": "ann", "stores": [STORE], "exp": int(time.time()) + 600, "iss": ISSUER, "aud": AUDIENCE}
    return {name: value for name, value in (good | changed).items() if value is not ...}


def signed(key: str = SECRET, algorithm: str = "HS256", headers: Any = None, **changed: Any) -> str:
    return jwt.encode(claims(**changed), key, algorithm, headers=headers)


def part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


# --- what is no token, drawn at random ----------------------------------------------------------------------


def any_text(draw: random.Random) -> str:
    letters = draw.choice([string.ascii_letters, string.printable, "".join(map(chr, range(1, 256))), "=._-"])
    return "".join(draw.choices(letters, k=draw.choice([0, 1, 20, 300, 20_000])))


def damaged(draw: random.Random) -> str:
    """A good token with a letter changed, left out or doubled, or with a part of another."""
    good = draw.choice([STATIC, signed()])
    at = draw.randrange(len(good) - 1)  # the last letter of a signature has bits that say nothing
    return draw.choice(
        [
            good[:at] + draw.choice(string.ascii_letters.replace(good[at], "")) + good[at + 1 :],
            good[:at] + good[at + 1 :],
            good[: at + 1] + good[at:],
            good[:at],
            good.swapcase(),
            good + draw.choice(["a", ".", "aaaa"]),
            ".".join(reversed(signed().split("."))),
            signed().rpartition(".")[0] + "." + signed(sub="bob").rpartition(".")[2],
        ]
    )


def forged(draw: random.Random) -> str:
    """Somebody without the key has written what they would like."""
    wish = part(claims(stores=["*"]))
    tricks: list[Callable[[], str]] = [
        lambda: jwt.encode(claims(stores=["*"]), "", draw.choice(["none"])),
        lambda: f"{part({'alg': draw.choice(['none', 'None', 'nOnE', '', None, 0, [], {}])})}.{wish}.",
        lambda: f"{part({'alg': 'HS256'})}.{wish}.",
        lambda: f"{part({'alg': 'HS256'})}.{wish}.{part(draw.randbytes(32))}",
        lambda: signed(key="x" * draw.randint(32, 64)),
        lambda: signed(key=SECRET * 2, algorithm=draw.choice(["HS384", "HS512"])),
        lambda: signed(key="x" * 32, headers={"kid": "../../dev/null", "jku": "https://evil.example/k"}),
        lambda: signed(key="x" * 32, headers={"jwk": {"kty": "oct", "k": part(b"x" * 32)}}),
        lambda: f"{part(b'[' * 20_000)}.{wish}.{part(b'x')}",
        lambda: f"{part({'alg': 'HS256', 'crit': ['exp'], 'b64': False})}.{wish}.{part(b'x')}",
        lambda: ".".join(draw.choices([part(b""), wish, part({"alg": "RS256"}), "", "=", "-"], k=3)),
    ]
    return draw.choice(tricks)()


def unfit(draw: random.Random) -> str:
    """Signed with the key, and yet not good: over, not yet, for others, or not to be understood."""
    now = int(time.time())
    changes: list[dict[str, Any]] = [
        {"exp": draw.choice([now - 60, 0, -1, ..., "soon", None, [], now - 10**9])},
        {"nbf": now + 3600},
        {"iat": now + 3600},
        {"iss": draw.choice([..., "https://id.example.evil", "", 1, None, [ISSUER + "."]])},
        {"aud": draw.choice([..., "file", ["other"], "", None, 1])},
        {"sub": draw.choice([..., "", None, 1, [], "a\n", "a" * 256])},
        {
            "stores": draw.choice(
                [..., None, [], {}, "*", STORE, [1], [None], [[STORE]], {STORE: []}, ["other"]]
            )
        },
        {"stores": draw.choice([{STORE: "read"}, {STORE: None}, {STORE: ["all"]}, {"*": "*"}, {"*": {}}])},
        {
            "stores": draw.choice(
                [["a/b"], [STORE + "/"], [STORE.upper()], [""], [".."], ["**"], [f" {STORE}"]]
            )
        },
    ]
    return part_encoded(claims(**draw.choice(changes)))


def part_encoded(content: dict[str, Any]) -> str:
    """Signed as it is: PyJWT would refuse to write some of it."""
    return jwt.api_jws.encode(json.dumps(content).encode(), SECRET, "HS256")


BAD = [any_text, damaged, forged, unfit, lambda _draw: OTHER]


# --- where it is presented ----------------------------------------------------------------------------------


@dataclass
class Presented:
    """What goes along with a request."""

    headers: list[tuple[str, str]] = field(default_factory=list)
    query: str = ""
    payload: Any = None


def presented(draw: random.Random) -> Presented:
    """A bad token in a right place, or a good one in a wrong place."""
    if draw.random() < 0.2:
        return misplaced(draw, draw.choice([STATIC, signed()]))
    bad = draw.choice(BAD)(draw)
    header = bad.translate(dict.fromkeys(map(ord, "\r\n\0")))
    return draw.choice(
        [
            Presented([("authorization", f"{draw.choice(['Bearer', 'bearer', 'BEARER'])} {header}")]),
            Presented([("x-worker-auth", header)]),
            Presented([("authorization", f"Bearer {header}"), ("x-worker-auth", header)]),
            Presented(payload={"authToken": bad}),
            Presented(
                payload=draw.choice([bad, [bad], {"authToken": [bad]}, {"authToken": {"$ne": None}}, {}])
            ),
            Presented(
                query=f"payload={draw.choice(['%257B', '{', '%00', '%25ff', bad[:50].encode().hex()])}"
            ),
        ]
    )


def misplaced(draw: random.Random, good: str) -> Presented:
    return draw.choice(
        [
            Presented([("cookie", f"token={good}; authorization=Bearer {good}")]),
            Presented([("authorization", good)]),
            Presented([("authorization", f"Basic {part(f'ann:{good}'.encode())}")]),
            Presented([("authorization", f"Bearer,{good}"), ("proxy-authorization", f"Bearer {good}")]),
            Presented([("x-auth-token", good), ("x-api-key", good)]),
            Presented(query=f"token={quote(good)}&access_token={quote(good)}&authToken={quote(good)}"),
            Presented(
                payload=draw.choice(
                    [good, [good], {"authToken": [good]}, {"token": good}, {"a": {"authToken": good}}]
                )
            ),
            Presented([("sec-websocket-protocol", good)]),
        ]
    )


# --- the parts ----------------------------------------------------------------------------------------------


class Server:
    """All parts, with an object and an event in one store."""

    def __init__(self, folder: Path, run: Callable[[Any], Any]) -> None:
        self.run = run
        self.store = EmbeddedStore(folder / "objects")
        self.hub = Hub(SqliteStorage(folder / "sync.sqlite"))
        tokens = {STATIC: Identity("ann", {STORE: ALL_RIGHTS}), OTHER: Identity("bob", {"other": ALL_RIGHTS})}
        web_tokens = jwt_auth(SECRET, algorithms=["HS256"], audience=AUDIENCE, issuer=ISSUER)
        authenticate = any_of(token_auth(tokens), web_tokens)
        self.app = Compose(
            {
                "/api": create_signer(self.store, authenticate=authenticate),
                FILES: create_data_plane(self.store, authenticate=authenticate),
                "/sync": create_sync_backend(self.hub, authenticate=authenticate),
            }
        )
        known = Presented([("authorization", f"Bearer {STATIC}")])
        assert self.data_plane("PUT", "", known)
        assert self.http("Push", known)

    def signer(self, call: str, shown: Presented) -> bool:
        """Whether it did anything for the caller."""
        body = {"key": KEY, "contentLength": 1, "uploadId": "x"}
        if call == "batch":
            operations = [{"op": op, "key": KEY} for op in ("upload", "download", "delete", "head")]
            body = {"requests": operations, "authToken": STATIC}
        headers = [("content-type", "application/json"), *shown.headers]
        content = json.dumps(body).encode()
        status, answer = self._ask("POST", f"/api/v1/{call}", headers, content, shown.query)
        if call == "batch" and status == 200:
            return any(result["status"] not in {401, 403} for result in json.loads(answer)["results"])
        return status not in {401, 403}

    def data_plane(self, method: str, signature: str, shown: Presented) -> bool:
        query = "&".join(text for text in (signature, shown.query) if text)
        body = DATA if method == "PUT" else b""
        return self._ask(method, f"{FILES}/{KEY}", shown.headers, body, query)[0] < 400

    def http(self, tag: str, shown: Presented) -> bool:
        payload = {"storeId": STORE, "cursor": NONE, "batch": [event(1, args=EVENT)], "backendId": NONE}
        body = to_json({"_tag": "Request", "id": "1", "tag": f"SyncHttpRpc.{tag}", "payload": payload})
        query = f"{sync_query(STORE, shown.payload, 'http')}&{shown.query}"
        return self._ask("POST", "/sync", shown.headers, body.encode(), query)[0] < 400

    def socket(self, shown: Presented) -> bool:
        query = f"{sync_query(STORE, shown.payload)}&{shown.query}"
        messages = self.run(open_socket(self.app, shown.headers, query))
        return check(messages[0].get("status", 101)) < 400

    def _ask(
        self, method: str, path: str, headers: list[tuple[str, str]], body: bytes, query: str
    ) -> tuple[int, bytes]:
        headers = [("host", "x"), *headers]
        status, _, content = self.run(ask(self.app, method, path, headers, body, query))
        return check(status), content

    def all_parts(self, draw: random.Random, shown: Presented) -> dict[str, bool]:
        """Which parts let in who shows that."""
        call, method = draw.choice(CALLS), draw.choice(["GET", "HEAD", "PUT"])
        signature = draw.choice(
            ["", "", "sig=", f"exp=99999999999&sig={'0' * 64}", "uploadId=x&partNumber=1"]
        )
        tag = draw.choice(["Pull", "Push", "Ping"])
        return {
            f"signer, {call}": self.signer(call, shown),
            f"data plane, {method} {signature}": self.data_plane(method, signature, shown),
            f"sync over HTTP, {tag}": self.http(tag, shown),
            "sync over WebSocket": self.socket(shown),
        }

    def close(self) -> None:
        self.run(self.hub.close())
        self.run(self.store.close())


def check(status: int) -> int:
    assert status < 500, status
    return status


async def open_socket(app: Any, headers: list[tuple[str, str]], query: str) -> list[Any]:
    """What the app answers to the upgrade; it is told that the client goes away then."""
    incoming = [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}]
    messages: list[Any] = []

    async def receive() -> Any:
        return incoming.pop(0)

    async def send(message: Any) -> None:
        messages.append(message)

    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "scheme": "ws",
        "path": "/sync",
        "raw_path": b"/sync",
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"x"), *((name.encode(), value.encode("latin-1")) for name, value in headers)],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
    }
    await app(scope, receive, send)
    return messages


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with asyncio.Runner() as runner:
        server = Server(tmp_path, runner.run)
        yield server
        server.close()


def test_a_good_token_is_let_in_everywhere(server: Server) -> None:
    """Else the tests below would show nothing."""
    for good in (STATIC, signed(), signed(aud=["x", AUDIENCE]), signed(stores={STORE: sorted(ALL_RIGHTS)})):
        shown = Presented([("authorization", f"Bearer {good}")])
        assert server.signer("sign/download", shown)
        assert server.signer("batch", shown)
        assert server.data_plane("PUT", "", shown)  # the batch has removed it
        assert server.data_plane("GET", "", shown)
        in_payload = Presented(payload={"authToken": good})
        for there in (shown, in_payload):
            assert server.http("Pull", there)
            assert server.socket(there)


def let_in(server: Server, count: int) -> None:
    seed = int(os.environ.get("AUTH_SEED") or random.randrange(10**9))
    print(f"\n{count:,} tokens from seed {seed} (AUTH_SEED)")
    draw = random.Random(seed)
    for number in range(count):
        shown = presented(draw)
        outcome = server.all_parts(draw, shown)
        assert not any(outcome.values()), f"AUTH_SEED={seed}, number {number}: {outcome} {shown!r:.500}"
    assert server.run(server.store.find(KEY)) is not None
    page = server.run(server.hub.read(STORE, 0, None))
    assert [pulled.event.args for pulled in page.events] == [EVENT]


def test_nothing_that_is_no_token_lets_anybody_in(server: Server) -> None:
    let_in(server, 250)


@pytest.mark.soak(minutes=0.2)
def test_5000_tokens_payloads_and_headers_let_nobody_in(server: Server) -> None:
    """5,000 bad or misplaced tokens, each shown to the four parts: none is let in, and no answer is a 5xx."""
    let_in(server, 5000)

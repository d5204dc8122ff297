"""Who may do what: what an identity allows, which identities there can be, and whose token it is."""

from __future__ import annotations

import time
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from filesync_server import ALL_RIGHTS, ALL_STORES, Identity, public_access, sync_payload, token_auth
from filesync_server.shared.identity import identify, presented_token, require, stores_from, with_sync_payload


def request(**headers: str) -> HTTPConnection:
    raw = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    return HTTPConnection({"type": "http", "headers": raw})


def bearer(token: str) -> HTTPConnection:
    return request(authorization=f"Bearer {token}")


def with_payload(payload: Any, **headers: str) -> HTTPConnection:
    return with_sync_payload(request(**headers), payload)


def test_only_what_was_granted_is_allowed() -> None:
    ann = Identity("ann", {"ann": ["read", "write"], "team": {"read"}, "nothing": []})
    allowed = {
        (store_id, action)
        for store_id in ("ann", "team", "nothing", "an", "ann.", "", ALL_STORES)
        for action in ALL_RIGHTS
        if ann.allows(store_id, action)
    }
    assert allowed == {("ann", "read"), ("ann", "write"), ("team", "read")}


def test_no_stores_are_nothing_and_all_stores_have_a_name() -> None:
    assert not any(Identity("ann", {}).allows("a", action) for action in ALL_RIGHTS)
    reader = Identity("reader", {ALL_STORES: ["read"], "own": ["write"]})
    assert reader.allows("anything at all/", "read")
    assert reader.allows("own", "write")
    assert not reader.allows("a", "write")
    assert not reader.allows("own", "delete")


@pytest.mark.parametrize(
    ("name", "stores"),
    [
        ("ann", {"a/b": ["read"]}),
        ("ann", {"a b": ["read"]}),
        ("ann", {"": ["read"]}),
        ("ann", {"..": ["read"]}),
        ("ann", {"a\n": ["read"]}),
        ("ann", {"ä": ["read"]}),
        ("ann", {"a" * 129: ["read"]}),
        ("ann", {"a": "read"}),
        ("ann", {"a": ["Read"]}),
        ("ann", {"a": ["list"]}),
        ("ann", {"a": [["read"]]}),
        ("ann", {"a": [True]}),
        ("", {}),
        ("a" * 256, {}),
        ("ann\nbob", {}),
    ],
)
def test_what_could_mean_something_else_is_no_identity(name: str, stores: Any) -> None:
    with pytest.raises(ValueError, match=r"granted|rights|identity"):
        Identity(name, stores)


def test_stores_are_read_from_a_list_or_with_their_rights() -> None:
    assert stores_from([]) == {}
    assert stores_from(["a", "b"]) == {"a": ALL_RIGHTS, "b": ALL_RIGHTS}
    assert stores_from({"a": ["read"], "*": []}) == {"a": ["read"], "*": []}
    for wrong in (None, "*", "a", 1, [1], [["a"]], {"a": "read"}, {"a": None}, {"a": {"read": True}}):
        with pytest.raises(ValueError, match="stores are"):
            stores_from(wrong)


# --- tokens -------------------------------------------------------------------------------------------------


def test_a_token_is_who_it_belongs_to() -> None:
    ann, bob = Identity("ann", {}), Identity("bob", {})
    authenticate = token_auth({"token-of-ann": ann, "token-of-bob": bob})
    assert authenticate(bearer("token-of-ann")) is ann
    assert authenticate(request(x_worker_auth="token-of-bob")) is bob
    assert authenticate(with_payload({"authToken": "token-of-bob"})) is bob
    for wrong in (request(), bearer("token-of-an"), bearer("token-of-anne"), bearer("TOKEN-OF-ANN")):
        assert authenticate(wrong) is None


def test_a_single_token_may_do_everything() -> None:
    identity = token_auth("secret")(bearer("secret"))
    assert isinstance(identity, Identity)
    assert all(identity.allows("any", action) for action in ALL_RIGHTS)


@pytest.mark.parametrize("tokens", ["", {}, {"good": Identity("a", {}), "": Identity("b", {})}])
def test_an_empty_token_is_refused(tokens: Any) -> None:
    with pytest.raises(ValueError, match="token"):
        token_auth(tokens)


@pytest.mark.parametrize(
    ("connection", "token"),
    [
        (request(), None),
        (request(authorization="Bearer"), None),
        (request(authorization="Bearer  "), None),
        (request(authorization="Basic a"), None),
        (request(authorization="bearer  a "), "a"),
        (request(x_worker_auth="b", authorization="Bearer a"), "a"),
        (request(x_worker_auth="b", authorization="Basic a"), "b"),
        (request(x_worker_auth=""), None),
        (with_payload({"authToken": "c"}, authorization="Bearer a"), "c"),
        (with_payload({"authToken": ""}, authorization="Bearer a"), None),
        (with_payload({"authToken": 1}, authorization="Bearer a"), None),
        (with_payload({"authToken": None}, authorization="Bearer a"), "a"),
        (with_payload({"other": "c"}, authorization="Bearer a"), "a"),
        (with_payload("c", authorization="Bearer a"), "a"),
    ],
)
def test_where_a_token_is_looked_for(connection: HTTPConnection, token: str | None) -> None:
    assert presented_token(connection) == token


def test_a_payload_is_that_of_the_sync_and_of_no_other_part() -> None:
    assert sync_payload(with_payload({"a": 1})) == {"a": 1}
    assert sync_payload(request()) is None


# --- the callback -------------------------------------------------------------------------------------------


async def test_a_callback_may_be_plain_or_asynchronous() -> None:
    async def later(connection: HTTPConnection) -> Identity | None:
        return public_access(connection)

    for authenticate in (public_access, later):
        assert (await identify(authenticate, request())).name == "everybody"


async def test_nobody_and_those_whose_time_is_over_are_401() -> None:
    async def nobody(_connection: HTTPConnection) -> None:
        return None

    now = time.time()
    for answer in (None, Identity("late", {ALL_STORES: ALL_RIGHTS}, now), Identity("later", {}, now - 100)):
        with pytest.raises(HTTPException) as refusal:
            await identify(lambda _request, answer=answer: answer, request())
        assert refusal.value.status_code == 401
    with pytest.raises(HTTPException):
        await identify(nobody, request())
    in_time = Identity("in time", {}, now + 1000)
    assert await identify(lambda _request: in_time, request()) is in_time


@pytest.mark.parametrize("answer", [True, [], ["a"], "ann", {}])
async def test_an_answer_that_is_no_identity_lets_nobody_in(answer: Any) -> None:
    with pytest.raises(TypeError, match="Identity"):
        await identify(lambda _request: answer, request())


def test_what_is_not_allowed_is_403() -> None:
    reader = Identity("ann", {"a": ["read"]})
    require(reader, "a", "read")
    with pytest.raises(HTTPException) as refusal:
        require(reader, "a", "write")
    assert refusal.value.status_code == 403

"""The signer contract, run against every signer: this kit's and livestore-filesync's own.

Bytes travel by the signed URLs to the store's real data plane, without the token. Where a signer deviates
from the contract (`Deviation`), the test expects just that deviation.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.server.deployments import Deviation
from tests.server.support import BEARER, JSON, Deployment, hashed_key, sha256

EXTENSIONS = [
    "batch",
    "head",
    *(f"multipart/{name}" for name in ("create", "sign", "list", "complete", "abort")),
]


async def test_health_needs_no_token_and_names_the_features(own: Deployment) -> None:
    answer = await own.client.get(f"{own.url}/api/health")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "features": ["batch", "checksum", "head", "multipart"]}


async def test_a_signer_without_extensions_announces_none(reference: Deployment) -> None:
    answer = await reference.client.get(f"{reference.url}/api/health")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    assert "features" not in answer.json()
    for name in EXTENSIONS:
        assert (await reference.call(name, key="store/x")).status_code == 404


async def test_without_the_token_nothing_is_signed(deployment: Deployment) -> None:
    for name in ("sign/upload", "sign/download", "delete"):
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            url = f"{deployment.url}/api/v1/{name}"
            answer = await deployment.client.post(url, json={"key": "a"}, headers=headers)
            assert answer.status_code == 401
            assert answer.json()["error"]


async def test_unknown_routes(deployment: Deployment) -> None:
    answer = await deployment.call("nothing")
    assert answer.status_code == 404
    if Deviation.PLAIN_404 in deployment.deviations:
        assert answer.text == "not found"
    else:
        assert answer.json()["error"]


async def test_upload_download_delete(deployment: Deployment) -> None:
    data = os.urandom(100_000)
    key = hashed_key(data)
    signed = await deployment.sign("sign/upload", key=key, contentType="image/png", contentLength=len(data))
    assert signed["method"] == "PUT"
    lifetime = datetime.fromisoformat(signed["expiresAt"]) - datetime.now(UTC)
    assert 0 < lifetime.total_seconds() <= 7 * 24 * 3600
    assert (await deployment.send(signed, data, **{"content-type": "image/png"})).is_success
    got = await deployment.get(key)
    assert got.status_code == 200
    assert got.content == data
    assert got.headers["content-type"] == "image/png"
    assert got.headers["content-length"] == str(len(data))
    assert got.headers["etag"]
    assert (await deployment.call("delete", key=key)).status_code == 204
    assert (await deployment.get(key)).status_code == 404
    assert (await deployment.call("delete", key=key)).status_code == 204


async def test_a_range_of_an_object(deployment: Deployment) -> None:
    data = os.urandom(1000)
    await deployment.put(hashed_key(data), data)
    got = await deployment.get(hashed_key(data), Range="bytes=10-19")
    if Deviation.NO_RANGES in deployment.deviations:
        assert (got.status_code, got.content) == (200, data)
    else:
        assert (got.status_code, got.content) == (206, data[10:20])
        assert got.headers["content-range"] == "bytes 10-19/1000"


async def test_a_leading_slash_is_dropped(deployment: Deployment) -> None:
    assert (await deployment.put("/store/a b+ü%2F.txt", b"text")).is_success
    assert (await deployment.get("store/a b+ü%2F.txt")).content == b"text"


async def test_checksum_binds_the_bytes(own: Deployment) -> None:
    data, other = os.urandom(50_000), os.urandom(50_000)
    key = hashed_key(data)
    signed = await own.sign(
        "sign/upload", key=key, sha256=sha256(data), contentLength=len(data), contentType="image/png"
    )
    headers = {name.lower(): value for name, value in signed["headers"].items()}
    assert headers["x-amz-checksum-sha256"] == base64.b64encode(hashlib.sha256(data).digest()).decode()
    assert headers["if-none-match"] == "*"
    assert headers["content-type"] == "image/png"
    assert (await own.send(signed, other)).status_code == 400
    assert (await own.call("head", key=key)).json() == {"exists": False}
    assert (await own.send(signed, data)).is_success
    assert (await own.send(signed, data)).status_code == 412
    assert (await own.get(key)).content == data


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-amz-checksum-sha256", base64.b64encode(bytes(32)).decode()),
        ("content-type", "text/html"),
        ("if-none-match", ""),
    ],
)
async def test_a_bound_header_cannot_be_changed(own: Deployment, name: str, value: str) -> None:
    data = b"bound"
    key = hashed_key(data)
    signed = await own.sign("sign/upload", key=key, sha256=sha256(data), contentLength=5, contentType="a/b")
    signed["headers"] = {key.lower(): text for key, text in signed["headers"].items()} | {name: value}
    assert (await own.send(signed, data)).status_code in {403, 501}  # Swift: If-None-Match is "*"
    assert (await own.call("head", key=key)).json() == {"exists": False}


async def test_the_length_is_bound(deployment: Deployment) -> None:
    signed = await deployment.sign("sign/upload", key="store/x", contentLength=5)
    longer = await deployment.send(signed, b"123456")
    assert longer.status_code == (200 if Deviation.LAX_FIELDS in deployment.deviations else 403)
    assert (await deployment.send(signed, b"12345")).is_success


async def test_a_url_is_for_one_key_and_one_method(deployment: Deployment) -> None:
    data = b"mine"
    assert (await deployment.put("store/mine", data)).is_success
    download = await deployment.sign("sign/download", key="store/mine")
    upload = await deployment.sign("sign/upload", key="store/mine")
    refused = 401 if Deviation.STATUS_401 in deployment.deviations else 403
    for url in (download["url"].replace("store/mine", "store/yours"), upload["url"]):
        assert (await deployment.client.get(url)).status_code == refused
    assert (await deployment.client.put(download["url"], content=b"evil")).status_code == refused
    assert (await deployment.get("store/mine")).content == data


async def test_head_tells_what_is_there(own: Deployment) -> None:
    data = os.urandom(1000)
    key = hashed_key(data)
    assert (await own.sign("head", key=key)) == {"exists": False}
    await own.put(key, data, sha256=sha256(data), contentLength=len(data))
    found = await own.sign("head", key=key)
    assert found["exists"] is True
    assert found["size"] == len(data)
    assert found.get("sha256", sha256(data)) == sha256(data)  # optional: Swift checks it and forgets it
    assert found["etag"]
    assert '"' not in found["etag"]


async def test_a_batch_answers_each_operation_by_itself_and_in_order(own: Deployment) -> None:
    data, gone = os.urandom(1000), os.urandom(10)
    await own.put(hashed_key(gone), gone)
    asked = [
        {"op": "upload", "key": hashed_key(data), "contentType": "image/png", "contentLength": len(data)},
        {"op": "delete", "key": hashed_key(gone)},
        {"op": "head", "key": hashed_key(gone)},
        {"op": "head", "key": "a/../b"},
        {"op": "upload", "key": "a", "contentLength": 6 * 1024**3},
        {"op": "download", "key": hashed_key(data)},
        {"op": "multipart/create", "key": "a"},
        {"key": "a"},
        "no object",
    ]
    results = (await own.sign("batch", requests=asked))["results"]
    assert [result["status"] for result in results] == [200, 204, 200, 400, 413, 200, 400, 400, 400]
    assert all(result["error"] for result in results if result["status"] >= 400)
    assert results[1] == {"status": 204}
    assert results[2] == {"status": 200, "exists": False}
    signed = {"method": "PUT", **results[0]}
    assert (await own.send(signed, data, **{"content-type": "image/png"})).is_success
    got = await own.client.get(results[5]["url"], headers=results[5]["headers"])
    assert got.content == data


async def test_a_batch_takes_a_hundred_operations(own: Deployment) -> None:
    keys = [f"store/{number}" for number in range(100)]
    answer = await own.sign("batch", requests=[{"op": "download", "key": key} for key in keys])
    assert len(answer["results"]) == 100
    for key, result in zip(keys, answer["results"], strict=True):
        assert f"/{key}?" in result["url"]


async def test_multipart_upload(own: Deployment) -> None:
    data = os.urandom(18 * 1024**2 + 123)
    key = hashed_key(data)
    created = await own.sign(
        "multipart/create", key=key, contentType="video/mp4", contentLength=len(data), sha256=sha256(data)
    )
    upload_id, size = created["uploadId"], created["partSize"]
    assert size >= 5 * 1024**2
    pieces = {i + 1: data[at : at + size] for i, at in enumerate(range(0, len(data), size))}
    signed = await own.sign("multipart/sign", key=key, uploadId=upload_id, partNumbers=list(pieces))
    assert datetime.fromisoformat(signed["expiresAt"]) > datetime.now(UTC)
    assert [part["partNumber"] for part in signed["parts"]] == list(pieces)

    async def send(part: dict) -> None:
        answer = await own.client.put(
            part["url"], content=pieces[part["partNumber"]], headers=part["headers"]
        )
        assert answer.is_success, answer.text

    await asyncio.gather(*(send(part) for part in signed["parts"][1:]))
    listed = (await own.sign("multipart/list", key=key, uploadId=upload_id))["parts"]
    assert [(part["partNumber"], part["size"]) for part in listed] == [
        (number, len(piece)) for number, piece in pieces.items() if number != 1
    ]
    await send(signed["parts"][0])
    listed = (await own.sign("multipart/list", key=key, uploadId=upload_id))["parts"]
    assert (await own.sign("head", key=key)) == {"exists": False}
    done = await own.sign("multipart/complete", key=key, uploadId=upload_id, parts=listed)
    assert done["etag"]
    got = await own.get(key)
    assert got.content == data
    assert got.headers["content-type"] == "video/mp4"
    again = await own.call("multipart/list", key=key, uploadId=upload_id)
    assert again.status_code == 404 or again.json()["parts"] == listed  # Swift remembers what became of it


async def test_multipart_abort(own: Deployment) -> None:
    key = "store/aborted"
    created = await own.sign("multipart/create", key=key, contentLength=100)
    ids = {"key": key, "uploadId": created["uploadId"]}
    assert (await own.call("multipart/abort", **ids)).status_code == 204
    assert (await own.call("multipart/abort", **ids)).status_code == 204
    assert (await own.call("multipart/list", **ids)).status_code == 404
    parts = [{"partNumber": 1, "etag": "x"}]
    assert (await own.call("multipart/complete", **ids, parts=parts)).status_code in {400, 404}


BAD_BODIES: list[tuple[str, dict[str, Any], Deviation | None]] = [
    ("sign/upload", {}, None),
    ("sign/upload", {"key": 1}, None),
    ("sign/upload", {"key": "a/../b"}, Deviation.NO_KEY_RULES),
    ("sign/upload", {"key": "x" * 1025}, Deviation.LAX_KEYS),
    ("sign/upload", {"key": "a//b"}, Deviation.LAX_KEYS),
    ("sign/upload", {"key": "a\\b"}, Deviation.LAX_KEYS),
    ("sign/upload", {"key": "a", "contentType": 1}, Deviation.LAX_FIELDS),
    ("sign/upload", {"key": "a", "contentType": "a\r\nb: c"}, Deviation.LAX_FIELDS),
    ("sign/upload", {"key": "a", "contentLength": -1}, Deviation.LAX_FIELDS),
    ("sign/upload", {"key": "a", "contentLength": True}, Deviation.LAX_FIELDS),
    ("sign/upload", {"key": "a", "contentLength": 1.5}, Deviation.LAX_FIELDS),
    ("sign/download", {"key": "//a"}, Deviation.LAX_KEYS),
    ("sign/download", {"key": "a\x00"}, Deviation.LAX_KEYS),
    ("sign/download", {"key": "../a"}, Deviation.NO_KEY_RULES),
    ("sign/download", {"key": ""}, Deviation.NO_KEY_RULES),
    ("delete", {"key": 1}, None),
]


async def test_bad_bodies_are_400(deployment: Deployment) -> None:
    for name, body, deviation in BAD_BODIES:
        answer = await deployment.call(name, **body)
        if deviation in deployment.deviations:
            assert answer.status_code == 200, (name, body)
        else:
            assert answer.status_code == 400, (name, body)
            assert isinstance(answer.json()["error"], str)


BAD_EXTENSION_BODIES: list[tuple[str, dict[str, Any]]] = [
    ("sign/upload", {"key": "a", "sha256": "00"}),
    ("sign/upload", {"key": "a/" + "0" * 64, "sha256": "1" * 64}),
    ("head", {"key": "a\x00"}),
    ("batch", {}),
    ("batch", {"requests": []}),
    ("batch", {"requests": {"op": "head", "key": "a"}}),
    ("batch", {"requests": [{"op": "head", "key": "a"}] * 101}),
    ("multipart/create", {"key": "a"}),
    ("multipart/sign", {"key": "a", "uploadId": "x", "partNumbers": []}),
    ("multipart/sign", {"key": "a", "uploadId": "x", "partNumbers": [0]}),
    ("multipart/sign", {"key": "a", "uploadId": "x", "partNumbers": [10_001]}),
    ("multipart/sign", {"key": "a", "uploadId": "x", "partNumbers": "1"}),
    ("multipart/sign", {"key": "a", "partNumbers": [1]}),
    ("multipart/complete", {"key": "a", "uploadId": "x", "parts": []}),
    ("multipart/complete", {"key": "a", "uploadId": "x", "parts": [{"partNumber": 1}]}),
    ("multipart/complete", {"key": "a", "uploadId": "x", "parts": [1]}),
    ("multipart/list", {"key": "a", "uploadId": ""}),
]


async def test_bad_bodies_of_extensions_are_400(own: Deployment) -> None:
    for name, body in BAD_EXTENSION_BODIES:
        answer = await own.call(name, **body)
        assert answer.status_code == 400, (name, body)
        assert isinstance(answer.json()["error"], str)


async def test_bodies_that_are_no_object_are_400(deployment: Deployment) -> None:
    for text in ["", "{", "[]", "null", '"a"', "1" * 5000, "[" * 100_000, '{"key": NaN']:
        url = f"{deployment.url}/api/v1/delete"
        answer = await deployment.client.post(url, content=text, headers=BEARER | JSON)
        assert answer.status_code == 400, text[:20]
        assert answer.json()["error"]

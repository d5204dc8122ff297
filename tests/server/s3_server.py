"""A real S3 server: OpenStack Swift with its S3 API, one machine, one copy, in processes of its own.

It verifies SigV4 with every signed header, the expiry, `x-amz-checksum-sha256` and `If-None-Match: *`, keeps
multipart uploads, and answers other origins with their preflights; pages may come from all of `ORIGINS`.
"""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.session
import httpx
from botocore.config import Config

from filesync_server.objects.s3 import S3Store
from tests.harness.server import free_port
from tests.harness.waiting import wait_until

BUCKET = "bucket"
ACCESS_KEY, SECRET_KEY = "test:tester", "test-secret-key"
SWIFT = Path(sys.executable).with_name("swift-proxy-server")
START_TIMEOUT = 60.0

_BACKENDS = ("account", "container", "object")

# The pipeline is that of the S3 API's documentation. tempauth wants a cache; it need not answer.
_PROXY = """
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache listing_formats s3api tempauth copy slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
cors_allow_origin = *
cors_expose_headers = content-length, content-range
[filter:s3api]
use = egg:swift#s3api
cors_preflight_allow_origin = *
max_upload_part_num = 10000
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = {secret} .admin
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:9
"""
_PROXY += "".join(
    f"[filter:{name}]\nuse = egg:swift#{name}\n"
    for name in ("catch_errors", "gatekeeper", "healthcheck", "listing_formats", "copy", "slo", "dlo")
)
_BACKEND = """
[pipeline:main]
pipeline = healthcheck {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
[filter:healthcheck]
use = egg:swift#healthcheck
"""
_SWIFT = """
[swift-hash]
swift_hash_path_suffix = tests
[storage-policy:0]
name = one
default = yes
"""
_RINGS = """
import sys
from swift.common.ring import RingBuilder
folder, ports = sys.argv[1], dict(zip(("account", "container", "object"), map(int, sys.argv[2:])))
for kind, port in ports.items():
    rings = RingBuilder(part_power=0, replicas=1, min_part_hours=0)
    device = {"region": 1, "zone": 1, "ip": "127.0.0.1", "port": port, "device": "disk", "weight": 1}
    rings.add_dev(device | {"replication_ip": "127.0.0.1", "replication_port": port})
    rings.rebalance()
    rings.get_ring().save(f"{folder}/{kind}.ring.gz")
"""


@dataclass
class S3Server:
    endpoint: str

    def store(self, **options: object) -> S3Store:
        defaults = {"endpoint": self.endpoint, "access_key": ACCESS_KEY, "secret_key": SECRET_KEY}
        return S3Store(BUCKET, **(defaults | {"path_style": True} | options))  # type: ignore[arg-type]

    def client(self, secret_key: str = SECRET_KEY) -> Any:
        """botocore's own client, to see and change what the store has."""
        return botocore.session.Session().create_client(
            "s3",
            region_name="us-east-1",
            endpoint_url=self.endpoint,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=secret_key,
            config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
        )


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """Run Swift below an empty folder whose file system keeps extended attributes."""
    ports = {kind: free_port() for kind in ("proxy", *_BACKENDS)}
    _configure(folder, ports)
    server = S3Server(f"http://127.0.0.1:{ports['proxy']}")
    with ExitStack() as stack:
        for kind in ports:
            stack.enter_context(_running(kind, folder))
        # All of them: the proxy gives up on those that are not there at first.
        for kind, port in ports.items():
            wait_until(
                lambda port=port: _is_healthy(f"http://127.0.0.1:{port}/healthcheck"),
                lambda kind=kind: f"Swift's {kind} server answers; the logs: {_logs(folder)}",
                timeout=START_TIMEOUT,
            )
        server.client().create_bucket(Bucket=BUCKET)
        yield server


def _configure(folder: Path, ports: dict[str, int]) -> None:
    (folder / "devices" / "disk").mkdir(parents=True)
    (folder / "swift.conf").write_text(_SWIFT)
    common = f"""[DEFAULT]
bind_ip = 127.0.0.1
workers = 0
mount_check = false
swift_dir = {folder}
devices = {folder / "devices"}
user = {pwd.getpwuid(os.getuid()).pw_name}
log_level = ERROR
"""
    for kind, port in ports.items():
        body = _PROXY.format(secret=SECRET_KEY) if kind == "proxy" else _BACKEND.format(kind=kind)
        (folder / f"{kind}.conf").write_text(f"{common}bind_port = {port}\n{body}")
    words = [sys.executable, "-c", _RINGS, str(folder), *(str(ports[kind]) for kind in _BACKENDS)]
    subprocess.run(words, check=True, capture_output=True)


@contextmanager
def _running(kind: str, folder: Path) -> Iterator[None]:
    command = [SWIFT.with_name(f"swift-{kind}-server"), folder / f"{kind}.conf"]
    with (folder / f"{kind}.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.kill()  # it would wait for connections that are kept alive
        process.wait()


def _is_healthy(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


def _logs(folder: Path) -> str:
    return "\n".join(path.read_text(errors="replace") for path in folder.glob("*.log"))

"""Transfers of large files go on where a killed renderer left them: little is sent twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.killed_client import KilledClient, is_synced
from tests.harness import FaultProxy, Profile

MIB = 1 << 20
FILES = "/livestore-filesync-files/"
PART = 8
"""MiB of a part, as the server wants them."""
SENT_TWICE = 20 * MIB
"""At most; two parts are under way at a time."""


def transfer_with_kills(
    new_profile: Callable[..., Profile], proxy: FaultProxy, store_id: str, mib: int
) -> None:
    """Kill the sender at the end of a part in the middle, and the receiver in the middle."""
    size = mib * MIB
    sender = KilledClient(new_profile(proxy.url), proxy, store_id)
    last_before_kill = f"partNumber={mib // PART // 2 + 1}"
    trap = proxy.set_trap("PUT", last_before_kill, "up", 0.99, beside=FILES)
    sender.begin_save("large", 1, size, stream=True)
    assert trap.sprung.wait(120)
    sender.kill()
    before = proxy.sent("PUT", FILES, "up")
    proxy.let_go()
    assert 0.4 * size < before < 0.85 * size
    sender.reopen()
    sender.until(lambda files: len(files) == 1 and all(map(is_synced, files.values())), "uploaded", 120)
    sent = proxy.sent("PUT", FILES, "up")
    print(f"upload: {before / MIB:.1f} MiB before the kill, {sent / MIB:.1f} of {mib} MiB in all")
    assert size <= sent < size + min(SENT_TWICE, size // 2)

    trap = proxy.set_trap("GET", FILES, "down", 0.5, beside=FILES)
    receiver = KilledClient(new_profile(proxy.url), proxy, store_id)
    assert trap.sprung.wait(120)
    receiver.kill()
    before = proxy.sent("GET", FILES, "down")
    proxy.let_go()
    assert size // 2 <= before < 0.6 * size
    receiver.reopen()
    receiver.until(lambda files: all(map(is_synced, files.values())), "downloaded", 120)
    sent = proxy.sent("GET", FILES, "down")
    print(f"download: {before / MIB:.1f} MiB before the kill, {sent / MIB:.1f} of {mib} MiB in all")
    assert size <= sent < size + min(SENT_TWICE, size // 2)
    wanted = {file.id: (file.content_hash, file.content_hash) for file in sender.files().values()}
    assert receiver.read() == wanted


@pytest.mark.firefox
@pytest.mark.feature("killed at any moment: nothing is lost, transfers go on")
@pytest.mark.timeout(600)
def test_transfers_go_on_after_a_kill(
    new_profile: Callable[..., Profile], fault_proxy: FaultProxy, store_id: str
) -> None:
    transfer_with_kills(new_profile, fault_proxy, store_id, 40)


@pytest.mark.soak(minutes=2)
def test_transfers_of_200_mib_go_on_after_a_kill(
    new_profile: Callable[..., Profile], fault_proxy: FaultProxy, store_id: str
) -> None:
    """Kill the renderer half-way through 200 MiB up, and down: less than 20 MiB travel twice."""
    transfer_with_kills(new_profile, fault_proxy, store_id, 200)

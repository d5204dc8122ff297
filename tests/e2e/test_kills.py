"""Renderers die in mid-save, mid-upload and mid-download on a bad network: nothing is lost or wrong."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from random import Random
from typing import Literal

import pytest

from tests.e2e.gallery import SLOW, remote_exists, sha256
from tests.e2e.killed_client import File, KilledClient, is_synced
from tests.harness import FaultProxy, Profile
from tests.harness.engines import FIREFOX, Engine
from tests.harness.fault_proxy import FAULTS, Exchange, Trap, Way, source
from tests.harness.waiting import wait_until

KIB = 1 << 10
MIB = 1 << 20
FAULTY = 0.25
"""Of the requests to the signer and the files prefix get a fault."""
SMALL = (64 * KIB, 2 * MIB)
PARTS = (17 * MIB, 20 * MIB)
"""Goes up in three parts."""

Phase = Literal["save", "upload", "download"]
PHASES: list[Phase] = ["save", "upload", "download"]
UPLOAD_MOMENTS: tuple[tuple[str, str, Way], ...] = (
    ("PUT", "/livestore-filesync-files/", "up"),
    ("PUT", "/livestore-filesync-files/", "down"),
    ("POST", "/v1/(sign/upload|batch)", "down"),
)
PART_MOMENTS: tuple[tuple[str, str, Way], ...] = (
    ("PUT", "partNumber=", "up"),
    ("POST", "/v1/multipart/complete", "down"),
)
DOWNLOAD_MOMENTS: tuple[tuple[str, str, Way], ...] = (
    ("GET", "/livestore-filesync-files/", "down"),
    ("GET", "/livestore-filesync-files/", "down"),
    ("POST", "/v1/(sign/download|batch)", "down"),
)


class Trial:
    """Two browsers, one store, a bad network, and kills; `struck` counts the kills that hit their phase."""

    def __init__(
        self, seed: int, new_profile: Callable[..., Profile], proxy: FaultProxy, store_id: str
    ) -> None:
        self.random = Random(seed)
        self.proxy = proxy
        self.proxy.random = Random(seed)
        self.proxy.choose_fault = self._fault
        self.writer = KilledClient(new_profile(proxy.url), proxy, store_id)
        self.reader = KilledClient(new_profile(proxy.url), proxy, store_id)
        self.confirmed: dict[str, str] = {}
        self.replaced: set[str] = set()
        self._edits: dict[str, str] = {}
        self._heard = 0
        self.struck: Counter[str] = Counter()
        self._saves = 0

    @property
    def faults(self) -> Counter[str]:
        """The requests to the signer and the files prefix, by their faults."""
        return Counter(exchange.fault for exchange in self.proxy.seen)

    def _fault(self, _exchange: Exchange) -> str:
        return self.proxy.random.choice(FAULTS) if self.proxy.random.random() < FAULTY else ""

    # --- the kills

    def kill(self, phase: Phase) -> None:
        """Kill a renderer in that phase, open its page anew, and look at what it has."""
        for _try in range(5):
            victim, trap, over = getattr(self, f"_in_{phase}")()
            victim.kill()
            struck = trap.holds or not any(told.startswith(over) for told in self.proxy.told)
            self.proxy.let_go()
            victim.reopen()
            self.look(victim)
            if struck:
                self.struck[phase] += 1
                return
        raise AssertionError(f"no kill came before the end of its {phase}")

    def _in_save(self) -> tuple[KilledClient, Trap, str]:
        stream = self.random.random() < 0.7
        share = self.random.choice([self.random.random(), self.random.random(), 1.0]) if stream else 1.0
        trap = self.proxy.set_trap("GET", "/proxy/source", "down", share)
        name = self._save(SMALL if self.random.random() < 0.7 else PARTS, stream=stream)
        self._wait(trap, 0.05)
        return self.writer, trap, f"saved {name} "

    def _in_upload(self) -> tuple[KilledClient, Trap, str]:
        in_parts = self.random.random() < 0.3
        trap = self._trap(PART_MOMENTS if in_parts else UPLOAD_MOMENTS)
        self._wait_for_save(self._save(PARTS if in_parts else SMALL))
        self._wait(trap, 0.01)
        return self.writer, trap, f"upload:complete {trap.content_hash}"

    def _in_download(self) -> tuple[KilledClient, Trap, str]:
        trap = self._trap(DOWNLOAD_MOMENTS)
        self._wait_for_save(self._save(PARTS if self.random.random() < 0.2 else SMALL))
        self._wait(trap, 0.03)
        return self.reader, trap, f"download:complete {trap.content_hash}"

    def _trap(self, moments: tuple[tuple[str, str, Way], ...]) -> Trap:
        """At one of the moments; the body of an object is cut anywhere, or gets through."""
        method, pattern, way = self.random.choice(moments)
        share = 0.0
        if (method, way) in {("PUT", "up"), ("GET", "down")}:
            share = self.random.choice([self.random.random(), 1.0])
        return self.proxy.set_trap(method, pattern, way, share)

    def _wait(self, trap: Trap, longest: float) -> None:
        """Wait for the trap; what it does not hold gets so many seconds more, at most."""
        if not trap.sprung.wait(60):
            seen = [*self.proxy.seen[-40:], *self.proxy.told[-10:]]
            known = [("writer", self.writer.files()), ("reader", self.reader.files())]
            story = "\n".join(map(str, [*seen, *known]))
            raise AssertionError(f"nothing was caught by {trap}:\n{story}")
        if not trap.holds:
            time.sleep(self.random.uniform(0, longest))

    def _save(self, sizes: tuple[int, int], *, stream: bool = False) -> str:
        """Begin to save a new file, or another content of one that is there."""
        self._saves += 1
        edits = list(self.confirmed) if self.random.random() < 0.4 else []
        edited = self.random.choice(edits) if edits else ""
        name, size = f"file-{self._saves}", self.random.randint(*sizes)
        if edited:
            self._edits[edited] = sha256(source(self._saves, size))
        self.writer.begin_save(name, self._saves, size, stream=stream, file_id=edited)
        return name

    def _wait_for_save(self, name: str) -> None:
        def is_saved() -> bool:
            return any(told.startswith(f"saved {name} ") for told in self.proxy.told)

        wait_until(is_saved, f"{name} is saved", timeout=60, page=self.writer.page)

    # --- what must hold

    def look(self, client: KilledClient) -> None:
        """Nothing that was confirmed is missing, nothing wrong is given or served."""
        files, read, served = client.files(), client.read(), client.served()
        assert all(promised == found for promised, found in read.values())
        assert all(path.endswith(f"/{found}") for path, found in served.items())
        if client is self.writer:
            self._hear()
            for file_id, content_hash in self.confirmed.items():
                assert files[file_id].content_hash in (content_hash, self._edits.get(file_id))
                self._confirm(file_id, files[file_id].content_hash)
            assert files.keys() == read.keys()
            assert {file.path for file in files.values()} == served.keys()

    def _hear(self) -> None:
        """Take note of the saves that have returned."""
        while self._heard < len(self.proxy.told):
            told, self._heard = self.proxy.told[self._heard], self._heard + 1
            if told.startswith("saved "):
                _, _, file_id, content_hash = told.split(" ")
                self._confirm(file_id, content_hash)

    def _confirm(self, file_id: str, content_hash: str) -> None:
        old = self.confirmed.get(file_id, content_hash)
        if old != content_hash:
            self.replaced.add(old)
        self.confirmed[file_id] = content_hash

    def converge(self) -> None:
        """Without faults everything gets everywhere; and nothing else is left, once nothing is to be kept."""
        self.proxy.choose_fault = lambda _exchange: ""
        self._hear()
        wanted = {file.id: file.content_hash for file in self.writer.files().values()}
        assert self.confirmed.items() <= wanted.items()
        self.writer.keep_nothing()
        for client in (self.writer, self.reader):
            client.until(lambda files: _synced(files) == wanted, f"{wanted} are synced")
            self.look(client)
            assert client.read().keys() == wanted.keys()
            wait_until(
                lambda client=client: client.stored().keys() == set(wanted.values()),
                "nothing else is left here",
                timeout=SLOW,
                page=client.page,
            )
        page, store_id = self.writer.page, self.writer.store_id
        for content_hash in self.replaced - set(wanted.values()):
            gone = partial(lambda content: not remote_exists(page, store_id, content), content_hash)
            wait_until(gone, f"{content_hash}, which was replaced, is gone", timeout=SLOW, page=page)


def _synced(files: Mapping[str, File]) -> dict[str, str]:
    return {file.id: file.content_hash for file in files.values() if is_synced(file)}


def chosen_seed() -> int:
    """A fresh one, which it prints, or that of KILLS_SEED."""
    seed = int(os.environ.get("KILLS_SEED", "0")) or time.time_ns()
    print(f"KILLS_SEED={seed}")
    return seed


def run(trial: Trial, phases: list[Phase]) -> None:
    for phase in phases:
        trial.kill(phase)
    trial.converge()
    made = f"{len(trial.confirmed)} files and {len(trial.replaced)} edits"
    print(f"kills {dict(trial.struck)}, {made}, requests by fault {dict(trial.faults)}")


@pytest.mark.firefox
@pytest.mark.feature("killed at any moment: nothing is lost, transfers go on")
@pytest.mark.timeout(600)
def test_a_killed_renderer_loses_nothing(
    new_profile: Callable[..., Profile], fault_proxy: FaultProxy, store_id: str, engine: Engine
) -> None:
    """Firefox gets one of the three, chosen anew each time: its kills are those of a whole browser."""
    trial = Trial(chosen_seed(), new_profile, fault_proxy, store_id)
    phases = [trial.random.choice(PHASES)] if engine.name == FIREFOX.name else PHASES
    run(trial, phases)
    assert trial.struck == dict.fromkeys(phases, 1)


@pytest.mark.firefox
@pytest.mark.soak(minutes=6)
def test_many_kills_lose_nothing(
    new_profile: Callable[..., Profile], fault_proxy: FaultProxy, store_id: str
) -> None:
    """Kill renderers 54 times in mid-save, mid-upload and mid-download on a bad network (KILLS_SEED)."""
    trial = Trial(chosen_seed(), new_profile, fault_proxy, store_id)
    run(trial, PHASES * 18)
    assert set(FAULTS) <= trial.faults.keys()
    assert trial.struck == {"save": 18, "upload": 18, "download": 18}

"""A small world for the transfer engine: clients, one object store, one event log, crashes, and time.

Everything is deterministic: a *step* is an operation's name and a few integers, which pick among what is
possible at that moment. A *trace* is a list of steps; it replays the same on CPython and in Pyodide.
Durable state (log, rows, outbox, blobs) survives a crash of a client, its engine and its running
requests do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from filesync_web.engine.engine import Engine
from tests.model.actions import Actions
from tests.model.state import EAGER, Client, Step

LONG = 1000.0
"""Seconds: more than any policy that has an end."""


class World(Actions):
    """Clients, an object store and a backend in memory: takes steps, and checks what must hold after each."""

    def __init__(self, clients: int = 2, make_engine: Callable[[Client], Engine] | None = None) -> None:
        super().__init__(clients, make_engine)
        for client in self.clients:
            self.start(client)

    def step(self, step: Step) -> None:
        """Take one step, and check what must hold after it."""
        name, who, a, b = step
        client = self.clients[who % len(self.clients)]
        self.surviving(client, lambda: getattr(self, "op_" + name)(client, a, b))
        self.surviving(client, lambda: self.deliver(client))
        self.check()

    def replay(self, trace: Iterable[Step]) -> None:
        """Take all steps of a trace, then converge."""
        for step in trace:
            self.step(step)
        self.converge()

    def converge(self) -> None:
        """Everybody is online and nothing fails any more: all clients must come to rest by themselves, and,
        after a restart, with equal files; so must a fresh client, which asks for whatever is kept. In the end
        time passes, until only what has no end is kept."""
        for client in self.clients:
            client.crash_after = None
            self.op_online(client, 1, 0)
            self.deliver(client)
        self.work_off()
        self.check_at_rest()
        fresh = Client("fresh")
        self.clients.append(fresh)
        for client in self.clients:
            client.controls.clear()
            client.evicted.clear()
            client.downloads = EAGER
            client.online = True
            self.die(client)
        self.op_sync(fresh, 0, 0)
        fresh.asked_for |= fresh.kept.keys()
        fresh.dirty |= fresh.kept.keys()
        self.work_off()
        self.check_converged()
        self.now += LONG
        self.work_off()
        self.check_at_rest()
        self.check_converged()

    def work_off(self) -> None:
        """Let everything that runs or waits succeed, until all is quiet."""
        for _ in range(100):
            for client in self.clients:
                client.crash_after = None
                self.op_sync(client, 0, 0)
                self.deliver(client)
                self.op_wait(client, 9, 0)
                self.deliver(client)
                for _ in range(100):
                    self.op_finish(client, 0, 0)
                    self.deliver(client)
                    if not client.requests:
                        break
            self.check()
            if self.is_quiet():
                break

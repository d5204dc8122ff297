"""A big file as Python's own file object: how fast it is written and read, and what memory that takes.

    write        `create_file`, in blocks of 1 MiB, with `drain`; it is hashed, and saved
    first byte   `open_file` and `read(1)`, the best of five
    random       1,000 times `seek` and `read(65536)`
    whole        `read(1 << 20)` to the end
    bytes        the same beside what one does without: all of it as `bytes`, up to 512 MiB

in a worker and on the main thread, there also with `suspend=True`. Memory is how far the peak of resident
memory rose above that at rest, in all renderer processes together and in the browser process. The size in MiB
may be given as an argument, as in `build.py bench python_files 2048`, else it is 256; `worker` or `bare`
after it measures only there.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from bench._common import new_profile
from tests.harness import PyodidePage, open_pyodide_page
from tests.harness.memory import Memory
from tests.harness.pyodide_page import Kind

SECONDS = 900.0
LARGEST_COPY = 512
KINDS: dict[str, Kind] = {"worker": "worker", "main thread": "bare"}

OPEN = """
import os, random
from js import performance
import filesync_web as fs
kit = fs.create_file_sync_schema()
schema = fs.make_schema(
    tables=kit.tables, events=kit.events, materializers=kit.create_materializers(kit.tables)
)
store = await fs.open_store(schema, store_id="bench")
sync = await fs.create_file_sync(store, remote=None)
chance = random.Random(1)
"""

WRITE = """
block = os.urandom(1 << 20)
async with sync.create_file("big.bin") as file:
    for number in range({mib}):
        file.write(block)
        file.write(number.to_bytes(8))  # no two blocks are the same
        if not number % 4:
            await file.drain()
file_id = file.result.file_id
"""

FIRST = """
async with sync.open_file(file_id, suspend={suspend}) as file:
    file.read(1)
"""

RANDOM = """
async with sync.open_file(file_id, suspend={suspend}) as file:
    for _ in range(1000):
        file.seek(chance.randrange({mib} << 20))
        assert file.read(65536)
"""

WHOLE = """
async with sync.open_file(file_id, suspend={suspend}) as file:
    size = 0
    while piece := file.read(1 << 20):
        size += len(piece)
    assert size == {mib} * ((1 << 20) + 8)
"""

COPY = """
copy = (await (await sync.read_file(file_id)).arrayBuffer()).to_bytes()
assert len(copy) == {mib} * ((1 << 20) + 8)
del copy
"""

CLOSE = """
await sync.delete_file(file_id)
await sync.collect_garbage()
await sync.dispose()
await store.close()
"""


class Bench:
    """A page, and the memory of its browser."""

    def __init__(self, page: PyodidePage, memory: Memory, mib: int) -> None:
        self._page = page
        self._memory = memory
        self._mib = mib
        self._suspend = False
        self._debugger = page.context.new_cdp_session(page.driver)

    def write(self) -> None:
        """Create the file."""
        seconds = self.measure("write", WRITE)
        print(f"  write       {self._mib * 1.048576 / seconds:8.0f} MB/s", flush=True)

    def read(self, *, suspend: bool) -> None:
        """Read it in all ways."""
        self._suspend = suspend
        print(f"  first byte  {min(self.seconds(FIRST) for _ in range(5)) * 1000:8.1f} ms", flush=True)
        print(f"  random      {self.measure('random', RANDOM):8.2f} ms each", flush=True)
        seconds = self.measure("whole", WHOLE)
        print(f"  whole       {self._mib * 1.048576 / seconds:8.0f} MB/s", flush=True)
        if self._mib <= LARGEST_COPY and not suspend:
            seconds = self.measure("bytes", COPY)
            print(f"  bytes       {self._mib * 1.048576 / seconds:8.0f} MB/s", flush=True)

    def measure(self, name: str, code: str) -> float:
        """Seconds that the code takes; what it does to the memory is printed."""
        self._debugger.send("HeapProfiler.collectGarbage")
        at_rest = {kind: self._memory.resident(pids) for kind, pids in vars(self._memory).items()}
        self._memory.reset()
        seconds = self.seconds(code)
        growth = [f"{k} {self._memory.peak(pids) - at_rest[k]:.0f}" for k, pids in vars(self._memory).items()]
        print(f"  {name:<10}  growth in MiB: {', '.join(growth)}", flush=True)
        return seconds

    def seconds(self, code: str) -> float:
        code = code.format(mib=self._mib, suspend=self._suspend)
        timed = f"started = performance.now()\n{code}\nperformance.now() - started"
        milliseconds: float = self._page.run_async(timed)
        return milliseconds / 1000


def main() -> None:
    mib = int(sys.argv[1]) if len(sys.argv) > 1 else 256
    only = sys.argv[2:] or KINDS.values()
    with ExitStack() as stack:
        profile = new_profile(stack, Path(stack.enter_context(tempfile.TemporaryDirectory())))
        context = profile.open()
        for name, kind in KINDS.items():
            if kind not in only:
                continue
            print(f"{name}, a file of {mib} MiB", flush=True)
            page = open_pyodide_page(context, kind)
            page.set_script_timeout(SECONDS)
            page.run_async(f"{OPEN}\nNone")
            bench = Bench(page, Memory(profile.folder), mib)
            bench.write()
            bench.read(suspend=False)
            if kind == "bare":
                print("main thread, suspended", flush=True)
                bench.read(suspend=True)
            page.run_async(f"{CLOSE}\nNone")
            page.driver.close()


if __name__ == "__main__":
    main()

"""A big file as Python's own file object: how fast it is written and read, and what memory that takes.

    write        `create_file`, in blocks of 1 MiB, with `drain`; it is hashed, and saved
    first byte   `open_file` and `read(1)`, the best of five
    random       1,000 times `seek` and `read(65536)`
    whole        `read(1 << 20)` to the end
    zip          an archive of that size is listed, and one member of 16 MiB is read
    csv          a column of a table of 100 MB is summed
    mounted      a file of that size is written in the mounted folder in blocks of 1 MiB, and saved
    sqlite rows  1,000 rows of a database of 60 MB are read by their key, on the mounted file
    sqlite sum   a column of it is summed

in a worker and on the main thread, there also with `suspend=True`. *As bytes*: the same, but the file is
copied to `bytes` first, up to 1 GiB; a database is then deserialized. *By JavaScript*: what the main thread
can do at once without this kit and without Python. Memory is how far the peak of resident
memory rose above that at rest, in all renderer processes together and in the browser process. The size in MiB
may be given as an argument, as in `build.py bench python-files 2048`, else it is 256; `worker`, `bare`
or `suspended` after it measures only that.
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
LARGEST_COPY = 1024
KINDS: dict[str, Kind] = {"worker": "worker", "bare": "bare", "suspended": "bare"}
NAMES = {"worker": "worker", "bare": "main thread", "suspended": "main thread, suspended"}

OPEN = """
import csv, io, os, random, sqlite3, zipfile
from pathlib import Path
from js import performance
import filesync_web as fs
kit = fs.create_file_sync_schema()
schema = fs.make_schema(
    tables=kit.tables, events=kit.events, materializers=kit.create_materializers(kit.tables)
)
store = await fs.open_store(schema, store_id="bench")
sync = await fs.create_file_sync(store, remote=None)
chance, block, suspend = random.Random(1), os.urandom(1 << 20), False
ROWS = 250_000
rows = b"".join(b"%d,some text in the middle,%d.5\\n" % (number, number) for number in range(28_000))

def read_random(file):
    for _ in range(1000):
        file.seek(chance.randrange(mib << 20))
        assert len(file.read(65536))

def read_whole(file):
    size = 0
    while piece := file.read(1 << 20):
        size += len(piece)
    assert size == mib * ((1 << 20) + 8)

def read_zip(file):
    archive = zipfile.ZipFile(file)
    assert len(archive.namelist()) == mib // 16
    assert archive.read("1.bin") == block * 16

def read_csv(file):
    table = csv.DictReader(io.TextIOWrapper(file, "utf-8", newline=""))
    assert sum(float(row["amount"]) for row in table) == 100 * sum(number + 0.5 for number in range(28_000))

def read_rows(database):
    for _ in range(1000):
        number = chance.randrange(ROWS)
        found = database.execute("SELECT amount FROM numbers WHERE number = ?", (number,)).fetchone()
        assert found == (number + 0.5,)

def read_sum(database):
    assert database.execute("SELECT sum(amount) FROM numbers").fetchone() == (ROWS * ROWS / 2,)

def in_place(read):
    database = sqlite3.connect("file:/files/a.db?mode=ro&immutable=1", uri=True)
    read(database)
    database.close()

async def deserialized(read):
    database = sqlite3.connect(":memory:")
    database.deserialize((await (await sync.read_file(numbers)).arrayBuffer()).to_bytes())
    read(database)
    database.close()

async def opened(file_id, read):
    async with sync.open_file(file_id, suspend=suspend) as file:
        read(file)

async def copied(file_id, read):
    read(io.BytesIO((await (await sync.read_file(file_id)).arrayBuffer()).to_bytes()))
"""

WRITE = """
async with sync.create_file("big.bin") as file:
    for number in range(mib):
        file.write(block)
        file.write(number.to_bytes(8))  # no two blocks are the same
        if not number % 4:
            await file.drain()
big = file.result.file_id
"""

WRITE_OTHERS = """
async with sync.create_file("a.zip") as file:
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(mib // 16):
            archive.writestr(f"{number}.bin", block * 16)
            await file.drain()
archived = file.result.file_id
async with sync.create_file("a.csv") as file:
    file.write(b"number,text,amount\\n")
    for _ in range(100):
        file.write(rows)
        await file.drain()
table = file.result.file_id
path = Path("/tmp/a.db")
database = sqlite3.connect(path)
with database:
    database.execute("CREATE TABLE numbers (number INTEGER PRIMARY KEY, text TEXT, amount REAL)")
    some = ((number, "some text in the middle " * 9, number + 0.5) for number in range(ROWS))
    database.executemany("INSERT INTO numbers VALUES (?, ?, ?)", some)
database.close()
numbers = (await sync.save_file(path, name="a.db")).file_id
path.unlink()
"""

BY_JAVASCRIPT = """
from pyodide.code import run_js
run_js('''(file) => {
    const url = URL.createObjectURL(file);
    const bytes = new Uint8Array(1 << 18);
    for (let at = 0; at < file.size; at += bytes.length) {
        const request = new XMLHttpRequest();
        request.open("GET", url, false);
        request.overrideMimeType("text/plain; charset=x-user-defined");
        request.setRequestHeader("Range", `bytes=${at}-${at + bytes.length - 1}`);
        request.send();
        const text = request.responseText;
        for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
    }
    URL.revokeObjectURL(url);
}''')(await sync.read_file(big))
"""

READS = {
    "random": "big, read_random",
    "whole": "big, read_whole",
    "zip": "archived, read_zip",
    "csv": "table, read_csv",
}
QUERIES = {"sqlite rows": "read_rows", "sqlite sum": "read_sum"}

MOUNT = """
mounted = await sync.mount()
await mounted.ready()
"""

WRITE_MOUNTED = """
with open("/files/written.bin", "wb", buffering=0) as file:
    for number in range(mib):
        file.write(number.to_bytes(8) + block[8:])
await mounted.flush()
os.remove("/files/written.bin")
await mounted.flush()
"""

CLOSE = """
for file_id in (big, archived, table, numbers):
    await sync.delete_file(file_id, purge=True)
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
        self._debugger = page.context.new_cdp_session(page.driver)

    def write(self) -> None:
        """Make the files."""
        self.measure("write", WRITE)
        self.seconds(WRITE_OTHERS)

    def read(self, *, suspend: bool) -> None:
        """Read them."""
        self.seconds(f"suspend = {suspend}")
        first = min(self.seconds("await opened(big, lambda file: file.read(1))") for _ in range(5))
        print(f"  first byte     {first * 1000:9.1f} ms", flush=True)
        for name, what in READS.items():
            self.measure(name, f"await opened({what})")
            if self._mib <= LARGEST_COPY and not suspend:
                self.measure(f"{name}, as bytes", f"await copied({what})")

    def mounted(self) -> None:
        """Write a file, and query the database."""
        self._page.run_async(f"{MOUNT}\nNone")
        self.measure("mounted", WRITE_MOUNTED)
        for name, read in QUERIES.items():
            self.measure(name, f"in_place({read})")
            self.measure(f"{name}, as bytes", f"await deserialized({read})")

    def measure(self, name: str, code: str) -> None:
        """Print the seconds that the code takes, and what it does to the memory."""
        self._debugger.send("HeapProfiler.collectGarbage")
        at_rest = {kind: self._memory.resident(pids) for kind, pids in vars(self._memory).items()}
        self._memory.reset()
        seconds = self.seconds(code)
        growth = [f"{k} {self._memory.peak(pids) - at_rest[k]:.0f}" for k, pids in vars(self._memory).items()]
        speed = f"{self._mib * 1.048576 / seconds:7.0f} MB/s" if name in ("write", "whole", "mounted") else ""
        print(f"  {name:<22}{seconds:8.2f} s  growth in MiB: {', '.join(growth):<28}{speed}", flush=True)

    def seconds(self, code: str) -> float:
        timed = f"started = performance.now()\n{code}\nperformance.now() - started"
        milliseconds: float = self._page.run_async(timed)
        return milliseconds / 1000


def main() -> None:
    mib = int(sys.argv[1]) if len(sys.argv) > 1 else 256
    with ExitStack() as stack:
        profile = new_profile(stack, Path(stack.enter_context(tempfile.TemporaryDirectory())))
        context = profile.open()
        for how in sys.argv[2:] or KINDS:
            print(f"{NAMES[how]}, a file of {mib} MiB", flush=True)
            page = open_pyodide_page(context, KINDS[how])
            page.set_script_timeout(SECONDS)
            page.run_async(f"mib = {mib}\n{OPEN}\nNone")
            bench = Bench(page, Memory(profile.folder), mib)
            bench.write()
            bench.read(suspend=how == "suspended")
            if how == "bare":
                bench.measure("whole, by JavaScript", BY_JAVASCRIPT)
            if how != "suspended":
                bench.mounted()
            page.run_async(f"{CLOSE}\nNone")
            page.driver.close()


if __name__ == "__main__":
    main()

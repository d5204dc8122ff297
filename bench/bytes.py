"""A big file into, out of and through the browser: megabytes per second and memory, against plain JavaScript.

    put        a File that the user chose, into OPFS; ours also hashes and flushes it
    iterate    blocks that Python (or a stream in JavaScript) makes, into OPFS
    upload     the stored File to a server that throws it away
    download   from a server into OPFS; ours also verifies it
    serve      fetched by the page through the service worker, as a Blob: reading a stream to its end leaves
               garbage in the page, wherever it comes from. The rival is an object URL of the stored File
    read       the stored File, as a page would read it

Memory is how far the peak of resident memory rose above that of the page at rest, in all renderer processes
together and in the browser process, as Linux counts it; what the step before has left is collected first. The
size in MiB may be given as an argument, as in `build.py bench bytes 64`; else it is 256.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from bench._common import compare, new_profile
from tests.harness import PyodidePage, open_pyodide_page
from tests.harness.memory import Memory

MIB = 1 << 20
ROUNDS = 3
SECONDS = 600.0

# A server with nothing to do but to send one file and to throw away what comes.
SERVER = """
import asyncio, sys

async def serve(reader, writer):
    method = (await reader.readline()).decode().split(" ")[0]
    length = 0
    while line := (await reader.readline()).strip():
        name, _, value = line.decode().partition(":")
        if name.lower() == "content-length":
            length = int(value)
    while length:
        length -= len(await reader.read(min(length, 1 << 20)))
    head = "HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nAccess-Control-Allow-Origin: *\\r\\n"
    head += "Access-Control-Allow-Methods: *\\r\\nAccess-Control-Allow-Headers: *\\r\\n"
    with open(sys.argv[2], "rb") as file:
        size = file.seek(0, 2) if method == "GET" else 0
        file.seek(0)
        writer.write(f"{head}Content-Length: {size}\\r\\n\\r\\n".encode())
        await writer.drain()
        if size:
            await asyncio.get_running_loop().sendfile(writer.transport, file)
    writer.close()

async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), limit=1 << 20)
    await server.serve_forever()

asyncio.run(main())
"""

PREPARE = """
import js
from pyodide.code import run_js
from filesync_web.browser.blobs import OpfsBlobStore
from filesync_web.browser.http import BrowserHttp
from filesync_web.browser.service_worker import register_file_sync_service_worker
store, http = OpfsBlobStore("bench"), BrowserHttp()
file = js.document.querySelector("input").files.item(0)
digest = (await store.put(file)).content_hash
await register_file_sync_service_worker(signer_base_url="")

async def blocks():
    for _ in range(int(file.size) >> 20):
        yield bytes(1 << 20)

blocks_digest = (await store.put(blocks())).content_hash
plain = run_js('''({
  async folder() {
    const root = await navigator.storage.getDirectory();
    return root.getDirectoryHandle("plain", { create: true });
  },
  async writable() {
    const handle = await (await this.folder()).getFileHandle("file", { create: true });
    return handle.createWritable();
  },
  async file() { return (await (await this.folder()).getFileHandle("file")).getFile(); },
  async remove() { await (await this.folder()).removeEntry("file").catch(() => {}); },
  async put(file) { await file.stream().pipeTo(await this.writable()); },
  async download(url) { await (await fetch(url, { cache: "no-store" })).body.pipeTo(await this.writable()); },
  async fetched(url) {
    const answer = await fetch(url, { cache: "no-store" });
    if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
    return (await answer.blob()).size;
  },
  async serve(file) {
    const url = URL.createObjectURL(file);
    await this.fetched(url);
    URL.revokeObjectURL(url);
  },
  async drain(stream) {
    globalThis.reading = stream; // or Chromium may collect it while it is read
    const reader = stream.getReader({ mode: "byob" });
    let buffer = new ArrayBuffer(1 << 20);
    for (let step; !(step = await reader.read(new Uint8Array(buffer))).done; ) buffer = step.value.buffer;
  },
  async iterate(size) {
    let left = size;
    const pull = (controller) => {
      controller.enqueue(new Uint8Array(1 << 20));
      if (!(left -= 1 << 20)) controller.close();
    };
    await new ReadableStream({ pull }).pipeTo(await this.writable());
  },
  upload(url, file) {
    return new Promise((resolve, reject) => {
      const xhr = new XMLHttpRequest();
      xhr.open("PUT", url);
      xhr.onload = () => resolve(xhr.status);
      xhr.onerror = () => reject(new Error("upload"));
      xhr.send(file);
    });
  },
})''')
await plain.put(file)
file.size
"""

# What is measured, and what is done before the clock starts.
STEPS = {
    "put": {
        "plain JavaScript": ("await plain.remove()", "await plain.put(file)"),
        "filesync-web": ("await store.delete(digest)", "await store.put(file)"),
    },
    "iterate": {
        "plain JavaScript": ("await plain.remove()", "await plain.iterate(file.size)"),
        "filesync-web": ("await store.delete(blocks_digest)", "await store.put(blocks())"),
    },
    "upload": {
        "plain JavaScript": ("body = await plain.file()", "await plain.upload(url, body)"),
        "filesync-web": (
            "body = await store.open(digest)",
            "await http.upload('PUT', url, headers={}, blob=body, stall_timeout=60)",
        ),
    },
    "download": {
        "plain JavaScript": ("await plain.remove()", "await plain.download(url)"),
        "filesync-web": (
            "await store.delete(digest)",
            "await store.download(url, {}, content_hash=digest, size=file.size, stall_timeout=60)",
        ),
    },
    "serve": {
        "plain JavaScript": ("pass", "await plain.serve(await plain.file())"),
        "filesync-web": ("pass", "await plain.fetched('/livestore-filesync-files/bench/' + digest)"),
    },
    "read": {
        "plain JavaScript": ("pass", "await plain.drain((await plain.file()).stream())"),
        "filesync-web": ("pass", "await plain.drain((await store.open(digest)).stream())"),
    },
}


class Bench:
    """The page, and the memory of its browser."""

    def __init__(self, page: PyodidePage, memory: Memory) -> None:
        self._page = page
        self._memory = memory
        self._debugger = page.context.new_cdp_session(page.driver)
        self._collect_garbage()
        self._at_rest = {name: memory.resident(pids) for name, pids in vars(memory).items()}

    def measure(self, step: tuple[str, str], seen: dict[str, list[float]]) -> float:
        """Do one step; its MB/s. The growth of memory is added to `seen`."""
        prepare, act = step
        self._collect_garbage()
        self._memory.reset()
        code = f"{prepare}\nstarted = js.performance.now()\n{act}\njs.performance.now() - started"
        seconds: float = self._page.run_async(code) / 1000
        for name, pids in vars(self._memory).items():
            seen[name].append(self._memory.peak(pids) - self._at_rest[name])
        size: int = self._page.run_async("file.size")
        return size / 1e6 / seconds

    def _collect_garbage(self) -> None:
        self._debugger.send("HeapProfiler.collectGarbage")


@contextmanager
def big_file(folder: Path, mib: int) -> Iterator[Path]:
    path = folder / "big.bin"
    with path.open("wb") as file:
        for _ in range(mib):
            file.write(os.urandom(MIB))
    yield path
    path.unlink()


def serve(stack: ExitStack, path: Path) -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-c", SERVER, str(port), str(path)])
    stack.callback(process.wait)
    stack.callback(process.terminate)
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return f"http://127.0.0.1:{port}/file"
        time.sleep(0.05)
    raise RuntimeError("the server did not start")


def report(bench: Bench, rounds: int) -> None:
    for name, variants in STEPS.items():
        print(name, flush=True)
        seen: dict[str, dict[str, list[float]]] = {variant: defaultdict(list) for variant in variants}
        speeds = {variant: partial(bench.measure, step, seen[variant]) for variant, step in variants.items()}
        compare("MB/s", speeds, rounds)
        for variant, readings in seen.items():
            peaks = ", ".join(f"{process} {max(values):.0f}" for process, values in readings.items())
            print(f"  {variant:<28} largest growth in MiB: {peaks}")


def main() -> None:
    mib = int(sys.argv[1]) if len(sys.argv) > 1 else 256
    rounds = ROUNDS if mib <= 512 else 1
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        path = stack.enter_context(big_file(folder, mib))
        profile = new_profile(stack, folder)
        page = open_pyodide_page(profile.open())
        page.set_script_timeout(SECONDS)
        page.driver.evaluate(
            "document.body.append(Object.assign(document.createElement('input'), { type: 'file' }))"
        )
        page.driver.set_input_files("input", path)
        size = page.run_async(f"url = {serve(stack, path)!r}\n{PREPARE}")
        print(f"a file of {size / MIB:.0f} MiB")
        report(Bench(page, Memory(profile.folder)), rounds)


if __name__ == "__main__":
    main()

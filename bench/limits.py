"""The kit beside the same work in plain JavaScript, in one page: how far it is from what a browser can do.

    turn            a turn of the event loop, in which nothing is done
    message         an empty message to a worker and back
    bytes, record   the two halves of a save, each by itself
    save            64 KiB, one after another; each is durable, and so is its record, when it returns
    save at once    many small files, and some larger ones
    save, uploading the same as the first, while the engine uploads what was saved before
    read            open and take the bytes
    upload          small files, through the signer of the embedded server, until all are there
    download        the same files back, verified
    download, small many of 7 KiB, as many at a time as the kit wants

The first two are floors: what Python's event loop and the way to a worker take, whatever a kit does. Plain
JavaScript is what somebody would write who knows how: a dedicated worker, a synchronous access handle,
`flush`, WebCrypto, `move`, one transaction of IndexedDB in strict durability, and the URLs of all downloads
by one request. It does the same work, but for all that makes a kit: no store, no event, no other tab, no
crash to recover from.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench._common import compare, new_profile
from tests.harness import PyodidePage, open_pyodide_page

ROUNDS = 5
SECONDS = 300.0

ONE_STACK = "delete WebAssembly.Suspending; delete WebAssembly.promising"
"""What the README's page begins with: without it each callback of Python's loop has a stack of its own."""

PLAIN_WORKER = """
const hex = (buffer) =>
  Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
const promised = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});
let incoming, files, database;
async function start() {
  const root = await navigator.storage.getDirectory();
  incoming = await root.getDirectoryHandle("plain-incoming", { create: true });
  files = await root.getDirectoryHandle("plain-files", { create: true });
  const opening = indexedDB.open("plain", 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore("records", { autoIncrement: true });
  database = await promised(opening);
}
async function put(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const digest = crypto.subtle.digest("SHA-256", bytes);
  const handle = await incoming.getFileHandle(crypto.randomUUID(), { create: true });
  const access = await handle.createSyncAccessHandle();
  access.write(bytes);
  access.flush();
  access.close();
  const hash = hex(await digest);
  await handle.move(files, hash);
  return hash;
}
async function record(hashes) {
  const transaction = database.transaction("records", "readwrite", { durability: "strict" });
  const records = transaction.objectStore("records");
  for (const hash of hashes) records.put({ hash, name: "a".repeat(20), path: "a".repeat(200) });
  await new Promise((resolve) => { transaction.oncomplete = resolve; });
  return hashes;
}
async function inTurns(items, width, work) {
  const left = [...items.entries()].reverse(), found = [];
  const one = async () => {
    for (let next; (next = left.pop()); ) found[next[0]] = await work(next[1], next[0]);
  };
  await Promise.all(Array.from({ length: width }, one));
  return found;
}
const json = (url, body, token) => fetch(url, {
  method: "POST", body: JSON.stringify(body),
  headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
}).then((answer) => answer.json());
const signed = async (keys, origin, token) => {
  const found = [];
  for (let at = 0; at < keys.length; at += 100) {
    const requests = keys.slice(at, at + 100).map((key) => ({ op: "download", key }));
    found.push(...(await json(`${origin}/api/v1/batch`, { requests }, token)).results);
  }
  return found;
};
const operations = {
  start,
  nothing: () => null,
  put,
  record,
  save: async (blob) => (await record([await put(blob)]))[0],
  saveAll: async (blobs) => record(await inTurns(blobs, 8, put)),
  read: async (hash) => (await files.getFileHandle(hash)).getFile(),
  remove: (hashes) => Promise.all(hashes.map((hash) => files.removeEntry(hash))),
  upload: ({ keys, hashes, origin, token }) => inTurns(hashes, 4, async (hash, n) => {
    const body = await operations.read(hash);
    const asked = { key: keys[n], contentLength: body.size };
    const { url, method, headers } = await json(`${origin}/api/v1/sign/upload`, asked, token);
    const { status } = await fetch(new URL(url, origin), { method, headers, body });
    if (status > 299) throw new Error(`upload: ${status}`);
  }),
  download: async ({ keys, hashes, origin, token }) => {
    const requests = await signed(keys, origin, token);
    await inTurns(hashes, 4, async (hash, n) => {
      const { url, headers } = requests[n];
      const answer = await fetch(new URL(url, origin), { headers, cache: "no-store" });
      if ((await put(await answer.blob())) !== hash) throw new Error(`download: ${answer.status}`);
    });
  },
};
onmessage = async ({ data: { id, name, argument } }) => {
  try {
    postMessage({ id, value: await operations[name](argument) });
  } catch (error) {
    postMessage({ id, error: String(error) });
  }
};
"""

# All loops of plain JavaScript are in JavaScript.
PLAIN = """(async (workerSource, token) => {
  const worker = new Worker(URL.createObjectURL(new Blob([workerSource])));
  const waiting = new Map();
  let last = 0;
  worker.onmessage = ({ data: { id, value, error } }) => {
    const [resolve, reject] = waiting.get(id);
    waiting.delete(id);
    error === undefined ? resolve(value) : reject(new Error(error));
  };
  const call = (name, argument) => new Promise((resolve, reject) => {
    waiting.set(++last, [resolve, reject]);
    worker.postMessage({ id: last, name, argument });
  });
  await call("start");
  const { origin } = location;
  let hashes = [], keys = [];
  const timed = async (work) => {
    const began = performance.now();
    await work();
    return performance.now() - began;
  };
  return {
    timed,
    files: (count, size) => Array.from({ length: count }, () => {
      const bytes = new Uint8Array(size);
      for (let at = 0; at < size; at += 65536) crypto.getRandomValues(bytes.subarray(at, at + 65536));
      return new File([bytes], "data.bin");
    }),
    turns: (blobs) => timed(async () => {
      const { port1, port2 } = new MessageChannel();
      for (const _blob of blobs) await new Promise((resolve) => {
        port1.onmessage = resolve;
        port2.postMessage(null);
      });
    }),
    one: (operation, blobs) => timed(async () => {
      for (const blob of blobs) await call(operation, operation === "record" ? [blob.name] : blob);
    }),
    all: (blobs) => timed(async () => {
      hashes = await call("saveAll", blobs);
      keys = hashes.map((hash) => `limits/${crypto.randomUUID()}/${hash}`);
    }),
    read: () => timed(async () => {
      for (const hash of hashes) await (await call("read", hash)).arrayBuffer();
    }),
    remove: () => call("remove", hashes),
    upload: () => timed(() => call("upload", { keys, hashes, origin, token })),
    download: () => timed(() => call("download", { keys, hashes, origin, token })),
  };
})"""

OURS = """
import asyncio
import uuid
import js
import filesync_web as fs
from pyodide.code import run_js
from tests.harness.waiting import until
from tests.in_page.client import FILES, SCHEMA, TOKEN

plain = await run_js(PLAIN)(PLAIN_WORKER, TOKEN)
saved = []

async def begin(store_id, at_once=None):
    global store, sync
    store = await fs.open_store(SCHEMA, store_id=store_id, sync=fs.SyncOptions("/sync", auth_token=TOKEN))
    sync = await fs.create_file_sync(
        store, remote=fs.SignerConfig("/api", auth_token=TOKEN), auto_start=False,
        max_concurrent_uploads=at_once, max_concurrent_downloads=at_once,
    )

async def timed(work):
    began = js.performance.now()
    await work
    return js.performance.now() - began

async def turns(files):
    for _ in files:
        await asyncio.sleep(0)

async def messages(files):
    for _ in files:
        await sync._workspace.platform.blobs.worker.run("closeReader", reader=0)

async def put(files):
    for file in files:
        await sync._workspace.platform.blobs.put(file)

async def record(files):
    for _ in files:
        await store.commit(FILES.events.local_file_state_remove(file_id=str(uuid.uuid4())))

async def one_after_another(files):
    for file in files:
        await sync.save_file(file)

async def at_once(files):
    global saved
    saved = await asyncio.gather(*map(sync.save_file, files))

async def read_all():
    for result in saved:
        await (await sync.read_file(result.file_id)).arrayBuffer()

def queued():
    return store.query("SELECT count(*) FROM localFileState WHERE uploadStatus != 'done'")[0][0]

async def queue(files):
    await sync.stop()
    await at_once(files)

async def upload_all():
    sync.start()
    await until(lambda: not queued(), "all is uploaded", timeout=60)

async def while_uploading(files):
    await queue(plain.files(60, 1 << 20))
    sync.start()
    await until(lambda: queued() < 60, "the first upload has ended", timeout=30)
    passed = await timed(one_after_another(files))
    assert queued() > len(files), "the uploads were over before the saves"
    await until(lambda: not queued(), "all is uploaded", timeout=60)
    await sync.stop()
    return passed

async def download_all():
    await sync.stop()
    for result in saved:
        await sync._workspace.platform.blobs.delete(result.content_hash)
    sync.start()
    return await timed(asyncio.gather(*(sync.read_file(result.file_id) for result in saved)))
"""


class Limits:
    """Measures in the page; milliseconds a file."""

    def __init__(self, page: PyodidePage) -> None:
        self._page = page

    def begin(self, store_id: str, at_once: int | None = None) -> None:
        """Open the store that ours use from now on; `at_once` limits its transfers."""
        self._page.run_async(f"await begin({store_id!r}, {at_once})\nNone")

    def measure(self, count: int, kib: int, work: str, prepare: str = "pass") -> float:
        """Do `work` with `files`, new ones; `prepare` is done before that."""
        code = f"files = plain.files({count}, {kib << 10})\n{prepare}\nawait {work}"
        passed: float = self._page.run_async(code)
        return passed / count

    def compare(self, title: str, count: int, kib: int, plain: str, ours: str, *prepare: str) -> None:
        """Print both, and their ratio."""
        print(f"{title}: {count} x {kib} KiB, each", flush=True)
        both = {"plain JavaScript": plain, "filesync-web": ours}
        first = dict(zip(both, prepare, strict=False))
        compare(
            "ms",
            {
                name: partial(self.measure, count, kib, work, first.get(name, "pass"))
                for name, work in both.items()
            },
            ROUNDS,
        )


def report(limits: Limits) -> None:
    limits.begin("limits")  # it uploads nothing
    one, saves = "timed(one_after_another(files))", "plain.one('save', files)"
    limits.compare("turn", 1000, 0, "plain.turns(files)", "timed(turns(files))")
    limits.compare("message", 200, 0, "plain.one('nothing', files)", "timed(messages(files))")
    limits.compare("bytes", 40, 64, "plain.one('put', files)", "timed(put(files))")
    limits.compare("record", 40, 0, "plain.one('record', files)", "timed(record(files))")
    limits.compare("save", 40, 64, saves, one)
    limits.compare("save at once", 200, 64, "plain.all(files)", "timed(at_once(files))")
    limits.compare("save at once", 20, 5 << 10, "plain.all(files)", "timed(at_once(files))")
    keep = ("await plain.all(files)", "await at_once(files)")
    limits.compare("read", 40, 64, "plain.read()", "timed(read_all())", *keep)
    limits.begin("limits-transfers", 4)
    limits.compare("save, uploading", 20, 64, saves, "while_uploading(files)")
    queued = ("await plain.all(files)", "await queue(files)")
    limits.compare("upload", 40, 64, "plain.upload()", "timed(upload_all())", *queued)
    there = (f"{queued[0]}\nawait plain.upload()\nawait plain.remove()", f"{queued[1]}\nawait upload_all()")
    limits.compare("download", 40, 64, "plain.download()", "download_all()", *there)
    limits.begin("limits-small")
    limits.compare("download, small", 300, 7, "plain.download()", "download_all()", *there)


def main() -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        context = new_profile(stack, folder).open()
        context.add_init_script(ONE_STACK)
        page = open_pyodide_page(context)
        page.set_script_timeout(SECONDS)
        page.run_async(f"PLAIN, PLAIN_WORKER = {PLAIN!r}, {PLAIN_WORKER!r}\n{OURS}")
        report(Limits(page))


if __name__ == "__main__":
    main()

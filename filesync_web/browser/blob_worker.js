// needs: content_types.js incoming.js opfs.js progress.js
//
// The dedicated worker of one blob store: it moves all bytes, so that neither Python nor the page's thread does.
//
// Messages in:  {id, op, args}          start a job
//               {id, chunk}             the next bytes of a `put` whose source is pumped; null at the end
//               {id, abort: true}       stop: a `put` removes its temporary file, a `download` keeps it for later
// Messages out: {id, taken: chunk}      it is written, the next one may come, in the same buffer
//               {id, progress: [done, total]}
//               {id, value} or {id, error: {type, message, ...}}   the end

const PARTIAL_LIFETIME = 7 * 24 * 3600 * 1000; // milliseconds that a broken download is worth keeping
const PIECE_SIZE = 1 << 20; // bytes of a stream that are read at once
const ROOM_TO_ASK_FOR = 1 << 20; // bytes; smaller files are just written

const jobs = new Map();

class Job {
  constructor(id) {
    this.id = id;
    this.abort = new AbortController();
    this.signal = this.abort.signal;
    this.progress = throttled((done, total) => postMessage({ id, progress: [done, total ?? 0] }));
    this.chunks = [];
  }

  // The chunks that are posted; at most one waits here.
  async *received() {
    for (;;) {
      const chunk = this.chunks.length ? this.chunks.shift() : await this.#next();
      if (chunk === null) return;
      yield chunk;
      postMessage({ id: this.id, taken: chunk }, [chunk.buffer]);
    }
  }

  #next() {
    return new Promise((resolve, reject) => {
      this.signal.throwIfAborted();
      this.signal.addEventListener("abort", () => reject(this.signal.reason), { once: true });
      this.wake = () => resolve(this.chunks.shift());
    });
  }
}

// Do `work` while no other job, here or in another tab, works under that name. An abort ends the waiting for the lock,
// but not the work, which looks after itself. Chromium forgets an abort that comes right after the request.
function withLock(job, storeId, name, work) {
  return new Promise((resolve, reject) => {
    let waiting = true;
    const stop = () => waiting && reject(job.signal.reason);
    const hold = () => {
      waiting = false;
      return job.signal.aborted ? undefined : work();
    };
    job.signal.addEventListener("abort", stop);
    navigator.locks.request(lockName(storeId, name), { signal: job.signal }, hold).then(resolve, reject);
  });
}

async function checkRoom(needed) {
  if (!(needed >= ROOM_TO_ASK_FOR) || !navigator.storage.estimate) return;
  const { quota, usage } = await navigator.storage.estimate();
  if (quota !== undefined && quota - usage < needed)
    throw new Failure("QuotaExceededError", `this device has room for ${quota - usage} more bytes, but ${needed} are needed`);
}

// Read a stream to its end, into one buffer wherever the browser can: what waits to be collected takes memory too.
// `describe` makes the error of a stream that fails.
async function* piecesOf(job, stream, describe) {
  let buffer = null;
  let reader;
  try {
    reader = stream.getReader({ mode: "byob" });
    buffer = new ArrayBuffer(PIECE_SIZE);
  } catch {
    reader = stream.getReader();
  }
  // Chromium collects a stream that only a pending read refers to, and the read never ends (so did WebKit).
  job.reading = { stream, reader };
  const fail = (error) => {
    throw describe(error);
  };
  try {
    for (;;) {
      const { done, value } = await (buffer ? reader.read(new Uint8Array(buffer)) : reader.read()).catch(fail);
      if (done) return;
      yield value;
      if (buffer) buffer = value.buffer;
    }
  } finally {
    job.reading = null;
    reader.cancel().catch(() => {});
  }
}

// --- put -------------------------------------------------------------------------------------------------------------

const unreadable = (error) =>
  new Failure("StorageError", `the file cannot be read; was it moved or changed? (${error.name}: ${error.message})`);

async function put(job, { storeId, source, size, mimeType }) {
  await checkRoom(size);
  const name = `put-${crypto.randomUUID()}`;
  return withLock(job, storeId, name, async () => {
    const folder = await makeFolder(INCOMING_ROOT, storeId);
    let incoming = null;
    try {
      incoming = await Incoming.create(folder, name, size);
      for await (const chunk of source ? piecesOf(job, source.stream(), unreadable) : job.received()) {
        job.signal.throwIfAborted();
        await incoming.append(chunk);
        job.progress.report(incoming.size, size);
      }
      if (incoming.size !== (size ?? incoming.size))
        throw new Failure("StorageError", `the source changed while it was read: it gave ${incoming.size} bytes instead of ${size}; nothing was stored`);
      await incoming.finish();
      return await publish(incoming, storeId, mimeType);
    } catch (error) {
      await (incoming ? incoming.discard() : folder.removeEntry(name).catch(orNull));
      throw error;
    }
  });
}

// --- download --------------------------------------------------------------------------------------------------------

// A partial download is called get-<hash>.<its strong ETag in hex, or nothing>.
const etagInHex = (etag) =>
  etag?.startsWith('"') && etag.length <= 80
    ? Array.from(new TextEncoder().encode(etag), (byte) => byte.toString(16).padStart(2, "0")).join("")
    : "";
const etagFromHex = (hex) =>
  new TextDecoder().decode(Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)));

async function findPartial(folder, hash) {
  for await (const name of folder.keys()) if (name.startsWith(`get-${hash}.`)) return name;
  return null;
}

async function download(job, args) {
  const { storeId, hash, size } = args;
  return withLock(job, storeId, `get-${hash}`, async () => {
    const present = await findBlob(storeId, hash);
    if (present) return { hash, size: present.size };
    const transfer = new Download(job, args, await makeFolder(INCOMING_ROOT, storeId));
    try {
      await transfer.open();
      if (!transfer.incoming || transfer.incoming.size !== size) await transfer.fetch();
      return await transfer.verify();
    } catch (error) {
      await transfer.end(error);
      throw error;
    }
  });
}

class Download {
  constructor(job, args, folder) {
    Object.assign(this, { job, args, folder, incoming: null, etag: "" });
  }

  // Take up what an earlier try left.
  async open() {
    const { hash, size } = this.args;
    const name = await findPartial(this.folder, hash);
    if (name === null) return;
    this.incoming = await Incoming.resume(this.folder, name, size, this.job.signal);
    this.etag = etagFromHex(name.slice(`get-${hash}.`.length));
    if (this.incoming.size === 0 || this.incoming.size > (size ?? Infinity)) await this.restart();
  }

  async restart() {
    await this.incoming?.discard();
    this.incoming = null;
  }

  async fetch() {
    const { size, stallTimeout, url } = this.args;
    await checkRoom(size - (this.incoming?.size ?? 0));
    const stop = new AbortController();
    const signal = AbortSignal.any([this.job.signal, stop.signal]);
    const watch = stallWatch(stallTimeout, () =>
      stop.abort(new Failure("StallError", `${shown(url)}: no byte came for ${stallTimeout} seconds`)));
    try {
      await this.receive(await this.request(signal), watch, signal);
    } finally {
      watch.stop();
      stop.abort(); // lets go of a connection that still sends
    }
  }

  // Ask for what is missing. A store that allows no If-Range across origins is asked without: the hash decides anyway.
  async request(signal) {
    const { url, headers, credentials } = this.args;
    const from = this.incoming?.size;
    const conditions = from ? [{ range: `bytes=${from}-` }] : [{}];
    if (from && this.etag) conditions.unshift({ ...conditions[0], "if-range": this.etag });
    for (const [index, condition] of conditions.entries()) {
      try {
        const init = { headers: { ...headers, ...condition }, credentials, cache: "no-store", signal };
        return await this.accept(await fetch(url, init), signal);
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        if (error instanceof Failure) throw error;
        if (index === conditions.length - 1) throw networkFailure(url, error);
      }
    }
  }

  // The answer that can be received; decides whether it goes on from the partial file or begins anew.
  async accept(response, signal) {
    const { url, hash } = this.args;
    if (response.status === 416 && this.incoming) {
      await this.restart();
      return this.request(signal);
    }
    if (response.status !== 200 && response.status !== 206)
      throw new Failure("status", `downloading ${hash} from ${shown(url)}`, { status: response.status, headers: Object.fromEntries(response.headers) });
    if (response.status === 206 && this.incoming) {
      const range = response.headers.get("content-range"); // hidden across origins unless the store exposes it
      if (range === null || range.startsWith(`bytes ${this.incoming.size}-`)) return response;
      throw new Failure("IntegrityError", `${shown(url)}: the server sent ${range} when asked for the bytes from ${this.incoming.size}`);
    }
    await this.restart();
    const name = `get-${hash}.${etagInHex(response.headers.get("etag"))}`;
    this.incoming = await Incoming.create(this.folder, name, this.args.size);
    return response;
  }

  async receive(response, watch, signal) {
    const { url, size } = this.args;
    const broken = (error) => (signal.aborted ? signal.reason : networkFailure(url, error));
    for await (const piece of piecesOf(this.job, response.body, broken)) {
      signal.throwIfAborted();
      watch.touch();
      await this.incoming.append(piece);
      this.job.progress.report(this.incoming.size, size);
      if (this.incoming.size > (size ?? Infinity))
        throw new Failure("IntegrityError", `${shown(url)}: more than the ${size} bytes that were promised arrived`);
    }
    if (this.incoming.size < (size ?? 0))
      throw new Failure("NetworkError", `${shown(url)}: the answer broke off after ${this.incoming.size} of ${size} bytes`);
  }

  async verify() {
    const { storeId, hash, mimeType, url } = this.args;
    await this.incoming.finish();
    if (this.incoming.hash !== hash)
      throw new Failure("IntegrityError", `${shown(url)}: the bytes have the hash ${this.incoming.hash} instead of ${hash}; they were discarded`);
    return publish(this.incoming, storeId, mimeType);
  }

  // Keep what is worth going on from, discard what is wrong or has no room.
  async end(error) {
    if (!this.incoming) return;
    const { type } = describeError(error);
    const resumable = ["NetworkError", "StallError", "Cancelled", "status"].includes(type);
    if (resumable && this.incoming.size && this.incoming.hash === null) await this.incoming.keep();
    else await this.incoming.discard();
  }
}

// The query of a signed URL is a secret: it is shown to nobody.
const shown = (url) => url.split("?", 1)[0];

const networkFailure = (url, error) => new Failure("NetworkError", `${shown(url)}: the connection failed (${error.message})`);

function stallWatch(seconds, onStall) {
  let timer = setTimeout(onStall, seconds * 1000);
  return {
    touch() {
      clearTimeout(timer);
      timer = setTimeout(onStall, seconds * 1000);
    },
    stop() {
      clearTimeout(timer);
    },
  };
}

// --- the rest ----------------------------------------------------------------------------------------------------------

async function list(job, { storeId }) {
  const folder = await findFolder(FILES_ROOT, storeId);
  const handles = [];
  if (folder) for await (const [name, handle] of folder.entries()) if (/^[0-9a-f]{64}$/.test(name)) handles.push(handle);
  const sizes = {};
  const worker = async () => {
    for (let handle; (handle = handles.pop()); ) {
      const file = await handle.getFile().catch(orNull);
      if (file) sizes[handle.name] = file.size;
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  return JSON.stringify(sizes);
}

async function remove(job, { storeId, hash }) {
  await withLock(job, storeId, hash, async () => {
    const folder = await findFolder(FILES_ROOT, storeId);
    await folder?.removeEntry(hash).catch(orNull);
    await deleteContentType(storeId, hash);
  });
}

async function sweep(job, { storeId }) {
  const folder = await findFolder(INCOMING_ROOT, storeId);
  if (!folder) return 0;
  let removed = 0;
  for (const [name, handle] of await Array.fromAsync(folder.entries())) {
    const [owner] = name.split(".");
    await navigator.locks.request(lockName(storeId, owner), { ifAvailable: true }, async (lock) => {
      const file = lock && (await handle.getFile().catch(orNull));
      if (!file || (owner.startsWith("get-") && Date.now() - file.lastModified < PARTIAL_LIFETIME)) return;
      await folder.removeEntry(name).catch(orNull);
      removed += 1;
    });
  }
  return removed;
}

// Whether a file of that size can be made now; null where no synchronous handle can tell.
async function reserve(job, { storeId, size }) {
  const folder = await makeFolder(INCOMING_ROOT, storeId);
  const name = `room-${crypto.randomUUID()}`;
  return withLock(job, storeId, name, async () => {
    const handle = await folder.getFileHandle(name, { create: true });
    const access = await handle.createSyncAccessHandle?.().catch(() => null); // no such handle: nobody can tell
    try {
      access?.truncate(size);
      return access ? access.getSize() === size : null;
    } catch (error) {
      if (error.name !== "QuotaExceededError") throw error;
      return false;
    } finally {
      access?.truncate(0);
      access?.close();
      await folder.removeEntry(name).catch(orNull);
    }
  });
}

const operations = { put, download, list, remove, reserve, sweep };

async function run(job, op, args) {
  const answer = { id: job.id };
  try {
    answer.value = await operations[op](job, args);
  } catch (error) {
    answer.error = describeError(error);
  }
  jobs.delete(job.id);
  job.progress.flush();
  postMessage(answer);
}

onmessage = ({ data }) => {
  if (data.op) {
    const job = new Job(data.id);
    jobs.set(data.id, job);
    run(job, data.op, data.args);
    return;
  }
  const job = jobs.get(data.id);
  if (!job) return; // it has ended in the meantime
  if (data.abort) job.abort.abort();
  else {
    job.chunks.push(data.chunk);
    job.wake?.();
  }
};

// needs: opfs.js
//
// The page's side of the blob store: starts the worker, talks to it, and makes what only the page can make.
/* exported BlobClient, openBlob, readHeader, decodedSize, storageStatus, requestPersistence */

const PUMP_SIZE = 1 << 20; // bytes that travel to the worker at once

class Job {
  constructor(post, onProgress) {
    this.post = post;
    this.onProgress = onProgress;
    this.done = new Promise((resolve) => (this.resolve = resolve));
  }

  // Hand over the next bytes of a pumped `put`. Resolves with the array, to be filled again, when they are written;
  // with null when the job has ended and wants no more.
  async give(bytes) {
    if (this.ended) return null;
    const taken = new Promise((resolve) => (this.taken = resolve));
    this.post({ chunk: bytes }, [bytes.buffer]);
    return taken;
  }

  finish() {
    this.post({ chunk: null });
  }

  // Stop; `failure` becomes the error, once the worker has cleaned up.
  abort(failure = null) {
    this.failure = failure;
    this.post({ abort: true });
  }

  receive(message) {
    if (message.taken) this.taken(message.taken);
    else if (message.progress) this.onProgress?.(...message.progress);
    else this.end(message);
  }

  // Resolve with {value} or {error}; never reject, since Python looks at `error`.
  end(answer) {
    this.ended = true;
    this.taken?.(null);
    this.resolve(this.failure ? { error: this.failure } : answer);
  }
}

class BlobClient {
  #worker = null;
  #jobs = new Map();
  #lastId = 0;
  #urls = new Map(); // of each hash: its URL, and the file that it is of

  constructor(storeId, workerSource) {
    this.storeId = storeId;
    this.workerSource = workerSource;
  }

  start(op, args = {}, onProgress = null) {
    const id = (this.#lastId += 1);
    const job = new Job((message, transfer) => this.#worker?.postMessage({ id, ...message }, transfer), onProgress);
    this.#jobs.set(id, job);
    job.done.then(() => this.#jobs.delete(id));
    try {
      this.#worker ??= this.#startWorker();
      this.#worker.postMessage({ id, op, args: { storeId: this.storeId, ...args } });
    } catch (error) {
      job.end({ error: describeError(error) });
    }
    return job;
  }

  // `source` is a Blob, an array of bytes or a ReadableStream; null when Python gives the chunks.
  put(source, size, mimeType, onProgress) {
    const kind = source && describeSource(source).kind;
    const job = this.start("put", { source: kind === "blob" ? source : null, size, mimeType }, onProgress);
    if (kind === "bytes") pumpBytes(job, source);
    if (kind === "stream") pumpStream(job, source);
    return job;
  }

  download(url, headers, options, onProgress) {
    // A worker made of a Blob URL has no base that a relative URL could be resolved against.
    const base = location.protocol === "blob:" ? location.origin : location.href;
    const args = { ...JSON.parse(options), url: new URL(url, base).href, headers: JSON.parse(headers) };
    return this.start("download", args, onProgress);
  }

  // The object URL of a blob, or null. Another tab may have removed the file, or put another in its place, which the
  // browser does not serve at the old URL.
  async url(hash, type) {
    const file = await findBlob(this.storeId, hash);
    const made = this.#urls.get(hash);
    if (file && made?.file.lastModified === file.lastModified && made.file.size === file.size) return made.url;
    this.revokeUrl(hash);
    if (!file) return null;
    const url = URL.createObjectURL(namedFile(file, hash, type));
    this.#urls.set(hash, { url, file });
    return url;
  }

  revokeUrl(hash) {
    URL.revokeObjectURL(this.#urls.get(hash)?.url);
    this.#urls.delete(hash);
  }

  close() {
    for (const hash of [...this.#urls.keys()]) this.revokeUrl(hash);
    this.#worker?.terminate();
    this.#worker = null;
    for (const job of this.#jobs.values()) job.end({ error: { type: "StorageError", message: "the blob store was closed" } });
  }

  #startWorker() {
    const url = URL.createObjectURL(new Blob([this.workerSource], { type: "text/javascript" }));
    const worker = new Worker(url, { name: `filesync-web blobs of ${this.storeId}` });
    let started = false;
    worker.onmessage = ({ data }) => {
      if (!started) URL.revokeObjectURL(url);
      started = true;
      this.#jobs.get(data.id)?.receive(data);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      const error = started
        ? { type: "StorageError", message: `the worker that writes files failed: ${event.message}` }
        : { type: "StorageUnavailableError", message: "the worker that writes files could not start: does the page's Content-Security-Policy allow worker-src blob:?" };
      worker.terminate();
      this.#worker = null;
      for (const job of this.#jobs.values()) job.end({ error });
    };
    return worker;
  }
}

// "Blob" of a Blob, "Number" of a number, and so on; of objects of other windows too.
const tagOf = (value) => Object.prototype.toString.call(value).slice("[object ".length, -1);

// What a JavaScript source says of itself, or null for what is none.
function describeSource(source) {
  const tag = tagOf(source);
  if (tag === "File" || tag === "Blob")
    return { kind: "blob", name: source.name ?? "", type: source.type, size: source.size };
  if (ArrayBuffer.isView(source) || tag === "ArrayBuffer")
    return { kind: "bytes", name: "", type: "", size: source.byteLength };
  if (tag === "ReadableStream") return { kind: "stream", name: "", type: "", size: null };
  return null;
}

const bytesOf = (data) =>
  ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data);

// Copies of at most PUMP_SIZE; the original is the caller's and stays usable. False when the job has ended.
async function giveAll(job, data) {
  const bytes = bytesOf(data);
  for (let at = 0; at < bytes.length; at += PUMP_SIZE) {
    const piece = bytes.subarray(at, at + PUMP_SIZE);
    const copy = job.spare?.length === piece.length ? job.spare : new Uint8Array(piece.length);
    copy.set(piece);
    job.spare = await job.give(copy);
    if (!job.spare) return false;
  }
  return true;
}

async function pumpBytes(job, data) {
  try {
    if (await giveAll(job, data)) job.finish();
  } catch (error) {
    job.abort({ type: "StorageError", message: `the bytes cannot be read; were they transferred? (${error.message})` });
  }
}

async function pumpStream(job, stream) {
  let reader;
  const fail = (type, message) => {
    job.abort({ type, message });
    reader?.cancel().catch(() => {});
  };
  try {
    reader = stream.getReader();
    job.reading = { stream, reader }; // see piecesOf in blob_worker.js
    for (;;) {
      // The job may end while the stream gives nothing.
      const step = await Promise.race([reader.read(), job.done]);
      if (job.ended) return void reader.cancel().catch(() => {});
      if (step.done) return job.finish();
      if (describeSource(step.value)?.kind !== "bytes")
        return fail("InvalidArgumentError", `the stream gave a ${tagOf(step.value)} instead of bytes`);
      await giveAll(job, step.value);
    }
  } catch (error) {
    fail("StorageError", `the stream failed: ${error?.message ?? error}`);
  }
}

const namedFile = (file, name, type) => new File([file], name, { type, lastModified: file.lastModified });

async function openBlob(storeId, hash, name, type) {
  const file = await findBlob(storeId, hash);
  return file && namedFile(file, name, type);
}

// The first bytes of a blob, or null.
async function readHeader(storeId, hash, size) {
  const file = await findBlob(storeId, hash);
  return file && new Uint8Array(await file.slice(0, size).arrayBuffer());
}

// Width and height, or null; decodes the image, unless the file is larger than the limit.
async function decodedSize(storeId, hash, limit, type) {
  const file = await findBlob(storeId, hash);
  if (!file || file.size > limit) return null;
  try {
    const bitmap = await createImageBitmap(new Blob([file], { type }));
    const size = [bitmap.width, bitmap.height];
    bitmap.close();
    return size;
  } catch {
    return null; // no image, or none that this browser knows
  }
}

async function storageStatus() {
  const status = { available: false, persisted: null, usage: null, quota: null };
  try {
    await storageRoot();
    status.available = true;
    status.persisted = (await navigator.storage.persisted?.()) ?? null;
    Object.assign(status, await navigator.storage.estimate?.());
  } catch {
    // What could be found out is in the status.
  }
  return JSON.stringify(status);
}

const requestPersistence = async () => (navigator.storage?.persist ? navigator.storage.persist() : null);

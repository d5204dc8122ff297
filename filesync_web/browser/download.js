// needs: content_types.js failures.js incoming.js locks.js opfs.js streams.js temporaries.js
//
// Downloads, which go on where an earlier try broke off, also before a reload.

// A partial download is called get-<hash>.<its strong ETag in hex, or nothing>.
const hashInName = (name) => name.slice("get-".length).split(".", 1)[0];
const etagInHex = (etag) =>
  etag?.startsWith('"') && etag.length <= 80
    ? Array.from(new TextEncoder().encode(etag), (byte) => byte.toString(16).padStart(2, "0")).join("")
    : "";
const etagFromHex = (hex) =>
  new TextDecoder().decode(Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)));

// Content of no more bytes is gathered in memory, and written in one piece when it is all there and right.
const LARGEST_GATHERED = 64 << 10;
const isSmall = (size) => (size ?? Infinity) <= LARGEST_GATHERED;

class Gathered {
  constructor(storeId, folder, name) {
    Object.assign(this, { storeId, folder, name, pieces: [], size: 0, hash: null, writing: null });
  }

  async append(bytes) {
    this.pieces.push(bytes.slice()); // the next ones are read into the same buffer
    this.size += bytes.length;
  }

  async checkpoint() {} // so few bytes come again

  async finish() {
    this.hash = await digestOf(joined(this.pieces, this.size));
  }

  // A promise of a temporary file with the bytes, closed. Its name is this worker's own, so that nobody else writes to it.
  written() {
    return (this.writing ??= this.#write());
  }

  async #write() {
    const incoming = await createIncoming(this.storeId, this.size);
    try {
      for (const piece of this.pieces) await incoming.append(piece);
      await incoming.close();
      return incoming;
    } catch (error) {
      await incoming.discard();
      throw error;
    }
  }

  // Leave what has come for a later `resume`.
  async keep() {
    const incoming = await this.written();
    (await partials.get(this.storeId))?.add(hashInName(this.name));
    await incoming.handle.move(this.folder, this.name).catch(() => incoming.discard()); // somebody else goes on with another
  }

  async discard() {
    await this.writing?.then((incoming) => incoming.discard(), () => {});
  }
}

function joined(pieces, size) {
  if (pieces.length === 1) return pieces[0];
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

const findPartial = async (folder, hash) =>
  (await Array.fromAsync(folder.keys())).find((name) => name.startsWith(`get-${hash}.`)) ?? null;

const partials = new Map(); // by store: a promise of the hashes of which there may be a partial download

// Whether an earlier try may have left some of that content: one that broke off here, or before this worker began. The folder
// is read once, not for each of many small downloads.
async function mayHavePartial(storeId, hash) {
  if (!partials.has(storeId)) partials.set(storeId, inFolder(INCOMING_ROOT, storeId, hashesOfPartials));
  const found = partials.get(storeId);
  found.catch(() => partials.delete(storeId));
  return (await found).has(hash);
}

async function hashesOfPartials(folder) {
  const names = await Array.fromAsync(folder.keys());
  return new Set(names.filter((name) => name.startsWith("get-")).map(hashInName));
}

// The lock keeps two jobs, also of two tabs, from writing one partial file, and a sweep from removing it. Small content that
// has none needs no lock: it is written when it is right, to a file of its own. Two tabs may then both ask for it, which
// only happens while one takes over from the other.
async function download(job, args) {
  const { storeId, hash, size, mimeType } = args;
  const locked = () => withLock(job, storeId, `get-${hash}`, () => receive(job, args, true));
  if (!isSmall(size)) return locked();
  return alone(job, lockName(storeId, hash), () =>
    expectingContentType(storeId, hash, mimeType, async () =>
      (await mayHavePartial(storeId, hash)) ? locked() : receive(job, args, false)));
}

const underWay = new Map(); // by name: a promise of the end of the work under that name, which never fails

// Do `work` when no other of this worker runs under that name. An abort ends the waiting.
async function alone(job, name, work) {
  const aborted = new Promise((resolve) => job.signal.addEventListener("abort", resolve));
  while (underWay.has(name)) {
    await Promise.race([underWay.get(name), aborted]);
    job.signal.throwIfAborted();
  }
  const result = work();
  underWay.set(name, result.catch(() => {}).finally(() => underWay.delete(name)));
  return result;
}

async function receive(job, args, mayResume) {
  const { storeId, hash, size } = args;
  const present = await inFolder(FILES_ROOT, storeId, (folder) => fileIn(folder, hash));
  if (present) return { hash, size: present.size };
  return inFolder(INCOMING_ROOT, storeId, async (folder) => {
    const transfer = new Download(job, args, folder);
    try {
      if (mayResume) await transfer.open();
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
    const { storeId, size } = this.args;
    this.incoming = isSmall(size) ? new Gathered(storeId, this.folder, name) : await Incoming.create(this.folder, name, size);
    return response;
  }

  async receive(response, watch, signal) {
    const { url, size } = this.args;
    const broken = (error) => (signal.aborted ? signal.reason : networkFailure(url, error));
    for await (const piece of piecesOf(response.body, broken, size)) {
      signal.throwIfAborted();
      watch.touch();
      await this.incoming.append(piece);
      await this.incoming.checkpoint();
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
    const closing = this.incoming instanceof Gathered ? this.incoming.written() : Promise.resolve(this.incoming);
    closing.catch(() => {}); // `publish` is told
    return publish(storeId, hash, mimeType, closing);
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

const networkFailure = (url, error) => new Failure("NetworkError", `${shown(url)}: the connection failed (${error?.message ?? error})`);

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

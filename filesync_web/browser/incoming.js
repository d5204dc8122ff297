// needs: content_types.js failures.js locks.js opfs.js sha256.js streams.js
//
// Bytes on their way into the store: a temporary file that is hashed, and then published under its hash.
//
// Content that is known to be small is hashed by WebCrypto, in one piece: that is several times as fast as hashing while it
// is written, which everything else is. What is smaller still is read once, and hashed and written from the same buffer.
//
// The writer is a synchronous access handle, which writes in place and lets only one writer in. Where there is none
// (WebKitGTK), it is a writable stream: that one keeps its bytes aside until it is closed. So a long download is closed now
// and then, and opened anew, which copies what is there: whenever it has doubled, so that all copies together are no more
// than twice its bytes, and half of what has come survives the end of this worker.

const FIRST_CHECKPOINT = 4 << 20; // bytes
const LARGEST_DIGEST = 32 << 20; // bytes that WebCrypto gets in one piece
const LARGEST_WHOLE = 8 << 20; // bytes of a content that is written in one piece

class SyncWriter {
  static async open(handle) {
    const writer = new SyncWriter();
    writer.access = await handle.createSyncAccessHandle();
    return writer;
  }

  get size() {
    return this.access.getSize();
  }

  async write(bytes, at) {
    for (let done = 0; done < bytes.length; ) {
      const rest = done ? bytes.subarray(done) : bytes;
      const written = this.access.write(rest, { at: at + done });
      // Without a profile on disk, Chromium returns its error code, as a huge number, where it should throw.
      if (!(written > 0 && written <= rest.length))
        throw new Failure("QuotaExceededError", "this device has no room for the bytes: the file could not grow");
      done += written;
    }
  }

  async checkpoint() {} // it is in the file

  async close() {
    this.access.flush(); // durable before it is published
    this.access.close();
  }

  async abandon() {
    this.access.close();
  }
}

class StreamWriter {
  static async open(handle) {
    const writer = new StreamWriter();
    writer.handle = handle;
    writer.size = (await handle.getFile()).size;
    await writer.begin();
    return writer;
  }

  async begin() {
    this.kept = this.size;
    this.stream = await this.handle.createWritable({ keepExistingData: this.kept > 0 });
  }

  async write(bytes, at) {
    const isWhole = bytes.length === bytes.buffer.byteLength; // of a part of a buffer, WebKit would write all
    await this.stream.write({ type: "write", position: at, data: isWhole ? bytes : bytes.slice() });
    this.size = Math.max(this.size, at + bytes.length);
  }

  async checkpoint() {
    if (this.size < Math.max(FIRST_CHECKPOINT, 2 * this.kept)) return;
    await this.stream.close();
    await this.begin();
  }

  async close() {
    await this.stream.close();
  }

  async abandon() {
    await this.stream.abort();
  }
}

let writesInPlace = null; // a promise, once it was tried

// Whether this worker gets synchronous access handles. It is tried on a file of its own: where they are refused, as in
// WebKitGTK, the file stays locked for good, and no stream can write to it either.
async function tryWritingInPlace(folder) {
  if (!globalThis.FileSystemFileHandle?.prototype.createSyncAccessHandle) return false;
  const name = `try-${crypto.randomUUID()}`;
  return navigator.locks.request(lockName(folder.name, name), async () => {
    const handle = await folder.getFileHandle(name, { create: true });
    try {
      (await handle.createSyncAccessHandle()).close();
      return true;
    } catch (error) {
      if (error?.name === "NotSupportedError") return false;
      throw error;
    } finally {
      await folder.removeEntry(name).catch(() => {}); // when it stays locked, a later sweep can
    }
  });
}

function canWriteInPlace(folder) {
  writesInPlace ??= tryWritingInPlace(folder).catch((error) => {
    writesInPlace = null;
    throw error;
  });
  return writesInPlace;
}

async function openWriter(folder, handle) {
  return ((await canWriteInPlace(folder)) ? SyncWriter : StreamWriter).open(handle);
}

class Incoming {
  // A new temporary file. `expected` is the size that the content will have, undefined or null when it is not known.
  static async create(folder, name, expected) {
    const handle = await folder.getFileHandle(name, { create: true });
    const sha = (expected ?? Infinity) <= LARGEST_DIGEST ? null : new Sha256();
    const incoming = Object.assign(new Incoming(), { folder, name, handle, sha, size: 0, hash: null, isClosed: false });
    incoming.writer = await openWriter(folder, handle);
    return incoming;
  }

  // Go on with the temporary file of that name, whose bytes are the beginning.
  static async resume(folder, name, expected, signal) {
    const present = await (await folder.getFileHandle(name)).getFile();
    const incoming = await Incoming.create(folder, name, expected);
    try {
      if (incoming.sha) await updateFrom(incoming.sha, present, signal);
      incoming.size = present.size;
      return incoming;
    } catch (error) {
      await incoming.keep();
      throw error;
    }
  }

  append(bytes) {
    return this.write(bytes, this.size);
  }

  // Write anywhere. What does not come in order is hashed at the end.
  async write(bytes, at) {
    if (at !== this.size) this.sha = null;
    await this.writer.write(bytes, at);
    this.sha?.update(bytes);
    this.size = Math.max(this.size, at + bytes.length);
  }

  // Let most of the bytes survive the end of this worker.
  checkpoint() {
    return this.writer.checkpoint();
  }

  // Make the bytes durable; nothing can be added then.
  async close() {
    if (this.isClosed) return;
    if (this.writer.size !== this.size)
      throw new Failure("StorageError", `the file has ${this.writer.size} bytes after ${this.size} were written to it`);
    await this.writer.close();
    this.isClosed = true;
  }

  // The same; then `hash` is known.
  async finish() {
    await this.close();
    this.hash = this.sha ? this.sha.hex() : await this.#digest();
  }

  // Somebody else has written the file: take its size and hash.
  async readAgain() {
    this.size = (await this.handle.getFile()).size;
    this.hash = await this.#digest();
  }

  async #digest() {
    const file = await this.handle.getFile();
    if (file.size <= LARGEST_DIGEST) return inMemory(file.size, async () => digestOf(await file.arrayBuffer()));
    const sha = new Sha256();
    await updateFrom(sha, file);
    return sha.hex();
  }

  // Leave the bytes where they are, for a later `resume`.
  async keep() {
    await this.writer.close();
  }

  async discard() {
    if (!this.isClosed) await this.writer.abandon().catch(() => {});
    await this.folder.removeEntry(this.name).catch(orNull);
  }
}

async function updateFrom(sha, file, signal) {
  for await (const bytes of piecesOf(file.stream(), (error) => error, file.size)) {
    signal?.throwIfAborted();
    sha.update(bytes);
  }
}

const hexOf = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");

const digestOf = async (bytes) => hexOf(await crypto.subtle.digest("SHA-256", bytes));

const memory = { free: LARGEST_DIGEST, line: [] };

// Do `work` that holds so many bytes in memory, when those before have left room for it: there are never more than
// LARGEST_DIGEST in all.
async function inMemory(size, work) {
  if (memory.line.length || memory.free < size) await new Promise((go) => memory.line.push({ size, go }));
  else memory.free -= size;
  try {
    return await work();
  } finally {
    memory.free += size;
    while (memory.line.length && memory.line[0].size <= memory.free) {
      const next = memory.line.shift();
      memory.free -= next.size;
      next.go();
    }
  }
}

// Move a temporary file to its hash, as soon as `writing` gives it with all its bytes; a file that is there already stays as it
// is. The type is known first: no published file is without. It is written while the bytes are made durable, which takes the
// thread some time.
async function publish(storeId, hash, mimeType, writing) {
  let size;
  await navigator.locks.request(lockName(storeId, hash), () =>
    inFolder(FILES_ROOT, storeId, async (target) => {
      const typing = mimeType ? writeContentType(storeId, hash, mimeType) : Promise.resolve();
      typing.catch(() => {}); // it is awaited below
      const present = await fileIn(target, hash);
      const incoming = await writing;
      ({ size } = incoming);
      const isPresent = present?.size === size;
      await (isPresent ? incoming.discard() : incoming.close());
      await typing;
      if (!isPresent) await incoming.handle.move(target, hash);
    }));
  return { hash, size };
}

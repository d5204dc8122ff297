// Bytes on their way into the store: a temporary file that is hashed, and then published under its hash.
//
// Content that is known to be small is hashed by WebCrypto, in one piece, when it is all there: that is several times as
// fast as hashing while it is written, which everything else is.
//
// The writer is a synchronous access handle, which writes in place and lets only one writer in. Where there is none
// (WebKitGTK), it is a writable stream: that one keeps its bytes aside until it is closed.
"use strict";

const READ_SIZE = 1 << 20;
const LARGEST_DIGEST = 64 << 20; // bytes that WebCrypto gets in one piece

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
      const written = this.access.write(done ? bytes.subarray(done) : bytes, { at: at + done });
      if (!written) throw new Failure("QuotaExceededError", "this device has no room for the bytes: the file could not grow");
      done += written;
    }
  }

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
    writer.size = (await handle.getFile()).size;
    writer.stream = await handle.createWritable({ keepExistingData: writer.size > 0 });
    return writer;
  }

  async write(bytes, at) {
    await this.stream.write({ type: "write", position: at, data: bytes });
  }

  async close() {
    await this.stream.close();
  }

  async abandon() {
    await this.stream.abort();
  }
}

async function openWriter(handle) {
  if (handle.createSyncAccessHandle) {
    try {
      return await SyncWriter.open(handle);
    } catch (error) {
      if (error.name !== "NotSupportedError") throw error;
    }
  }
  return StreamWriter.open(handle);
}

class Incoming {
  // Open or create the temporary file `name` of the folder, and take the bytes that it has as the beginning. `expected`
  // is the size that the content will have, null when it is not known.
  static async open(folder, name, signal, expected) {
    const incoming = new Incoming();
    const handle = await folder.getFileHandle(name, { create: true });
    const present = await handle.getFile();
    const sha = expected !== null && expected <= LARGEST_DIGEST ? null : new Sha256();
    Object.assign(incoming, { folder, name, handle, sha, size: sha ? 0 : present.size, hash: null });
    for (let at = 0; sha && at < present.size; at += READ_SIZE) {
      signal.throwIfAborted();
      incoming.#count(new Uint8Array(await present.slice(at, at + READ_SIZE).arrayBuffer()));
    }
    incoming.writer = await openWriter(handle);
    return incoming;
  }

  async append(bytes) {
    await this.writer.write(bytes, this.size);
    this.#count(bytes);
  }

  // Make the bytes durable; then `hash` is known and nothing can be added.
  async finish() {
    await this.writer.close();
    this.hash = this.sha ? this.sha.hex() : await digestOf(this.handle);
  }

  // Leave the bytes where they are, for a later `open`.
  async keep() {
    await this.writer.close();
  }

  async discard() {
    if (this.hash === null) await this.writer.abandon().catch(() => {});
    await this.folder.removeEntry(this.name).catch(orNull);
  }

  #count(bytes) {
    this.sha?.update(bytes);
    this.size += bytes.length;
  }
}

async function digestOf(handle) {
  const digest = await crypto.subtle.digest("SHA-256", await (await handle.getFile()).arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Move a finished temporary file to its hash; a file that is there already stays as it is.
async function publish(incoming, storeId, mimeType) {
  const { hash, size } = incoming;
  const target = await makeFolder(FILES_ROOT, storeId);
  await navigator.locks.request(lockName(storeId, hash), async () => {
    const present = await target.getFileHandle(hash).then((handle) => handle.getFile()).catch(orNull);
    if (mimeType) await writeContentType(storeId, hash, mimeType);
    if (present?.size === size) await incoming.discard();
    else await incoming.handle.move(target, hash);
  });
  return { hash, size };
}

// Everything that changes one name, in any tab, happens under the lock of that name.
const lockName = (storeId, name) => `filesync-web:${storeId}/${name}`;

// needs: failures.js incoming.js locks.js opfs.js
//
// Stored files that somebody reads at leisure. A browser cannot read a file any more once it is removed: so whoever reads holds
// a shared lock, which `remove` respects; the browser gives it up when this worker ends.
//
// A Python in a worker reads by an access handle of its own. On a page's main thread there are none: there this worker reads,
// while Python is suspended, into a buffer that comes from the page and goes back to it.

const readLock = (storeId, hash) => lockName(storeId, `read-${hash}`);
const readers = new Map(); // by number: the function that ends the lock, and for `readPiece` the file and its access handle

/** The stored file, null when there is none, and its handle, null when it gives no access or is not wanted. With `readsHere`,
 *  `readPiece` reads. Nobody removes the file until `closeReader`, which has to come in any case. */
async function openReader(_job, { storeId, hash, reader, wantsHandle, readsHere }) {
  await new Promise((resolve, reject) => {
    const hold = () => new Promise((release) => resolve(readers.set(reader, { release, file: null, access: null })));
    navigator.locks.request(readLock(storeId, hash), { mode: "shared" }, hold).catch(reject);
  });
  const file = await findBlob(storeId, hash);
  if (!file) return null;
  const mayAccess = (wantsHandle || readsHere) && (await canWriteInPlace(await makeFolder(INCOMING_ROOT, storeId)));
  const handle = mayAccess ? await (await findFolder(FILES_ROOT, storeId)).getFileHandle(hash) : null;
  if (readsHere) {
    // none where another one has the file to itself (Firefox)
    const access = await handle?.createSyncAccessHandle({ mode: "read-only" }).catch(() => null);
    Object.assign(readers.get(reader), { file, access });
  }
  return { file, handle: wantsHandle ? handle : null };
}

/** Fill the buffer's first `size` bytes; they are all inside of the file. */
function readPiece(_job, { reader, offset, size, buffer }) {
  const { file, access } = readers.get(reader) ?? {};
  if (!file) throw new Failure("StorageError", "the file is not open any more: its worker was started anew");
  const into = new Uint8Array(buffer, 0, size);
  if (!access) into.set(new Uint8Array(new FileReaderSync().readAsArrayBuffer(file.slice(offset, offset + size))));
  else if (access.read(into, { at: offset }) !== size)
    throw new Failure("StorageError", `the file gave fewer bytes than ${size}`);
  return buffer;
}

function closeReader(_job, { reader }) {
  const opened = readers.get(reader);
  opened?.access?.close();
  opened?.release();
  readers.delete(reader);
}

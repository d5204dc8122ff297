// needs: background_uploads.js content_types.js created_bytes.js download.js failures.js incoming.js jobs.js locks.js opfs.js readers.js streams.js temporaries.js
//
// The dedicated worker of the files of one store: it moves all bytes, so that neither Python nor the page's thread does.

const PARTIAL_LIFETIME = 7 * 24 * 3600 * 1000; // milliseconds that a broken download is worth keeping

const unreadable = (error) =>
  new Failure("StorageError", `the file cannot be read; was it moved or changed? (${wordsOf(error)})`);

/** Store the bytes of a Blob or a Uint8Array, or those that Python gives. Of an image the answer has the beginning. */
async function put(job, about) {
  const { storeId, source, size } = about;
  await checkRoom(size);
  if (source && size <= LARGEST_WHOLE) return inMemory(size, () => putWhole(job, about));
  const incoming = await createIncoming(storeId, size);
  try {
    let beginning = null;
    for await (const chunk of source ? piecesOf(source.stream(), unreadable) : job.received()) {
      job.signal.throwIfAborted();
      beginning ??= chunk.slice(0, about.beginning);
      await incoming.append(chunk);
      job.progress.report(incoming.size, size);
    }
    checkSize(incoming.size, size);
    await incoming.finish();
    return { ...(await publish(storeId, incoming.hash, about.mimeType, incoming)), beginning };
  } catch (error) {
    await incoming.discard();
    throw error;
  }
}

// What takes its time in other processes goes on at once: the file is made while the bytes are read and hashed, and written
// while the lock of the hash is waited for, which takes as long.
async function putWhole(job, { storeId, source, size, mimeType, beginning, isWatched }) {
  const reading = readWhole(source, size);
  const creating = createIncoming(storeId, size);
  const writing = Promise.all([creating, reading]).then(async ([incoming, { bytes }]) => {
    job.signal.throwIfAborted();
    await incoming.append(bytes);
    return incoming;
  });
  writing.catch(() => {}); // whoever publishes is told
  try {
    const { bytes, hash } = await reading;
    const found = await publish(storeId, hash, mimeType, writing);
    if (isWatched) job.progress.report(size, size);
    return { ...found, beginning: bytes.slice(0, beginning) };
  } catch (error) {
    await creating.then((incoming) => incoming.discard(), () => {});
    throw error;
  }
}

async function readWhole(source, size) {
  const bytes = source instanceof Blob ? new Uint8Array(await source.arrayBuffer().catch(failUnreadable)) : source;
  checkSize(bytes.length, size);
  return { bytes, hash: await digestOf(bytes) };
}

const failUnreadable = (error) => {
  throw unreadable(error);
};

function checkSize(found, expected) {
  if (found !== (expected ?? found))
    throw new Failure("StorageError", `the source changed while it was read: it gave ${found} bytes instead of ${expected}; nothing was stored`);
}

/** The stored file, or null. */
const find = (_job, { storeId, hash }) => findBlob(storeId, hash);

/** The stored bytes as a `data:` URL of that type; null when there are none, or more than `limit`. */
async function dataUrl(_job, { storeId, hash, mimeType, limit }) {
  const file = await findBlob(storeId, hash);
  return file && file.size <= limit ? new FileReaderSync().readAsDataURL(new Blob([file], { type: mimeType })) : null;
}

/** JSON of [width, height] of an image, or null; decodes it, unless the file is larger than the limit. */
async function decodedSize(_job, { storeId, hash, mimeType, limit }) {
  const file = await findBlob(storeId, hash);
  if (!file || file.size > limit) return null;
  try {
    const bitmap = await createImageBitmap(new Blob([file], { type: mimeType }));
    const size = JSON.stringify([bitmap.width, bitmap.height]);
    bitmap.close();
    return size;
  } catch {
    return null; // no image, or none that this browser knows
  }
}

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

/** Whether it was removed, or not there: what is read stays. */
function remove(job, { storeId, hash }) {
  return withLock(job, storeId, hash, () =>
    navigator.locks.request(readLock(storeId, hash), { ifAvailable: true }, async (lock) => {
      if (!lock) return false;
      const folder = await findFolder(FILES_ROOT, storeId);
      await folder?.removeEntry(hash).catch(orNull);
      await deleteContentType(storeId, hash);
      return true;
    }));
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
      const isRemoved = await folder.removeEntry(name).then(() => true, () => false);
      if (isRemoved) removed += 1;
    });
  }
  return removed;
}

/** Whether a file of that size can be made now; null where nothing but writing it would tell. */
async function reserve(job, { storeId, size }) {
  const folder = await makeFolder(INCOMING_ROOT, storeId);
  if (!(await canWriteInPlace(folder))) return null;
  const name = `room-${crypto.randomUUID()}`;
  return withLock(job, storeId, name, async () => {
    const handle = await folder.getFileHandle(name, { create: true });
    const access = await handle.createSyncAccessHandle();
    try {
      access.truncate(size);
      return access.getSize() === size;
    } catch (error) {
      if (error.name !== "QuotaExceededError") throw error;
      return false;
    } finally {
      access.truncate(0);
      access.close();
      await folder.removeEntry(name).catch(orNull);
    }
  });
}

serve({
  put,
  download,
  find,
  dataUrl,
  decodedSize,
  list,
  createBytes,
  writeBytes,
  finishBytes,
  publishBytes,
  discardBytes,
  openReader,
  readPiece,
  closeReader,
  remove,
  reserve,
  sweep,
  listUploads: async (_job, { storeId }) => JSON.stringify(await listBackgroundUploads(storeId)),
  changeUploads: (_job, { storeId, changes, signer }) =>
    changeBackgroundUploads(storeId, JSON.parse(changes), JSON.parse(signer)),
  wasUploaded: (_job, { storeId, fileId, key }) => wasUploadedInBackground(storeId, fileId, key),
  clearUploads: (_job, { storeId }) => clearBackgroundUploads(storeId),
});

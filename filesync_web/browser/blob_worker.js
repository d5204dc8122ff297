// needs: background_uploads.js content_types.js download.js failures.js incoming.js jobs.js locks.js opfs.js streams.js
//
// The dedicated worker of the files of one store: it moves all bytes, so that neither Python nor the page's thread does.

const PARTIAL_LIFETIME = 7 * 24 * 3600 * 1000; // milliseconds that a broken download is worth keeping

const unreadable = (error) =>
  new Failure("StorageError", `the file cannot be read; was it moved or changed? (${wordsOf(error)})`);

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
  remove,
  reserve,
  sweep,
  listUploads: async (_job, { storeId }) => JSON.stringify(await listBackgroundUploads(storeId)),
  changeUploads: (_job, { storeId, changes, signer }) =>
    changeBackgroundUploads(storeId, JSON.parse(changes), JSON.parse(signer)),
  wasUploaded: (_job, { storeId, fileId, key }) => wasUploadedInBackground(storeId, fileId, key),
  clearUploads: (_job, { storeId }) => clearBackgroundUploads(storeId),
});

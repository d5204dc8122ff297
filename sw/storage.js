// needs: content_types.js indexed_db.js pages.js
//
// --- Bytes in OPFS ---

const FILES_ROOT = "livestore-filesync-files"; // the page's own copies: read here, never written
const CACHE_ROOT = "livestore-filesync-cache"; // remote files kept by this worker; may be cleared at any time
const TEMPORARY = ".tmp-"; // no hash begins so: what is unfinished is never found
const STALE_MS = 24 * 60 * 60 * 1000;

async function openFolder(path, options) {
  let folder = await navigator.storage.getDirectory();
  for (const name of path) folder = await folder.getDirectoryHandle(name, options);
  return folder;
}

/** The stored bytes of a key: {file, source}, the page's own copy first; null when there are none. */
async function findFile(key) {
  if (!navigator.storage) {
    const file = await findInPages(key);
    return file && { file, source: "local" };
  }
  const [storeId, hash] = key.split("/");
  const places = { [FILES_ROOT]: "local", [CACHE_ROOT]: "cache" };
  for (const [root, source] of Object.entries(places)) {
    try {
      const folder = await openFolder([root, storeId]);
      return { file: await (await folder.getFileHandle(hash)).getFile(), source };
    } catch {
      // Not here, or no OPFS in this browser mode: either way the bytes must come from elsewhere.
    }
  }
  return null;
}

/**
 * Opens a place for the bytes of `key`: {write, publish, discard}. They get their name only in `publish`.
 * Rejects when this browser cannot write from a service worker (some on WebKitGTK, Safari before 26).
 */
async function createSink(key) {
  if (!navigator.storage) throw new Error("This browser gives its service workers no storage.");
  const [storeId, hash] = key.split("/");
  const folder = await openFolder([CACHE_ROOT, storeId], { create: true });
  const name = TEMPORARY + crypto.randomUUID();
  const handle = await folder.getFileHandle(name, { create: true });
  const discard = () => folder.removeEntry(name).catch(() => {});
  let writable;
  try {
    if (!handle.createWritable) throw new Error("This browser cannot store files from a service worker.");
    writable = await handle.createWritable();
  } catch (error) {
    await discard();
    throw error;
  }
  return {
    write: (chunk) => writable.write(chunk),
    async publish(contentType) {
      await writable.close();
      await writeContentType(storeId, hash, contentType); // first: a published file is never without its type
      await handle.move(folder, hash);
    },
    async discard() {
      await writable.abort().catch(() => {});
      await discard();
    },
  };
}

/** Calls `visit(folder, storeId, name, handle)` for everything that this worker keeps. */
async function eachCached(visit) {
  let root;
  try {
    root = await openFolder([CACHE_ROOT]);
  } catch {
    return; // nothing was ever kept
  }
  for await (const [storeId, folder] of root.entries()) {
    for await (const [name, handle] of folder.entries()) await visit(folder, storeId, name, handle);
  }
}

/** {files, bytes} of the remote files that are kept. */
async function measureCache() {
  const total = { files: 0, bytes: 0 };
  await eachCached(async (_folder, _storeId, name, handle) => {
    if (name.startsWith(TEMPORARY)) return;
    total.files += 1;
    total.bytes += (await handle.getFile()).size;
  });
  return total;
}

/** Removes the remote files that are kept; the page's own copies stay. Returns {files, bytes} removed. */
async function clearCache() {
  const removed = { files: 0, bytes: 0 };
  await eachCached(async (folder, storeId, name, handle) => {
    if (name.startsWith(TEMPORARY)) return; // a running transfer's, or the sweep's
    const { size } = await handle.getFile();
    await folder.removeEntry(name);
    if (!(await findFile(`${storeId}/${name}`))) await deleteContentType(storeId, name);
    removed.files += 1;
    removed.bytes += size;
  });
  return removed;
}

/** Removes what a killed worker left unfinished. */
async function sweepCache() {
  await eachCached(async (folder, _storeId, name, handle) => {
    if (!name.startsWith(TEMPORARY)) return;
    const age = Date.now() - (await handle.getFile()).lastModified;
    if (age > STALE_MS) await folder.removeEntry(name).catch(() => {});
  });
}

/** The type that was recorded with the bytes; "" when there is none: a file is a file without it. */
async function readContentType(key) {
  try {
    const database = await contentTypesDatabase();
    return (await promised(database.transaction("contentTypes").objectStore("contentTypes").get(key))) ?? "";
  } catch {
    return "";
  }
}

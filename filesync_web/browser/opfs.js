// needs: failures.js
//
// The folders of the blob store in the origin private file system (OPFS).
//
//   livestore-filesync-files/<store id>/<hash>      published content
//   livestore-filesync-incoming/<store id>/<name>   temporary files, which nobody serves or lists

const FILES_ROOT = "livestore-filesync-files";
const INCOMING_ROOT = "livestore-filesync-incoming";
const ROOM_TO_ASK_FOR = 1 << 20; // bytes; for fewer nobody is asked whether there is room

let root = null; // a promise; to ask for it anew takes as long as to open two folders

async function storageRoot() {
  if (!globalThis.isSecureContext)
    throw new Failure("StorageUnavailableError", "file storage needs a secure page: open it by https: or on localhost");
  if (!globalThis.navigator?.storage?.getDirectory)
    throw new Failure("StorageUnavailableError", "this browser has no file storage (OPFS) here: use a newer browser, or leave private browsing");
  try {
    return await (root ??= navigator.storage.getDirectory());
  } catch (error) {
    root = null;
    throw new Failure("StorageUnavailableError", `the browser gives this page no file storage, as in private browsing or with site data blocked: allow site data for this page (${wordsOf(error)})`);
  }
}

// What a folder that was removed says to whoever writes in it: Chromium, and Firefox.
const GONE = new Set(["NotFoundError", "UnknownError"]);

// null for what is not there
const orNull = (error) => {
  if (error?.name === "NotFoundError") return null;
  throw error;
};

async function makeFolder(name, storeId) {
  try {
    return await openFolder(name, storeId, { create: true });
  } catch (error) {
    root = null; // it may have been cleared
    throw error;
  }
}

async function openFolder(name, storeId, options) {
  const top = await (await storageRoot()).getDirectoryHandle(name, options);
  return top.getDirectoryHandle(storeId, options);
}

const folders = new Map(); // by path: to open one takes as long as to make a file

/** Do `work(folder)`; once more in a new folder when somebody has cleared the storage, and the one that we know is gone. */
async function inFolder(name, storeId, work) {
  const path = `${name}/${storeId}`;
  const known = folders.get(path);
  try {
    if (known) return await work(known);
  } catch (error) {
    if (!GONE.has(error?.name)) throw error;
    root = null;
  }
  const folder = await makeFolder(name, storeId);
  folders.set(path, folder);
  return work(folder);
}

const findFolder = (name, storeId) => openFolder(name, storeId).catch(orNull);

const fileIn = async (folder, name) => {
  const handle = await folder.getFileHandle(name).catch(orNull);
  return handle && handle.getFile().catch(orNull);
};

// The published file, or null. What is not in the folder that we know may be in one that was made anew.
async function findBlob(storeId, hash) {
  const known = folders.get(`${FILES_ROOT}/${storeId}`);
  const found = known && (await fileIn(known, hash));
  if (found) return found;
  const folder = await findFolder(FILES_ROOT, storeId);
  return folder && fileIn(folder, hash);
}

async function checkRoom(needed) {
  if (!(needed >= ROOM_TO_ASK_FOR) || !navigator.storage.estimate) return;
  const { quota, usage } = await navigator.storage.estimate();
  if (quota !== undefined && quota - usage < needed)
    throw new Failure("QuotaExceededError", `this device has room for ${quota - usage} more bytes, but ${needed} are needed`);
}

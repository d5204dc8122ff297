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

// null for what is not there
const orNull = (error) => {
  if (error?.name === "NotFoundError") return null;
  throw error;
};

async function makeFolder(name, storeId) {
  try {
    const top = await (await storageRoot()).getDirectoryHandle(name, { create: true });
    return await top.getDirectoryHandle(storeId, { create: true });
  } catch (error) {
    root = null; // it may have been cleared
    throw error;
  }
}

async function findFolder(name, storeId) {
  const top = await (await storageRoot()).getDirectoryHandle(name).catch(orNull);
  return top && top.getDirectoryHandle(storeId).catch(orNull);
}

// The published file, or null
async function findBlob(storeId, hash) {
  const folder = await findFolder(FILES_ROOT, storeId);
  const handle = folder && (await folder.getFileHandle(hash).catch(orNull));
  return handle && handle.getFile().catch(orNull);
}

async function checkRoom(needed) {
  if (!(needed >= ROOM_TO_ASK_FOR) || !navigator.storage.estimate) return;
  const { quota, usage } = await navigator.storage.estimate();
  if (quota !== undefined && quota - usage < needed)
    throw new Failure("QuotaExceededError", `this device has room for ${quota - usage} more bytes, but ${needed} are needed`);
}

// What the page's side and the worker's side of the blob store share: the folders, and errors that cross between them.
//
//   livestore-filesync-files/<store id>/<hash>      published content
//   livestore-filesync-incoming/<store id>/<name>   temporary files, which nobody serves or lists

const FILES_ROOT = "livestore-filesync-files";
const INCOMING_ROOT = "livestore-filesync-incoming";

// An error with the name of its class in errors.py.
class Failure extends Error {
  constructor(type, message, details = {}) {
    super(message);
    Object.assign(this, { type, ...details });
  }
}

// Any error as a plain object that can be posted to another thread.
function describeError(error) {
  if (error instanceof Failure) return { ...error, message: error.message };
  const said = `${error?.name ?? "Error"}: ${error?.message ?? error}`;
  switch (error?.name) {
    case "AbortError":
      return { type: "Cancelled", message: said };
    case "QuotaExceededError":
      return { type: "QuotaExceededError", message: `this device has no room for the bytes (${said})` };
    case "SecurityError":
      return { type: "StorageUnavailableError", message: `the browser does not let this page store files (${said})` };
    default:
      return { type: "StorageError", message: said };
  }
}

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
    throw new Failure("StorageUnavailableError", `the browser gives this page no file storage, as in private browsing or with site data blocked: allow site data for this page (${error.name}: ${error.message})`);
  }
}

// null for what is not there
const orNull = (error) => {
  if (error.name === "NotFoundError") return null;
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

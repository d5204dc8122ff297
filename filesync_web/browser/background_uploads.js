// needs: indexed_db.js
//
// The list of background uploads: what a page writes down for the service worker, in case that it is closed before it has
// uploaded everything.
//
// IndexedDB database `livestore-filesync-uploads`:
//   signers   <store id> -> {url, headers, credentials, lock}; there only while an upload of the store waits
//   waiting   [<store id>, <file id>] -> {key, contentType}
//   uploaded  [<store id>, <file id>] -> key of what the service worker has uploaded and no page has recorded yet
// `lock` names the Web Lock of the tab that leads: who does not hold it uploads nothing.

const SYNC_TAG = "filesync-uploads"; // of the browser's Background Sync
const UPLOAD_LISTS = ["signers", "waiting", "uploaded"];

/** Does `use({signers, waiting, uploaded})` in one transaction; resolves to its result once that is complete. */
async function withBackgroundUploads(mode, use) {
  const database = await openDatabase("livestore-filesync-uploads", 2, (made) => {
    // Version 1 had other names. Nothing in it is missed: the next tab that leads writes its list anew.
    for (const name of [...made.objectStoreNames]) made.deleteObjectStore(name);
    for (const name of UPLOAD_LISTS) made.createObjectStore(name);
  });
  try {
    const transaction = database.transaction(UPLOAD_LISTS, mode);
    const complete = completed(transaction);
    const result = await use(Object.fromEntries(UPLOAD_LISTS.map((name) => [name, transaction.objectStore(name)])));
    await complete;
    return result;
  } finally {
    database.close();
  }
}

const uploadsOf = (storeId) => IDBKeyRange.bound([storeId], [storeId, []]);

/** How many uploads of the store wait. When none does, how to sign is forgotten: it is a secret. */
async function countWaiting({ signers, waiting }, storeId) {
  const count = await promised(waiting.count(uploadsOf(storeId)));
  if (count === 0) signers.delete(storeId);
  return count;
}

/** The ids of all files that anything is written down of. */
async function listBackgroundUploads(storeId) {
  const keys = await withBackgroundUploads("readonly", ({ waiting, uploaded }) =>
    Promise.all([waiting, uploaded].map((files) => promised(files.getAllKeys(uploadsOf(storeId))))),
  );
  return keys.flat().map(([, fileId]) => fileId);
}

/**
 * `changes`: {file id: upload, or null when nothing of it is to be uploaded}; `signer`: how to sign, null for as before.
 * Resolves to the number of uploads that wait.
 */
function changeBackgroundUploads(storeId, changes, signer) {
  return withBackgroundUploads("readwrite", async (lists) => {
    for (const [fileId, upload] of Object.entries(changes)) {
      const id = [storeId, fileId];
      if (upload && (await promised(lists.uploaded.get(id))) === upload.key) continue;
      lists.uploaded.delete(id);
      if (upload) lists.waiting.put(upload, id);
      else lists.waiting.delete(id);
    }
    if (signer) lists.signers.put(signer, storeId);
    return countWaiting(lists, storeId);
  });
}

async function wasUploadedInBackground(storeId, fileId, key) {
  const found = await withBackgroundUploads("readonly", ({ uploaded }) => promised(uploaded.get([storeId, fileId])));
  return found === key;
}

function clearBackgroundUploads(storeId) {
  return withBackgroundUploads("readwrite", ({ signers, waiting, uploaded }) => {
    signers.delete(storeId);
    for (const files of [waiting, uploaded]) files.delete(uploadsOf(storeId));
  });
}

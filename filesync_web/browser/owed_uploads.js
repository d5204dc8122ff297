// The uploads that a page hands over to the service worker, in case that it is closed before they are done.
//
// IndexedDB database `livestore-filesync-uploads`:
//   signers   <store id> -> {url, headers, credentials, lock}; there only while the store owes an upload
//   owed      [<store id>, <file id>] -> {key, contentType}
//   uploaded  [<store id>, <file id>] -> key of what the service worker has uploaded and no page has recorded yet
// `lock` names the Web Lock of the tab that leads: who does not hold it uploads nothing.
"use strict";

const SYNC_TAG = "filesync-uploads";

/** Does `use({signers, owed, uploaded})` in one transaction; resolves to its result once that is complete. */
async function inHandover(mode, use) {
  const names = ["signers", "owed", "uploaded"];
  const opening = indexedDB.open("livestore-filesync-uploads", 1);
  opening.onupgradeneeded = () => names.forEach((name) => opening.result.createObjectStore(name));
  const database = await promised(opening);
  try {
    const transaction = database.transaction(names, mode);
    const complete = completed(transaction);
    const result = await use(Object.fromEntries(names.map((name) => [name, transaction.objectStore(name)])));
    await complete;
    return result;
  } finally {
    database.close();
  }
}

const filesOf = (storeId) => IDBKeyRange.bound([storeId], [storeId, []]);

/** Forgets how to sign when the store owes nothing any more; how many uploads it owes. */
async function countOwed({ signers, owed }, storeId) {
  const count = await promised(owed.count(filesOf(storeId)));
  if (count === 0) signers.delete(storeId);
  return count;
}

// needs: indexed_db.js
//
// The MIME types of the stored contents, for those who serve them without a record (the service worker).
//
// IndexedDB database `livestore-filesync`, object store `contentTypes`: key `<store id>/<hash>`, value the MIME type.

let contentTypes = null;

function contentTypesDatabase() {
  contentTypes ??= (async () => {
    const database = await openDatabase("livestore-filesync", 1, (fresh) => fresh.createObjectStore("contentTypes"));
    const forget = () => (contentTypes = null);
    database.onversionchange = () => {
      database.close();
      forget();
    };
    database.onclose = forget;
    return database;
  })();
  contentTypes.catch(() => (contentTypes = null));
  return contentTypes;
}

const typeChanges = { next: null, done: Promise.resolve() }; // those of the next transaction, and when it is done

// Changes that come while a transaction is under way are made together by the next one: many small files come at once.
function changeContentTypes(change) {
  if (typeChanges.next === null) {
    const changes = (typeChanges.next = []);
    typeChanges.done = typeChanges.done.catch(() => {}).then(() => makeTypeChanges(changes));
  }
  typeChanges.next.push(change);
  return typeChanges.done;
}

async function makeTypeChanges(changes) {
  const database = await contentTypesDatabase().finally(() => (typeChanges.next = null));
  const transaction = database.transaction("contentTypes", "readwrite");
  const complete = completed(transaction);
  for (const change of changes) change(transaction.objectStore("contentTypes"));
  transaction.commit(); // now, instead of when this thread hears that the change was made
  await complete;
}

const expected = new Map(); // by key: {type, written}; `written` is a promise, once it is being written

// Do `work`, which may write that type in the end: then it may have been written before, with the types of others.
async function expectingContentType(storeId, hash, type, work) {
  if (!type) return work();
  const key = `${storeId}/${hash}`;
  expected.set(key, { type, written: null });
  try {
    return await work();
  } finally {
    expected.delete(key);
  }
}

// With the types that are expected now: a transaction of its own is an eighth of what a small download costs. Those of
// downloads that fail stay behind, and are overwritten when the content comes. They are written before the lock of their hash
// is held; no other tab removes a content meanwhile, since a file needs what is being downloaded.
function writeContentType(storeId, hash, type) {
  const key = `${storeId}/${hash}`;
  const own = expected.get(key);
  if (own?.type === type && own.written) return own.written;
  for (const [other, about] of expected) about.written ??= writtenType(other, about);
  return own?.type === type ? own.written : putContentType(key, type);
}

const putContentType = (key, type) => changeContentTypes((types) => types.put(type, key));

function writtenType(key, about) {
  const written = putContentType(key, about.type);
  written.catch(() => (about.written = null)); // who needs it tries again
  return written;
}

function deleteContentType(storeId, hash) {
  const key = `${storeId}/${hash}`;
  const own = expected.get(key);
  if (own) own.written = null;
  return changeContentTypes((types) => types.delete(key));
}

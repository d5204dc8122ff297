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

const writeContentType = (storeId, hash, mimeType) =>
  changeContentTypes((types) => types.put(mimeType, `${storeId}/${hash}`));

const deleteContentType = (storeId, hash) => changeContentTypes((types) => types.delete(`${storeId}/${hash}`));

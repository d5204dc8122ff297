// --- Content types in IndexedDB ---
//
// `contentTypes` maps a key `<store id>/<sha256>` to a MIME type. The page's database is read, and never created or
// upgraded here; the types of what this worker keeps are in a database of its own.

const TYPES = "contentTypes";
const PAGE_DATABASE = "livestore-filesync";
const CACHE_DATABASE = "livestore-filesync-cache";
const databases = new Map(); // name -> promise of an open database

function openDatabase(name) {
  const opening = new Promise((resolve, reject) => {
    const request = indexedDB.open(name);
    request.onupgradeneeded = () => {
      // The database does not exist. An empty one would make the page skip its own set-up.
      if (name === PAGE_DATABASE) request.transaction.abort();
      else request.result.createObjectStore(TYPES);
    };
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const database = request.result;
      const forget = () => databases.delete(name);
      database.onversionchange = () => {
        database.close(); // the page upgrades or deletes it: do not stand in the way
        forget();
      };
      database.onclose = forget;
      resolve(database);
    };
  });
  opening.catch(() => databases.delete(name));
  return opening;
}

async function withTypes(name, mode, use) {
  if (!databases.has(name)) databases.set(name, openDatabase(name));
  const store = (await databases.get(name)).transaction(TYPES, mode).objectStore(TYPES);
  return new Promise((resolve, reject) => {
    const request = use(store);
    request.onerror = () => reject(request.error);
    request.onsuccess = () => resolve(request.result);
  });
}

/** The type that was recorded for a key; "" when none was, or it cannot be read. */
async function readContentType(key, source) {
  try {
    const name = source === "local" ? PAGE_DATABASE : CACHE_DATABASE;
    return (await withTypes(name, "readonly", (store) => store.get(key))) ?? "";
  } catch {
    return ""; // a file without a known type is still a file
  }
}

function saveContentType(key, contentType) {
  return withTypes(CACHE_DATABASE, "readwrite", (store) => store.put(contentType, key));
}

function clearContentTypes() {
  return withTypes(CACHE_DATABASE, "readwrite", (store) => store.clear());
}

// IndexedDB as promises: `promised(request)` gives its result, `completed(transaction)` settles when it is over.

const promised = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

const completed = (transaction) =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new DOMException("it was aborted", "AbortError"));
  });

const BLOCKED_MS = 10_000; // in which tabs of an earlier version are to let go of a database

// Opens a database; `upgrade(database, oldVersion, transaction)` makes what an earlier version has left, or nothing (0), one of
// this version. Rejects with a "VersionError" when it is of a later one, and with a "BlockedError" when a tab of an earlier one
// holds on to it. The browser has an event for that, which does not come while such a tab is frozen; so the versions are looked
// at, and the event counts where a browser does not tell them (Firefox before 126, which freezes no tabs).
const openDatabase = (name, version, upgrade) =>
  new Promise((resolve, reject) => {
    const opening = indexedDB.open(name, version);
    let isBlocked = false;
    opening.onblocked = () => {
      isBlocked = true;
    };
    const isHeld = async () => {
      const isEarlier = (database) => database.name === name && database.version < version;
      return indexedDB.databases ? (await indexedDB.databases()).some(isEarlier) : isBlocked;
    };
    const timer = setTimeout(async () => {
      if (!(await isHeld())) return; // it only takes long
      opening.onsuccess = () => opening.result.close(); // nobody waits for it any more
      reject(new DOMException(`another tab holds on to an earlier version of ${name}`, "BlockedError"));
    }, BLOCKED_MS);
    opening.onupgradeneeded = ({ oldVersion }) => {
      clearTimeout(timer);
      upgrade(opening.result, oldVersion, opening.transaction);
    };
    opening.onsuccess = () => {
      clearTimeout(timer);
      resolve(opening.result);
    };
    opening.onerror = () => {
      clearTimeout(timer);
      reject(opening.error);
    };
  });

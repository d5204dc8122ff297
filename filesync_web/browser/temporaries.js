// needs: incoming.js locks.js opfs.js
//
// New temporary files. They are named after their worker, which holds the lock of its name: so a sweep in another tab knows
// which of them are still written. The browser gives the lock up when the worker ends.

const OWNER = `put-${crypto.randomUUID()}`;
let owned = null; // a promise, once the lock was asked for
let lastName = 0;

async function newName(storeId) {
  owned ??= new Promise((resolve, reject) => {
    const hold = () => new Promise((release) => resolve(release));
    navigator.locks.request(lockName(storeId, OWNER), hold).catch(reject);
  });
  await owned;
  return `${OWNER}.${(lastName += 1)}`;
}

async function createIncoming(storeId, size) {
  const name = await newName(storeId);
  return inFolder(INCOMING_ROOT, storeId, (folder) =>
    Incoming.create(folder, name, size).catch(async (error) => {
      await folder.removeEntry(name).catch(() => {});
      throw error;
    }));
}

// Making a file and opening it takes more than a third of a small put. So one is made in advance, the *spare*, and kept
// for a moment after each put: the next one is likely to come now or not soon.

const SPARE_LIFETIME = 250; // milliseconds

let spare = null; // {storeId, creating}

function prepareSpare(storeId) {
  if (spare) return;
  const mine = (spare = { storeId, creating: createIncoming(storeId, 0) });
  const drop = () => spare === mine && takeSpare(storeId).then((incoming) => incoming.discard());
  mine.creating.catch(() => {
    if (spare === mine) spare = null; // who needs a file makes one, and is told
  });
  setTimeout(drop, SPARE_LIFETIME);
}

// A promise of the spare, which is the caller's from now on; null when there is none.
function takeSpare(storeId) {
  if (spare?.storeId !== storeId) return null;
  const { creating } = spare;
  spare = null;
  return creating;
}

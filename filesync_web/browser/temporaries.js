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

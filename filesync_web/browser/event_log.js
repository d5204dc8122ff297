// needs: indexed_db.js
//
// The event log in IndexedDB. Every operation is one transaction and one call from Python; arguments and answers
// are JSON texts. Each entry is kept as the JSON text of its array, so that reading a long log parses nothing here.
//
//   confirmed  {seqNum, json}             by seqNum
//   local      {id, json, pending?, key?} by id; `pending` is the id of synced events, `key` compacts client-only ones
//   meta       {clientId, backendId, epoch, head, lastLocal, syncEnabled, settled, resets?}
//   state      the state's database, a Blob: of all that IndexedDB keeps the fastest to read
//
// No pending entry has an id up to `settled`. Removed entries stay in the way of a search until the browser
// tidies up, so nothing searches from the beginning.
/* exported openLog */

const STORES = ["confirmed", "local", "meta"];

const createStores = (db, local1) => {
  db.createObjectStore("state");
  if (local1) { // version 1
    db.deleteObjectStore("snapshot");
    local1.openCursor().onsuccess = ({ target: { result: cursor } }) => {
      if (cursor?.value.pending) cursor.update({ ...cursor.value, pending: cursor.value.id });
      cursor?.continue();
    };
    return;
  }
  db.createObjectStore("confirmed", { keyPath: "seqNum" });
  const local = db.createObjectStore("local", { keyPath: "id" });
  local.createIndex("pending", "pending");
  local.createIndex("key", "key");
  db.createObjectStore("meta");
};

const after = (id) => IDBKeyRange.lowerBound(id, true);

const openDatabase = async (name) => {
  if (!globalThis.indexedDB) throw new DOMException("this page has no IndexedDB", "SecurityError");
  const opening = indexedDB.open(name, 2);
  opening.onupgradeneeded = ({ oldVersion }) =>
    createStores(opening.result, oldVersion === 1 && opening.transaction.objectStore("local"));
  return promised(opening);
};

const readDelta = async (stores, meta, seen, allPending) => {
  const [confirmedAfter, localAfter] = seen.epoch === meta.epoch ? [seen.confirmed, seen.local] : [0, 0];
  const newer = promised(stores.local.getAll(after(localAfter)));
  const older = allPending && meta.settled < localAfter
    ? promised(stores.local.index("pending").getAll(IDBKeyRange.bound(meta.settled, localAfter, true)))
    : [];
  const confirmed = meta.head > confirmedAfter ? promised(stores.confirmed.getAll(after(confirmedAfter))) : [];
  const list = (entries) => `[${entries.map((entry) => entry.json).join(",")}]`;
  const position = [meta.epoch, meta.head, meta.lastLocal];
  const { backendId, syncEnabled, resets = 0 } = meta;
  const facts = JSON.stringify({ position, backendId, syncEnabled, resets });
  const local = [...(await older), ...(await newer)];
  return `${facts.slice(0, -1)},"confirmed":${list(await confirmed)},"local":${list(local)}}`;
};

const appendLocal = (stores, meta, events) => {
  for (const { key, pending, json } of events) {
    if (key !== null) { // answered in order: what comes after this request is not in its answer
      stores.local.index("key").getAllKeys(key).onsuccess = ({ target }) => {
        for (const old of target.result) stores.local.delete(old);
      };
    }
    const id = ++meta.lastLocal;
    const entry = { id, json: `[${id},${json}]` };
    if (pending) entry.pending = id;
    if (key !== null) entry.key = key;
    stores.local.put(entry);
  }
};

const confirmEvents = async (stores, meta, { entries, backendId, seen }) => {
  if (meta.epoch !== seen.epoch || meta.head !== seen.confirmed) return;
  const pending = stores.local.index("pending");
  if ((await promised(pending.getKey(after(seen.local)))) !== undefined) return;
  for (const { seqNum, localId, json } of entries) {
    stores.confirmed.add({ seqNum, json });
    if (localId !== null) stores.local.delete(localId);
    meta.head = seqNum;
  }
  meta.backendId = backendId;
  const oldest = await promised(pending.getKey(after(meta.settled)));
  meta.settled = oldest === undefined ? meta.lastLocal : oldest - 1;
};

const discardPending = async (stores, meta, ids, mark) => {
  const pending = await promised(stores.local.index("pending").getAllKeys(after(meta.settled)));
  const present = pending.filter((id) => ids.includes(id));
  for (const id of present) stores.local.delete(id);
  if (present.length) appendLocal(stores, meta, [mark]);
};

const resetConfirmed = async (stores, meta, { seen, offered }) => {
  if (meta.epoch !== seen.epoch || meta.head !== seen.confirmed) return;
  if (offered.length) { // in front of what is pending, which is appended anew
    const pending = await promised(stores.local.index("pending").getAll(after(meta.settled)));
    for (const { id } of pending) stores.local.delete(id);
    const again = pending.map(({ id, json }) => ({ key: null, pending: true, json: json.slice(`[${id},`.length, -1) }));
    appendLocal(stores, meta, [...offered, ...again]);
  }
  stores.confirmed.clear();
  Object.assign(meta, { epoch: meta.epoch + 1, head: 0, backendId: null, resets: (meta.resets ?? 0) + 1 });
};

const readState = async (db) => {
  const blob = await promised(db.transaction("state").objectStore("state").get("state"));
  return blob === undefined ? new ArrayBuffer(0) : blob.arrayBuffer();
};

// A function that runs `work(stores, meta)` in a transaction that is committed as a whole or not at all.
const transactionsOf = (db, clientId) =>
  async (mode, work, durability = "default") => {
    const transaction = db.transaction(STORES, mode, { durability });
    const done = completed(transaction);
    done.catch(() => {}); // it is awaited below, or the error of `work` says more
    const stores = Object.fromEntries(STORES.map((store) => [store, transaction.objectStore(store)]));
    try {
      const fresh = { clientId, backendId: null, epoch: 1, head: 0, lastLocal: 0, syncEnabled: true, settled: 0 };
      const meta = { ...fresh, ...(await promised(stores.meta.get("meta"))) };
      const answer = await work(stores, meta);
      if (mode === "readwrite") stores.meta.put(meta, "meta");
      await done;
      return answer;
    } catch (error) {
      try { transaction.abort(); } catch { /* it has ended already */ }
      throw transaction.error ?? error;
    }
  };

async function openLog(name, clientId) {
  const db = await openDatabase(name);
  db.onversionchange = () => db.close(); // someone deletes it
  let state = readState(db); // the largest part of opening, while the rest goes on
  state.catch(() => {}); // whoever asks for it is told
  const inTransaction = transactionsOf(db, clientId);

  const change = (work, seen, durability = "strict") => inTransaction("readwrite", async (stores, meta) => {
    await work(stores, meta);
    return readDelta(stores, meta, seen, false);
  }, durability);

  return {
    clientId: await inTransaction("readwrite", (_, meta) => meta.clientId, "strict"),
    read: (seen, allPending) =>
      inTransaction("readonly", (stores, meta) => readDelta(stores, meta, JSON.parse(seen), allPending)),
    append: (text) => {
      const { events, seen } = JSON.parse(text);
      return change((stores, meta) => appendLocal(stores, meta, events), seen);
    },
    confirm: (text) => {
      const asking = JSON.parse(text);
      // When the machine loses power, what was confirmed last is pulled again.
      return change((stores, meta) => confirmEvents(stores, meta, asking), asking.seen, "relaxed");
    },
    discard: (text) => {
      const { ids, mark } = JSON.parse(text);
      return inTransaction("readwrite", (stores, meta) => discardPending(stores, meta, ids, mark), "strict");
    },
    reset: (text) => {
      const asking = JSON.parse(text);
      return change((stores, meta) => resetConfirmed(stores, meta, asking), asking.seen);
    },
    setSyncEnabled: (enabled) =>
      inTransaction("readwrite", (_, meta) => { meta.syncEnabled = enabled; }, "strict"),
    loadState: async (FS, path, fresh) => {
      const bytes = fresh ? new ArrayBuffer(0) : await state;
      state = null; // from now on it is the file's
      FS.writeFile(path, new Uint8Array(bytes), { canOwn: true });
    },
    saveState: async (FS, path) => {
      const { contents, usedBytes } = FS.lookupPath(path).node;
      const transaction = db.transaction("state", "readwrite", { durability: "relaxed" });
      transaction.objectStore("state").put(new Blob([contents.subarray(0, usedBytes)]), "state");
      await completed(transaction);
    },
    close: (FS, path) => {
      db.close();
      if (FS.analyzePath(path).exists) FS.unlink(path);
    },
  };
}

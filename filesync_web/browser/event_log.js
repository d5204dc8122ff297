// needs: failures.js indexed_db.js jobs.js
//
// The worker of the event log, which is in IndexedDB. Every operation is one transaction and one job of Python; arguments
// and answers are JSON texts. Each entry is kept as the JSON text of its array, so that reading a long log parses nothing here.
//
//   confirmed  {seqNum, json}             by seqNum
//   local      {id, json, pending?, key?} by id; `pending` is the id of synced events, `key` compacts client-only ones
//   meta       {clientId, backendId, epoch, head, lastLocal, syncEnabled, settled, resets?}
//   state      the state's database, a Blob: of all that IndexedDB keeps the fastest to read
//
// No pending entry has an id up to `settled`. Removed entries stay in the way of a search until the browser
// tidies up, so nothing searches from the beginning.

const STORES = ["confirmed", "local", "meta"];

const FORMAT = 2; // of the database, and of what tabs tell each other about it

const createStores = (database, meta) => {
  database.createObjectStore("state");
  database.createObjectStore("confirmed", { keyPath: "seqNum" });
  const local = database.createObjectStore("local", { keyPath: "id" });
  local.createIndex("pending", "pending");
  local.createIndex("key", "key");
  database.createObjectStore("meta").put(meta, "meta");
};

const upgradeFromVersion1 = (database, local) => {
  database.createObjectStore("state");
  database.deleteObjectStore("snapshot");
  local.openCursor().onsuccess = ({ target: { result: cursor } }) => {
    if (cursor?.value.pending) cursor.update({ ...cursor.value, pending: cursor.value.id });
    cursor?.continue();
  };
};

const after = (id) => IDBKeyRange.lowerBound(id, true);

// The epoch of a new log is random: who has seen one that was cleared since must not take it for that one.
const newMeta = (clientId) => {
  const epoch = 1 + crypto.getRandomValues(new Uint32Array(1))[0];
  return { clientId, backendId: null, epoch, head: 0, lastLocal: 0, syncEnabled: true, settled: 0 };
};

const openLog = (name, clientId) => {
  if (!globalThis.indexedDB) throw new Failure("StorageUnavailableError", "this page has no IndexedDB");
  return openDatabase(name, FORMAT, (database, oldVersion, transaction) => {
    if (oldVersion === 0) createStores(database, newMeta(clientId));
    if (oldVersion === 1) upgradeFromVersion1(database, transaction.objectStore("local"));
  });
};

// The facts of a log: how far it goes, and what it says of itself.
const factsOf = (meta) => {
  const { backendId, syncEnabled, resets = 0 } = meta;
  return { position: [meta.epoch, meta.head, meta.lastLocal], backendId, syncEnabled, resets };
};

const readDelta = async (stores, meta, seen, allPending) => {
  const [confirmedAfter, localAfter] = seen.epoch === meta.epoch ? [seen.confirmed, seen.local] : [0, 0];
  const newer = promised(stores.local.getAll(after(localAfter)));
  const older = allPending && meta.settled < localAfter
    ? promised(stores.local.index("pending").getAll(IDBKeyRange.bound(meta.settled, localAfter, true)))
    : [];
  const confirmed = meta.head > confirmedAfter ? promised(stores.confirmed.getAll(after(confirmedAfter))) : [];
  const list = (entries) => `[${entries.map((entry) => entry.json).join(",")}]`;
  const facts = JSON.stringify(factsOf(meta));
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
  if (meta.lastLocal !== seen.local && (await promised(pending.getKey(after(seen.local)))) !== undefined) return;
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

const readState = async (database) => {
  const blob = await promised(database.transaction("state").objectStore("state").get("state"));
  return blob === undefined ? new ArrayBuffer(0) : blob.arrayBuffer();
};

// The names of errors that a connection gives when the browser closes it, or has closed it.
const LOST = ["AbortError", "InvalidStateError", "UnknownError"];

class EventLog {
  #name;
  #clientId;
  #database = null; // a promise
  #meta = null; // as this worker has seen it last
  #state = null; // a promise of the saved state, read once

  // Resolves to the client id: `clientId` for a new log.
  async open(name, clientId) {
    this.#name = name;
    this.#clientId = clientId;
    this.#state = this.#connect().then(readState); // the largest part of opening, while the rest goes on
    this.#state.catch(() => {}); // whoever asks for it is told
    this.#clientId = await this.read((_stores, meta) => meta.clientId);
    return this.#clientId;
  }

  read(work) {
    return this.#use((database) => this.#inTransaction(database.transaction(STORES, "readonly"), work));
  }

  change(durability, work) {
    return this.#use((database) =>
      this.#inTransaction(database.transaction(STORES, "readwrite", { durability }), work));
  }

  async #inTransaction(transaction, work) {
    const { meta, answer } = await inTransaction(transaction, work);
    this.#meta = meta;
    return answer;
  }

  // The same in one go, without a look before: for who has `seen` all that this worker has. Resolves to the facts of the log
  // then, or to null when somebody else was faster, and nothing was changed.
  async changeSeen(durability, seen, work) {
    const known = this.#meta;
    if (known?.epoch !== seen.epoch || known.head !== seen.confirmed || known.lastLocal !== seen.local) return null;
    const meta = await this.#use((database) =>
      inOneGo(database.transaction(STORES, "readwrite", { durability }), known, work));
    if (meta === null) return null;
    this.#meta = meta;
    return factsOf(meta);
  }

  async loadState(fresh) {
    const bytes = fresh ? new ArrayBuffer(0) : await this.#state;
    this.#state = null; // from now on it is the page's
    return bytes;
  }

  saveState(blob) {
    return this.#use((database) => {
      const transaction = database.transaction("state", "readwrite", { durability: "relaxed" });
      transaction.objectStore("state").put(blob, "state");
      return completed(transaction);
    });
  }

  // The open database. The browser may close it at any time, when somebody clears the storage, say: the next use opens
  // it again.
  #connect() {
    if (this.#database === null) {
      this.#database = this.#open();
      this.#database.catch(this.#forget);
    }
    return this.#database;
  }

  #forget = () => {
    this.#database = null;
  };

  async #open() {
    const database = await openLog(this.#name, this.#clientId);
    database.onclose = this.#forget;
    database.onversionchange = () => {
      database.close(); // somebody deletes it, or is of a newer version
      this.#forget();
    };
    return database;
  }

  // Does `work(database)`; once more when the connection was lost, since then nothing of it was committed.
  async #use(work) {
    const database = await this.#connect();
    try {
      return await work(database);
    } catch (error) {
      if (!LOST.includes(error?.name)) throw error;
      this.#forget();
      return work(await this.#connect());
    }
  }
}

const storesOf = (transaction) => Object.fromEntries(STORES.map((store) => [store, transaction.objectStore(store)]));

// Runs `work(stores, meta)` in a transaction that has no effect unless the log still says `known` of itself, which is
// asked at the same time: `meta` as it was written then, else null.
async function inOneGo(transaction, known, work) {
  const done = completed(transaction);
  done.catch(() => {}); // it is awaited below
  const stores = storesOf(transaction);
  let isUnchanged = true;
  stores.meta.get("meta").onsuccess = ({ target: { result } }) => {
    isUnchanged = JSON.stringify({ settled: 0, ...result }) === JSON.stringify(known);
    if (!isUnchanged) transaction.abort();
  };
  try {
    const meta = { ...known };
    await work(stores, meta);
    stores.meta.put(meta, "meta");
    await done;
    return meta;
  } catch (error) {
    if (!isUnchanged) return null;
    abort(transaction);
    throw transaction.error ?? error;
  }
}

function abort(transaction) {
  try {
    transaction.abort();
  } catch {
    // it has ended already
  }
}

// Runs `work(stores, meta)` in a transaction that is committed as a whole or not at all: {meta, answer}.
async function inTransaction(transaction, work) {
  const done = completed(transaction);
  done.catch(() => {}); // it is awaited below, or the error of `work` says more
  const stores = storesOf(transaction);
  try {
    const meta = { settled: 0, ...(await promised(stores.meta.get("meta"))) };
    const answer = await work(stores, meta);
    if (transaction.mode === "readwrite") stores.meta.put(meta, "meta");
    await done;
    return { meta, answer };
  } catch (error) {
    abort(transaction);
    throw transaction.error ?? error;
  }
}

const log = new EventLog();

const changed = (durability, seen, work) =>
  log.change(durability, async (stores, meta) => {
    await work(stores, meta);
    return readDelta(stores, meta, seen, false);
  });

// The same for who knows what `work` changes, and is told it only when there was more.
async function changedNext(durability, seen, work) {
  const facts = await log.changeSeen(durability, seen, work);
  return facts ? JSON.stringify(facts) : changed(durability, seen, work);
}

serve({
  open: (_job, { name, clientId }) => log.open(name, clientId),
  read: (_job, { seen, allPending }) =>
    log.read((stores, meta) => readDelta(stores, meta, JSON.parse(seen), allPending)),
  append(_job, { text }) {
    const { events, seen } = JSON.parse(text);
    return changedNext("strict", seen, (stores, meta) => appendLocal(stores, meta, events));
  },
  confirm(_job, { text }) {
    const asking = JSON.parse(text);
    // When the machine loses power, what was confirmed last is pulled again.
    return changedNext("relaxed", asking.seen, (stores, meta) => confirmEvents(stores, meta, asking));
  },
  discard(_job, { text }) {
    const { ids, mark } = JSON.parse(text);
    return log.change("strict", (stores, meta) => discardPending(stores, meta, ids, mark));
  },
  reset(_job, { text }) {
    const asking = JSON.parse(text);
    return changed("strict", asking.seen, (stores, meta) => resetConfirmed(stores, meta, asking));
  },
  setSyncEnabled: (_job, { enabled }) =>
    log.change("strict", (_stores, meta) => {
      meta.syncEnabled = enabled;
    }),
  loadState: (_job, { fresh }) => log.loadState(fresh),
  saveState: (_job, { blob }) => log.saveState(blob),
});

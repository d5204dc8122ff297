// --- Background Sync: the uploads that closed pages owe (what is written down where: see SYNC_TAG) ---
//
// They run only while no tab leads: under the leader's lock, and no longer than until a tab takes that away.
// The next tab that leads finds what was uploaded and records it.

const LOCK_TRIES = 10;
const LOCK_PAUSE_MS = 500; // a page that is being closed lets go of its lock a little later

/** Does `work(signal)` under a lock that nobody holds; `signal` aborts when the lock is taken away. */
async function whileNobodyLeads(lock, work) {
  for (let tries = 0; tries < LOCK_TRIES; tries += 1) {
    const taken = new AbortController();
    const hold = async (held) => {
      if (held) await work(taken.signal);
      return held !== null;
    };
    try {
      if (await navigator.locks.request(lock, { ifAvailable: true }, hold)) return;
    } finally {
      taken.abort();
    }
    await new Promise((resolve) => setTimeout(resolve, LOCK_PAUSE_MS));
  }
  throw new Error("A page is open, which uploads by itself.");
}

async function putObject(remote, features, { key, contentType }, init) {
  const found = await findFile(key);
  if (!found) throw new Error("The file is not on this device any more.");
  const asked = { key, contentType, contentLength: found.file.size };
  if (features.includes("checksum")) asked.sha256 = hashOf(key);
  const grant = await readGrant(await postSign(remote, "upload", asked, init), remote, "upload");
  const headers = new Headers({ "Content-Type": contentType });
  for (const [name, value] of Object.entries(grant.headers)) headers.set(name, value);
  const response = await fetch(grant.url, { ...init, method: grant.method ?? "PUT", headers, body: found.file });
  const isThereAlready = response.status === 412;
  if (!response.ok && !isThereAlready)
    throw new RemoteFailure(502, `The object store refused or failed (${response.status}).`);
}

/** Uploads everything that a store owes, and notes each file that is done. Fails when one of them failed. */
async function uploadOwed(storeId, signer, signal) {
  const init = { signal, credentials: signer.credentials };
  const remote = { signer: signer.url.replace(/\/+$/, ""), headers: signer.headers };
  const health = await fetchRemote(`${remote.signer}/health`, init, "The signer");
  if (!health.ok) throw new RemoteFailure(502, `The signer or its object store is down (${health.status}).`);
  const { features = [] } = await health.json();
  const ids = await inHandover("readonly", ({ owed }) => promised(owed.getAllKeys(filesOf(storeId))));
  let failure = null;
  for (const id of ids) {
    const upload = await inHandover("readonly", ({ owed }) => promised(owed.get(id)));
    try {
      await putObject(remote, features, upload, init);
    } catch (error) {
      signal.throwIfAborted();
      failure ??= error;
      continue;
    }
    await inHandover("readwrite", (stores) => {
      stores.owed.delete(id);
      stores.uploaded.put(upload.key, id);
      return countOwed(stores, storeId);
    });
  }
  if (failure) throw failure;
}

/** Does what all stores owe. Fails when something is left to do. */
async function continueUploads() {
  const signers = await inHandover("readonly", async (stores) => {
    const [storeIds, values] = await Promise.all([
      promised(stores.signers.getAllKeys()),
      promised(stores.signers.getAll()),
    ]);
    return storeIds.map((storeId, index) => [storeId, values[index]]);
  });
  const work = signers.map(([storeId, signer]) =>
    whileNobodyLeads(signer.lock, (signal) => uploadOwed(storeId, signer, signal)),
  );
  const failed = (await Promise.allSettled(work)).find(({ status }) => status === "rejected");
  if (failed) throw failed.reason;
}

// needs: background_uploads.js http.js indexed_db.js json.js remote.js storage.js
//
// --- Background uploads: what pages had still to upload when they were closed ---
//
// They run only while no tab leads: under the leader's lock, and no longer than until a tab takes that away. A page asks
// for the event as soon as an upload waits, so the worker is awake when the page goes. The next tab that leads finds what
// was uploaded and records it.

const LEAD_PAUSE_MS = 500;
const LEAD_WAIT_MS = 150_000; // Chromium ends an event after 3 minutes

/** Does `work(signal)` if nobody holds the lock; whether it was done. `signal` aborts when a tab takes the lock away. */
async function whileNobodyLeads(lock, work) {
  const taken = new AbortController();
  const hold = async (held) => {
    if (held) await work(taken.signal);
    return held !== null;
  };
  try {
    return await navigator.locks.request(lock, { ifAvailable: true }, hold);
  } catch (error) {
    if (error.name === "AbortError") return false;
    throw error;
  } finally {
    taken.abort();
  }
}

async function putObject(remote, features, { key, contentType }, init) {
  const found = await findFile(key);
  if (!found) throw new Error("The file is not on this device any more.");
  const asked = { key, contentType, contentLength: found.file.size };
  if (features.includes("checksum")) asked.sha256 = hashOf(key);
  const grant = await readGrant(await postSign(remote, "upload", asked, init), remote, "upload");
  const headers = new Headers({ "Content-Type": contentType });
  for (const [name, value] of Object.entries(grant.headers)) headers.set(name, value);
  const response = await fetch(grant.url, { ...init, method: grant.method, headers, body: found.file });
  const isThereAlready = response.status === 412;
  if (!response.ok && !isThereAlready)
    throw new RemoteFailure(502, `The object store refused or failed (${response.status}).`);
  if (response.redirected) // after a 303 the browser has only asked for a page; the next tab uploads
    throw new RemoteFailure(502, "The upload was sent on, and is not known to have arrived.");
  const isPage = (response.headers.get("content-type") ?? "").includes("html");
  if (isPage && (await response.arrayBuffer()).byteLength > 0)
    throw new RemoteFailure(502, "The upload was answered with a page: that was no object store.");
}

/** What the signer offers; fails unless it says itself that it is well: a portal before the network says anything. */
async function readFeatures(remote, init) {
  const { headers } = remote;
  const response = await fetchRemote(`${remote.signer}/health`, { ...init, headers }, "The signer");
  const health = await readJson(response);
  if (!response.ok || health?.status !== "ok")
    throw new RemoteFailure(502, `The signer or its object store is down (${response.status}).`);
  return Array.isArray(health.features) ? health.features : [];
}

/** Uploads everything of a store that waits, and notes each file that is done. Fails when one of them failed. */
async function uploadWaiting(storeId, signer, signal) {
  const init = { signal, credentials: signer.credentials };
  const remote = { signer: signer.url.replace(/\/+$/, ""), headers: signer.headers };
  const features = await readFeatures(remote, init);
  const ids = await withBackgroundUploads("readonly", ({ waiting }) => promised(waiting.getAllKeys(uploadsOf(storeId))));
  let failure = null;
  for (const id of ids) {
    const upload = await withBackgroundUploads("readonly", ({ waiting }) => promised(waiting.get(id)));
    try {
      await putObject(remote, features, upload, init);
    } catch (error) {
      signal.throwIfAborted();
      failure ??= error;
      continue;
    }
    await withBackgroundUploads("readwrite", (lists) => {
      lists.waiting.delete(id);
      lists.uploaded.put(upload.key, id);
      return countWaiting(lists, storeId);
    });
  }
  if (failure) throw failure;
}

/** Uploads what waits as soon as nobody leads, unless a page has done it by then. Fails when it cannot. */
async function continueStore(storeId) {
  for (const start = performance.now(); performance.now() - start < LEAD_WAIT_MS; ) {
    const signer = await withBackgroundUploads("readonly", ({ signers }) => promised(signers.get(storeId)));
    if (!signer) return;
    if (await whileNobodyLeads(signer.lock, (signal) => uploadWaiting(storeId, signer, signal))) return;
    if (self.registration.waiting) break; // a new version becomes active only when nothing runs in this one
    await new Promise((resolve) => setTimeout(resolve, LEAD_PAUSE_MS));
  }
  throw new Error("A page is open, which uploads by itself.");
}

async function continueUploads() {
  const storeIds = await withBackgroundUploads("readonly", ({ signers }) => promised(signers.getAllKeys()));
  const failed = (await Promise.allSettled(storeIds.map(continueStore))).find(({ reason }) => reason);
  if (failed) throw failed.reason;
}

// needs: http.js json.js pages.js
//
// --- The remote: whose it is, the signer, the object store ---
//
// Each page tells by message where its remote is and how to sign in there (see messages). It is held in
// memory only; a worker that the browser has stopped and started again asks the page anew.

const EXPIRY_MARGIN_MS = 30_000;
const MAX_GRANTS = 1000;
const remotes = new Map(); // client id -> remote

/** A remote that did not give the file, as the HTTP status and the words that the page gets. */
class RemoteFailure extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/**
 * What a page's answer {signer?, headers?} means: a missing signer stands for what was built in, an empty
 * one for no remote. `grants` holds the download URLs that the signer gave this page.
 */
function makeRemote(clientId, answer) {
  const { signer, headers } = answer ?? {};
  const builtIn = signer === undefined || signer === null;
  const base = builtIn ? OPTIONS.signer : signer;
  return {
    clientId,
    told: answer !== undefined,
    signer: base ? new URL(base, self.registration.scope).href.replace(/\/+$/, "") : null,
    template: builtIn ? OPTIONS.remoteUrl : null,
    headers: headers ?? {},
    grants: new Map(),
  };
}

function rememberRemote(clientId, answer) {
  const remote = makeRemote(clientId, answer);
  remotes.set(clientId, remote);
  return remote;
}

/** Asks a page for its remote; null when it is not answered in time. A late answer is remembered as well. */
function askPage(page) {
  return new Promise((resolve) => {
    ask(page, { type: "filesync:remote" }, (remote) => resolve(rememberRemote(page.id, remote)));
    setTimeout(() => resolve(null), ASK_MS);
  });
}

/** The remote of the page that makes a request; of any page, when a worker or a new tab makes it. */
async function remoteOf(clientId) {
  if (remotes.has(clientId)) return remotes.get(clientId);
  const pages = await openPages();
  const client = pages.find(({ id }) => id === clientId);
  // A page that does not answer is not asked for each of its images.
  if (client) return (await askPage(client)) ?? remotes.get(clientId) ?? rememberRemote(clientId);
  const answers = await Promise.all(pages.map((page) => remotes.get(page.id) ?? askPage(page)));
  return answers.find((remote) => remote?.signer) ?? makeRemote(clientId);
}

/** The same page's remote with headers asked anew; null when the page is gone or does not answer. */
async function refreshRemote(remote) {
  const page = (await openPages()).find(({ id }) => id === remote.clientId);
  return page ? askPage(page) : null;
}

/** Waits for a promise for as long as the options allow; then calls `abort` and fails with 504. */
async function inTime(promise, what, abort) {
  let timer;
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(() => {
      const seconds = OPTIONS.timeoutSeconds;
      reject(new RemoteFailure(504, `${what} did not answer within ${seconds} s; try again later.`));
      abort();
    }, OPTIONS.timeoutSeconds * 1000);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A fetch that fails with words: 504 when nobody answers. */
async function fetchRemote(url, init, what) {
  const controller = new AbortController();
  const signal = init.signal ? AbortSignal.any([init.signal, controller.signal]) : controller.signal;
  const request = fetch(url, { ...init, signal, cache: "no-store" });
  try {
    return await inTime(request, what, () => controller.abort());
  } catch (error) {
    if (error instanceof RemoteFailure) throw error;
    throw new RemoteFailure(504, `${what} could not be reached; try again when the network is back.`);
  }
}

/** Asks the signer for a URL; `direction` is "upload" or "download", `remote` has its `signer` and `headers`. */
function postSign(remote, direction, body, init = {}) {
  const headers = { ...remote.headers, "Content-Type": "application/json" };
  const request = { ...init, method: "POST", headers, body: JSON.stringify(body) };
  return fetchRemote(`${remote.signer}/v1/sign/${direction}`, request, "The signer");
}

/** What the signer gave: {url, method, headers, expires}, the last by the clock that nobody sets. */
async function readGrant(response, remote, direction) {
  const received = performance.now();
  if (!response.ok)
    throw new RemoteFailure(502, `The signer refused to give a URL for the ${direction} (${response.status}).`);
  const grant = describeGrant(await readJson(response), remote.signer, response.headers.get("date"), Date.now());
  if (grant === null) throw new RemoteFailure(502, `The signer answered without a URL for the ${direction}.`);
  return { ...grant, expires: received + grant.lifetime - EXPIRY_MARGIN_MS };
}

/** A download URL from the signer. A refused token is asked for anew once. */
async function signDownload(remote, key) {
  let response = await postSign(remote, "download", { key });
  if (response.status === 401) {
    const fresh = await refreshRemote(remote);
    if (fresh?.signer) response = await postSign(fresh, "download", { key });
  }
  return readGrant(response, remote, "download");
}

/** The object's answer to a GET. A URL kept from an earlier request is signed again when it is refused. */
async function getObject(remote, key, headers) {
  const get = (url, own) => fetchRemote(url, { headers: { ...own, ...headers } }, "The object store");
  if (remote.template) return get(new URL(fillTemplate(remote.template, key), self.registration.scope), {});
  const kept = remote.grants.get(key);
  if (kept?.expires > performance.now()) {
    const response = await get(kept.url, kept.headers);
    if (![400, 401, 403].includes(response.status)) return response;
    await response.body?.cancel();
  }
  const grant = await signDownload(remote, key);
  if (remote.grants.size >= MAX_GRANTS) remote.grants.clear();
  remote.grants.set(key, grant);
  return get(grant.url, grant.headers);
}

/** Like getObject, but only 200, 206 and 416 come back; everything else is a failure with words. */
async function requestObject(clientId, key, headers) {
  const remote = await remoteOf(clientId);
  if (!remote.signer && !remote.template) {
    if (remote.told) throw new RemoteFailure(404, "The file is not on this device, and there is no remote.");
    throw new RemoteFailure(
      504,
      "The file is not on this device, and the page did not say where its remote is.",
    );
  }
  const response = await getObject(remote, key, headers);
  if ([200, 206, 416].includes(response.status)) return response;
  await response.body?.cancel();
  if (response.status === 404)
    throw new RemoteFailure(404, "The file is neither on this device nor in the object store.");
  throw new RemoteFailure(502, `The object store refused or failed (${response.status}).`);
}

// --- The app shell: precached by revision, opens offline ---
//
// One cache holds every precached file under a key made of its URL and its revision. A new worker adds what
// is new while the old one goes on with its own entries; if anything fails, the new one never becomes
// active. Unchanged files are not loaded again. What the active worker does not list is removed when it
// becomes active.

const REVISION = "filesync-revision";
const FETCHES_AT_ONCE = 6;
const RETRY_PAUSES = [500, 2000]; // ms

/** A URL without fragment, and without the `index.html` that stands for its folder. */
function shellUrl(url) {
  const plain = new URL(url, self.location);
  plain.hash = "";
  plain.pathname = plain.pathname.replace(/\/index\.html$/, "/");
  return plain.href;
}

function shellKey(url, revision) {
  const key = new URL(url);
  key.searchParams.set(REVISION, revision);
  return key.href;
}

const shell = new Map(
  OPTIONS.precache.map(([url, revision]) => [shellUrl(url), shellKey(shellUrl(url), revision)]),
);
const fallbackUrl = OPTIONS.navigationFallback === null ? null : shellUrl(OPTIONS.navigationFallback);

function openShell() {
  return caches.open(`filesync-shell:${self.registration.scope}`);
}

/**
 * Fails unless the bytes are those of the revision, when that is a hash: a half-deployed site is not taken.
 */
async function checkRevision(url, revision, bytes) {
  const [, expected] = /^sha256:([0-9a-f]+)$/.exec(revision) ?? [];
  if (expected === undefined) return;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (!hex.startsWith(expected))
    throw new Error(`${url} is not the revision that this service worker was made for.`);
}

async function precacheFile(cache, url, revision) {
  const key = shellKey(url, revision);
  if (await cache.match(key)) return;
  const response = await fetch(url, { cache: "no-cache" });
  if (!response.ok) throw new Error(`${url} cannot be precached: the server answered ${response.status}.`);
  const bytes = await response.arrayBuffer();
  await checkRevision(url, revision, bytes);
  const headers = new Headers(response.headers);
  for (const name of ["Content-Encoding", "Content-Length", "Vary"]) headers.delete(name);
  await cache.put(key, new Response(bytes, { headers }));
}

/** One connection that breaks does not cost the whole version; what the server says is final. */
async function precacheWithRetries(cache, url, revision) {
  for (const pause of RETRY_PAUSES) {
    try {
      await precacheFile(cache, url, revision);
      return;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // fetch has this one type for all that a network does
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  await precacheFile(cache, url, revision);
}

async function fillShell() {
  if (OPTIONS.precache.length === 0) return;
  const cache = await openShell();
  const waiting = OPTIONS.precache.map(([url, revision]) => [shellUrl(url), revision]);
  const work = async () => {
    while (waiting.length > 0) await precacheWithRetries(cache, ...waiting.shift());
  };
  await Promise.all(Array.from({ length: FETCHES_AT_ONCE }, work));
}

async function removeOldShell() {
  const cache = await openShell();
  const current = new Set(shell.values());
  const old = (await cache.keys()).filter((request) => !current.has(request.url));
  await Promise.all(old.map((request) => cache.delete(request)));
}

async function shellAnswer(url) {
  return (await openShell()).match(shell.get(url));
}

/** The answer to a request of the app shell; null when the request is none of ours. */
function serveShell({ request }) {
  if (request.method !== "GET" || shell.size === 0) return null;
  const url = new URL(request.url);
  if (request.mode === "navigate") url.search = ""; // parameters of the app, such as ?storeId=
  const wanted = shellUrl(url);
  if (shell.has(wanted)) return shellAnswer(wanted).then((answer) => answer ?? fetch(request));
  if (request.mode !== "navigate" || fallbackUrl === null) return null;
  return fetch(request).catch(async (error) => {
    const answer = await shellAnswer(fallbackUrl);
    if (!answer) throw error;
    return answer;
  });
}

// needs: http.js pages.js remote.js shell.js storage.js transfer.js
//
// --- Messages: {type, ...} with a MessagePort, answered by {ok: true, result} or {ok: false, error} ---

const MESSAGES = {
  /** The page's remote: {signer?, headers?}. */
  "filesync:configure": async ({ signer, headers }, clientId) => {
    const pages = await self.clients.matchAll({ includeUncontrolled: true });
    const open = new Set(pages.map((page) => page.id));
    for (const id of remotes.keys()) if (!open.has(id)) remotes.delete(id);
    rememberRemote(clientId, { signer, headers });
    silent.clear();
    return null;
  },

  /**
   * Brings the files at `paths` onto this device: {fetched: [path], present: [path], failed: {path:
   * message}}.
   */
  "filesync:prefetch": async ({ paths }, clientId) => {
    const report = { fetched: [], present: [] };
    const failed = new Map();
    const waiting = [...new Set(paths)];
    const work = async () => {
      while (waiting.length > 0) {
        const path = waiting.shift();
        try {
          const key = keyOfPath(path, OPTIONS.prefix, FILES_ROOT);
          if (key === null) throw new Error("This path names no file: it must end in <store id>/<sha256>.");
          report[await prefetchFile(clientId, key)].push(path);
        } catch (error) {
          failed.set(path, String(error?.message ?? error));
        }
      }
    };
    await Promise.all([work(), work()]);
    return { ...report, failed: Object.fromEntries(failed) }; // a path may be anything, also `__proto__`
  },

  /** Removes the remote files that are kept; the page's own copies stay: {files, bytes} removed. */
  "filesync:clear-cache": () => clearCache(),

  "filesync:status": async (_message, clientId) => ({
    build: OPTIONS.build,
    prefix: OPTIONS.prefix,
    signer: remotes.get(clientId)?.signer ?? null,
    cacheRemote: OPTIONS.cacheRemote,
    cached: await measureCache(),
    precached: (await (await openShell()).keys()).length,
  }),

  "filesync:skip-waiting": async () => {
    await self.skipWaiting();
    return null;
  },

  "filesync:claim": async () => {
    await self.clients.claim();
    return null;
  },
};

/** A page of a newer version asks for it; without an answer that one would wait. */
function unknownMessage({ type }) {
  throw new Error(`This version of the service worker knows no ${type}: let the waiting one take over.`);
}

async function answerMessage(handler, event) {
  const [port] = event.ports;
  try {
    const result = await handler(event.data, event.source?.id ?? "");
    port?.postMessage({ ok: true, result });
  } catch (error) {
    port?.postMessage({ ok: false, error: String(error?.message ?? error) });
  }
}

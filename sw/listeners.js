// needs: background_uploads.js files.js http.js messages.js shell.js storage.js uploads.js
//
// --- Listeners: all that the world outside sees of this script ---

self.addEventListener("install", (event) => event.waitUntil(fillShell()));

self.addEventListener("activate", (event) => event.waitUntil(Promise.all([removeOldShell(), sweepCache()])));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (url.origin !== self.location.origin || isSigned(url.searchParams)) return;
  if (url.pathname.startsWith(OPTIONS.prefix)) {
    // Everything but reading goes to the network untouched.
    if (["GET", "HEAD"].includes(request.method))
      event.respondWith(serveFile(event, fileKey(url.pathname, OPTIONS.prefix)));
    return;
  }
  const answer = serveShell(event);
  if (answer) event.respondWith(answer);
});

self.addEventListener("message", (event) => {
  const type = event.data?.type;
  if (typeof type !== "string" || !type.startsWith("filesync:")) return; // another script's
  event.waitUntil(answerMessage(Object.hasOwn(MESSAGES, type) ? MESSAGES[type] : unknownMessage, event));
});

self.addEventListener("sync", (event) => {
  // A rejection makes the browser try again later.
  if (event.tag === SYNC_TAG) event.waitUntil(continueUploads());
});

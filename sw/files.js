// needs: http.js storage.js transfer.js
//
// --- Serving files ---

/** The answer to a GET or HEAD under the prefix: from this device, else from the remote. */
async function serveFile(event, key) {
  const { request } = event;
  if (key === null) return plainAnswer(404, "This URL names no file: it must end in <store id>/<sha256>.");
  if (isForCode(request.destination)) return plainAnswer(403, "A stored file is data: no page can run it.");
  const found = await findFile(key);
  if (!found) return serveRemote(event, key);
  const hash = hashOf(key);
  const plan = planAnswer(request.method, request.headers, hash, found.file.size);
  const contentType = await readContentType(key);
  const headers = { ...fileHeaders(hash, contentType, found.source), ...plan.headers };
  if (plan.status === 304) delete headers["Content-Type"];
  const bodiless = request.method === "HEAD" || plan.status === 304 || plan.status === 416;
  // A slice is read from disk by the browser itself: half the time and memory of a stream.
  return new Response(bodiless ? null : found.file.slice(plan.start, plan.end), {
    status: plan.status,
    headers,
  });
}

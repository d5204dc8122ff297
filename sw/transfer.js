// needs: http.js remote.js sha256.js storage.js
//
// --- Remote bytes: verified on the way, kept only when they are right ---

/** A sink that may fail (no space, say) without a failure of the transfer: `failure` says what went wrong. */
async function createKeeper(key) {
  const keeper = { failure: null };
  let sink = null;
  const attempt = (action) => async (argument) => {
    if (keeper.failure) return;
    try {
      await sink[action](argument);
    } catch (error) {
      keeper.failure = error;
      await sink.discard();
    }
  };
  try {
    sink = await createSink(key);
  } catch (error) {
    keeper.failure = error;
  }
  const [write, publish, discard] = ["write", "publish", "discard"].map(attempt);
  return Object.assign(keeper, { write, publish, discard });
}

/**
 * The body of `response` as a stream that fails unless it has the hash that `key` ends in.
 *
 * Runs at the reader's pace, so memory stays bounded. The last chunk is held back until the hash is known:
 * nobody receives the whole of a wrong file. `keeper` gets the same bytes and publishes them only when
 * they are right. `settle` is called once, when nothing more will happen.
 */
function verifiedStream(response, key, keeper, settle) {
  const reader = response.body?.getReader() ?? { read: async () => ({ done: true }), cancel: async () => {} };
  const sha = new Sha256();
  let held = null;

  async function finish(controller) {
    if (sha.hex() !== hashOf(key)) {
      throw new RemoteFailure(502, "The object store sent bytes with another hash; they were thrown away.");
    }
    await keeper?.publish(response.headers.get("content-type") ?? "");
    if (held) controller.enqueue(held);
    controller.close();
    settle();
  }

  return new ReadableStream({
    async pull(controller) {
      try {
        for (let passed = false; !passed;) {
          const { done, value } = await inTime(reader.read(), "The object store", () => reader.cancel());
          if (done) return await finish(controller);
          sha.update(value);
          await keeper?.write(value);
          if (held) controller.enqueue(held);
          passed = held !== null;
          held = value;
        }
      } catch (error) {
        await keeper?.discard();
        await reader.cancel().catch(() => {});
        controller.error(error);
        settle();
      }
      return undefined;
    },
    async cancel(reason) {
      await keeper?.discard();
      await reader.cancel(reason).catch(() => {});
      settle();
    },
  });
}

function remoteHeaders(response, key) {
  return fileHeaders(hashOf(key), response.headers.get("content-type"), "remote");
}

/** The length that a 200 answer promises, or null when it is unknown or is that of an encoded body. */
function promisedLength(response) {
  if (response.status !== 200 || response.headers.get("content-encoding")) return null;
  return response.headers.get("content-length");
}

async function requestWhole(clientId, key) {
  const response = await requestObject(clientId, key, {});
  if (response.status === 200) return response;
  await response.body?.cancel();
  throw new RemoteFailure(502, `The object store sent no whole file (${response.status}).`);
}

/** The whole object, verified while it streams; 206 when the page asked for all of it as a range. */
async function serveWhole(event, key, asRange) {
  const response = await requestWhole(event.clientId, key);
  const headers = remoteHeaders(response, key);
  const length = promisedLength(response);
  if (length !== null) headers["Content-Length"] = length;
  const partial = asRange && Number(length) > 0;
  if (partial) headers["Content-Range"] = `bytes 0-${Number(length) - 1}/${length}`;
  const keeper = OPTIONS.cacheRemote ? await createKeeper(key) : null;
  let settle;
  event.waitUntil(new Promise((resolve) => (settle = resolve)));
  return new Response(verifiedStream(response, key, keeper, settle), {
    status: partial ? 206 : 200,
    headers,
  });
}

/** A part of the object, passed on as it comes: a part has no hash to check, so it is never kept. */
async function servePart(event, key, range) {
  const response = await requestObject(event.clientId, key, { Range: formatRange(range) });
  const headers = remoteHeaders(response, key);
  for (const name of ["Content-Range", "Content-Length"]) {
    if (response.headers.has(name)) headers[name] = response.headers.get(name);
  }
  if (response.status === 206 && !headers["Content-Range"]) {
    await response.body?.cancel();
    throw new RemoteFailure(502, "The object store's CORS settings do not expose Content-Range.");
  }
  if (response.status === 416) return new Response(null, { status: 416, headers });
  if (response.status === 206) return new Response(response.body, { status: 206, headers });
  delete headers["Content-Range"]; // a store that ignores ranges sends the whole
  const body = verifiedStream(response, key, null, () => {});
  return new Response(body, { headers });
}

/** The object's headers only. A presigned GET cannot be sent as HEAD, so the first byte is asked for. */
async function serveHead(event, key) {
  const response = await requestObject(event.clientId, key, { Range: "bytes=0-0" });
  await response.body?.cancel();
  const headers = remoteHeaders(response, key);
  const length =
    promisedLength(response) ?? /\/(\d+)$/.exec(response.headers.get("content-range") ?? "")?.[1];
  if (length !== undefined) headers["Content-Length"] = length;
  return new Response(null, { headers });
}

/** The answer for a file that is not on this device. */
async function serveRemote(event, key) {
  const { request } = event;
  const hash = hashOf(key);
  if (noneMatchHit(request.headers.get("if-none-match"), hash)) {
    // The content under a hash cannot change, so nobody needs to be asked.
    return new Response(null, { status: 304, headers: { ETag: `"${hash}"` } });
  }
  try {
    if (request.method === "HEAD") return await serveHead(event, key);
    const range = wantedRange("GET", request.headers, hash);
    const whole = range === null || (range.first === 0 && range.last === undefined);
    return await (whole ? serveWhole(event, key, range !== null) : servePart(event, key, range));
  } catch (error) {
    if (error instanceof RemoteFailure) return plainAnswer(error.status, error.message);
    throw error;
  }
}

/** Brings a file onto this device: "present" when it was, "fetched" when it is now. Fails with words. */
async function prefetchFile(clientId, key) {
  if (await findFile(key)) return "present";
  const response = await requestWhole(clientId, key);
  const keeper = await createKeeper(key);
  await verifiedStream(response, key, keeper, () => {}).pipeTo(new WritableStream());
  if (keeper.failure) throw keeper.failure;
  return "fetched";
}

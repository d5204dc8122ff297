// --- Remote bytes: verified on the way, kept only when they are right ---

/** Writes to a sink until that fails (no space, say); serving goes on without it. */
class Keeper {
  constructor(sink) {
    this.sink = sink;
    this.failure = null;
  }

  /** A keeper for `key`; without a sink when this browser cannot write here. */
  static async open(key) {
    try {
      return new Keeper(await createSink(key));
    } catch (error) {
      const keeper = new Keeper(null);
      keeper.failure = error;
      return keeper;
    }
  }

  async do(action, ...args) {
    if (!this.sink) return;
    try {
      await this.sink[action](...args);
    } catch (error) {
      const { sink } = this;
      this.sink = null;
      this.failure = error;
      await sink.discard();
    }
  }
}

/**
 * The body of `response` as a stream that fails unless it has the hash that `key` ends in.
 *
 * Runs at the reader's pace, so memory stays bounded. The last chunk is held back until the hash is known: nobody
 * receives the whole of a wrong file. `keeper` gets the same bytes and publishes them only when they are right.
 * `settled` is called once, when nothing more will happen.
 */
function verifiedStream(response, key, keeper, settled) {
  const reader = response.body?.getReader() ?? { read: async () => ({ done: true }), cancel: async () => {} };
  const sha = new Sha256();
  let held = null;

  async function finish(controller) {
    if (sha.hex() !== key.split("/")[1]) {
      throw new RemoteFailure(502, "The object store sent bytes with another hash; they were thrown away.");
    }
    await keeper?.do("publish", response.headers.get("content-type") ?? "");
    if (held) controller.enqueue(held);
    controller.close();
    settled();
  }

  return new ReadableStream({
    async pull(controller) {
      try {
        for (let passed = false; !passed; ) {
          const { done, value } = await inTime(reader.read(), "The object store", () => reader.cancel());
          if (done) return await finish(controller);
          sha.update(value);
          await keeper?.do("write", value);
          if (held) controller.enqueue(held);
          passed = held !== null;
          held = value;
        }
      } catch (error) {
        await keeper?.do("discard");
        await reader.cancel().catch(() => {});
        controller.error(error);
        settled();
      }
      return undefined;
    },
    async cancel(reason) {
      await keeper?.do("discard");
      await reader.cancel(reason).catch(() => {});
      settled();
    },
  });
}

/** The length that a 200 answer promises, or null when it is unknown or is that of an encoded body. */
function promisedLength(response) {
  if (response.status !== 200 || response.headers.get("content-encoding")) return null;
  return response.headers.get("content-length");
}

/** The whole object, verified while it streams; 206 when the page asked for all of it as a range. */
async function serveWhole(event, key, asRange) {
  const response = await requestObject(clientOf(event), key, {});
  if (response.status !== 200) throw new RemoteFailure(502, `The object store sent no whole file (${response.status}).`);
  const [, hash] = key.split("/");
  const headers = fileHeaders(hash, response.headers.get("content-type"), "remote");
  const length = promisedLength(response);
  if (length !== null) headers["Content-Length"] = length;
  const partial = asRange && Number(length) > 0;
  if (partial) headers["Content-Range"] = `bytes 0-${Number(length) - 1}/${length}`;
  const keeper = OPTIONS.cacheRemote ? await Keeper.open(key) : null;
  let settled;
  event.waitUntil(new Promise((resolve) => { settled = resolve; }));
  return new Response(verifiedStream(response, key, keeper, settled), { status: partial ? 206 : 200, headers });
}

/** A part of the object, passed on as it comes: a part has no hash to check, so it is never kept. */
async function servePart(event, key, range) {
  const response = await requestObject(clientOf(event), key, { Range: formatRange(range) });
  const [, hash] = key.split("/");
  const headers = fileHeaders(hash, response.headers.get("content-type"), "remote");
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
  return new Response(verifiedStream(response, key, null, () => {}), { headers });
}

/** The object's headers only. A presigned GET cannot be sent as HEAD, so the first byte is asked for. */
async function serveHead(event, key) {
  const response = await requestObject(clientOf(event), key, { Range: "bytes=0-0" });
  await response.body?.cancel();
  const [, hash] = key.split("/");
  const headers = fileHeaders(hash, response.headers.get("content-type"), "remote");
  const length = promisedLength(response) ?? /\/(\d+)$/.exec(response.headers.get("content-range") ?? "")?.[1];
  if (length !== undefined) headers["Content-Length"] = length;
  return new Response(null, { headers });
}

function clientOf(event) {
  return event.clientId || event.resultingClientId;
}

/** The answer for a file that is not on this device. */
async function serveRemote(event, key) {
  const { request } = event;
  const hash = key.split("/")[1];
  if (noneMatchHit(request.headers.get("if-none-match"), hash)) {
    return new Response(null, { status: 304, headers: { ETag: `"${hash}"` } }); // content under a hash cannot change
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
  const response = await requestObject(clientId, key, {});
  if (response.status !== 200) throw new RemoteFailure(502, `The object store sent no whole file (${response.status}).`);
  const keeper = await Keeper.open(key);
  await verifiedStream(response, key, keeper, () => {}).pipeTo(new WritableStream());
  if (keeper.failure) throw keeper.failure;
  return "fetched";
}

// --- HTTP: pure functions, which Node runs as well ---

const FILE_KEY = /^(?!\.+\/)[A-Za-z0-9._-]{1,128}\/[0-9a-f]{64}$/; // a store of dots alone would be a folder above
const SIGNATURES = ["sig", "x-amz-signature"];

/** The key `<store id>/<sha256>` that a URL path names under the prefix; null when it names no file. */
function fileKey(pathname, prefix) {
  const key = pathname.startsWith(prefix) ? pathname.slice(prefix.length) : "";
  return FILE_KEY.test(key) ? key : null;
}

/** The key that a file path, with or without its leading slash, or a URL path names; null for no file. */
function keyOfPath(path, prefix, root) {
  const absolute = path.startsWith("/") ? path : `/${path}`;
  return fileKey(absolute, prefix) ?? fileKey(absolute, `/${root}/`);
}

function hashOf(key) {
  return key.slice(key.indexOf("/") + 1);
}

/** Whether a URL is presigned: that is traffic of the engine with the data plane, which must stay its own. */
function isSigned(searchParams) {
  return [...searchParams.keys()].some((name) => SIGNATURES.includes(name.toLowerCase()));
}

/**
 * Reads a Range header (RFC 9110, section 14.1.1): {first, last?} or {suffix} in bytes.
 * Null when it must be ignored: absent, malformed, another unit, or several ranges, which are answered
 * with 200.
 */
function parseRange(header) {
  const match = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(header ?? "");
  if (!match || (match[1] === "" && match[2] === "")) return null;
  if (match[1] === "") return { suffix: Number(match[2]) };
  const first = Number(match[1]);
  if (match[2] === "") return { first };
  const last = Number(match[2]);
  return last < first ? null : { first, last };
}

/** Clamps a range to `size` bytes: {start, end} with `end` exclusive; null when it is unsatisfiable (416). */
function resolveRange(range, size) {
  if ("suffix" in range)
    return range.suffix === 0 ? null : { start: Math.max(0, size - range.suffix), end: size };
  if (range.first >= size) return null;
  return { start: range.first, end: Math.min(size, (range.last ?? Infinity) + 1) };
}

/** The Range header for a parsed range, in its one canonical spelling. */
function formatRange(range) {
  return "suffix" in range ? `bytes=-${range.suffix}` : `bytes=${range.first}-${range.last ?? ""}`;
}

/** Whether If-None-Match names the content (weak comparison, RFC 9110, section 13.1.2). */
function noneMatchHit(header, hash) {
  if (header === null) return false;
  return header.split(",").some((tag) => ["*", `"${hash}"`, `W/"${hash}"`].includes(tag.trim()));
}

/** The range that a request asks for, null for the whole: it counts on GET only, and If-Range is strong. */
function wantedRange(method, headers, hash) {
  const condition = headers.get("if-range");
  if (method !== "GET" || (condition !== null && condition.trim() !== `"${hash}"`)) return null;
  return parseRange(headers.get("range"));
}

/**
 * How to answer a GET or HEAD for `size` stored bytes: {status, start, end, headers}.
 * Bytes [start, end) are the body; headers describe them.
 */
function planAnswer(method, asked, hash, size) {
  if (noneMatchHit(asked.get("if-none-match"), hash)) return { status: 304, start: 0, end: 0, headers: {} };
  const range = wantedRange(method, asked, hash);
  // A suffix of nothing is satisfiable, yet no Content-Range can express it: the (empty) whole is the answer.
  const whole = range === null || (size === 0 && range.suffix > 0);
  const part = whole ? { start: 0, end: size } : resolveRange(range, size);
  if (!part) {
    const headers = { "Content-Range": `bytes */${size}`, "Content-Length": "0" };
    return { status: 416, start: 0, end: 0, headers };
  }
  const headers = { "Content-Length": String(part.end - part.start) };
  if (!whole) headers["Content-Range"] = `bytes ${part.start}-${part.end - 1}/${size}`;
  return { status: whole ? 200 : 206, ...part, headers };
}

/**
 * What every answer with a file's bytes carries. The type is the user's word, so the browser must neither
 * guess another one nor run the file as a document of this origin: `sandbox` takes its scripts and its
 * origin away.
 */
function fileHeaders(hash, contentType, source) {
  return {
    "Accept-Ranges": "bytes",
    "Cache-Control": "private, max-age=31536000, immutable",
    "Content-Security-Policy": "sandbox",
    "Content-Type": contentType || "application/octet-stream",
    ETag: `"${hash}"`,
    "X-Content-Type-Options": "nosniff",
    "X-Source": source,
  };
}

/** An answer in plain words, for people and logs. */
function plainAnswer(status, text) {
  const headers = { "Cache-Control": "no-store", "Content-Type": "text/plain; charset=utf-8" };
  return new Response(`${text}\n`, { status, headers: { ...headers, "X-Content-Type-Options": "nosniff" } });
}

// What a browser runs, or lets style a page or describe an app.
const CODE = ["audioworklet", "manifest", "paintworklet", "script", "serviceworker", "sharedworker", "style", "worker", "xslt"];

/** Whether a request's destination makes code of the answer: a file of the store is data, whoever saved it. */
function isForCode(destination) {
  return CODE.includes(destination);
}

/** How long a URL is good, in milliseconds: by the signer's own clock, since ours (`now`) may be wrong by hours. */
function lifetimeOf(url, expiresAt, date, now) {
  const expires = Date.parse(expiresAt);
  const bySigner = expires - Date.parse(date);
  if (!Number.isNaN(bySigner)) return bySigner;
  const seconds = Number(url.searchParams.get("X-Amz-Expires") ?? NaN);
  return Number.isNaN(seconds) ? expires - now : seconds * 1000;
}

/**
 * What a signer's answer grants: {url, method, headers, lifetime}; null when it grants nothing that can be asked for. `date`
 * is the answer's own. An upload is a PUT or a POST: whatever else is answered with 200 has stored nothing.
 */
function describeGrant(answer, signer, date, now) {
  const { url: text, headers, method, expiresAt } = answer ?? {};
  if (typeof text !== "string" || !URL.canParse(text, signer)) return null;
  const url = new URL(text, signer);
  if (!["http:", "https:"].includes(url.protocol)) return null;
  return {
    url: url.href,
    method: method === "POST" ? "POST" : "PUT",
    headers: typeof headers === "object" ? { ...headers } : {},
    lifetime: lifetimeOf(url, expiresAt, date, now),
  };
}

/** The remote URL that a template such as `https://files.example/{key}` gives for a key. */
function fillTemplate(template, key) {
  return template.replaceAll("{key}", key.split("/").map(encodeURIComponent).join("/"));
}

// Pyodide's own module is ./pyodide.stock.mjs. This one, in its place, starts it with the first part of the standard
// library and brings the rest: at once where it is on this device already, else soon after the start, and while
// an import waits when that comes first.

import { loadPyodide as loadStock, version } from "./pyodide.stock.mjs";

export { version };

const REST = new URL("./python_stdlib_rest.bin", import.meta.url).href;
const PAUSE = 10_000; // milliseconds after the start, which is busy with the page's own files

export async function loadPyodide(options = {}) {
  const isOurLibrary = options.stdLibURL === undefined;
  const kept = isOurLibrary ? fetchKept() : null;
  const pyodide = await loadStock(options);
  keepOutOfCollections(pyodide);
  if (isOurLibrary) complete(pyodide, await kept);
  return pyodide;
}

/** What is here now stays: Python's garbage collector need not look through it, again and again, for garbage. */
function keepOutOfCollections(pyodide) {
  const gc = pyodide.pyimport("gc");
  gc.freeze();
  gc.destroy();
}

/** Lets imports find all of the library; `kept` is the rest when it is here already. */
function complete(pyodide, kept) {
  const module = pyodide.pyimport("_stdlib_rest");
  const finder = module.install(fetchNow);
  module.destroy();
  const add = (rest) => {
    finder.complete_with(rest);
    finder.destroy();
  };
  if (kept) {
    try {
      return add(kept);
    } catch {
      // It is of another build. Most pages never need it; an import that does will try again, and tell.
    }
  }
  setTimeout(() => {
    if (!finder.is_needed) finder.destroy();
    else fetchRest({ priority: "low" }).then(add).catch(() => {}); // an import will try again
  }, PAUSE);
}

async function fetchRest(options) {
  const response = await fetch(REST, { credentials: "same-origin", ...options });
  if (!response.ok) throw new Error(`${REST}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

/**
 * The rest if a service worker keeps it, else null. It is not left to an import, whose synchronous request goes
 * past the worker in Chromium.
 */
async function fetchKept() {
  try {
    return (await caches.match(REST, { ignoreSearch: true })) ? await fetchRest() : null;
  } catch {
    return null; // there are no caches in an insecure context, or the worker does not control this page
  }
}

/** The rest, while Python waits. */
function fetchNow() {
  const isPage = typeof document !== "undefined";
  const request = new XMLHttpRequest();
  request.open("GET", REST, false);
  if (isPage) request.overrideMimeType("text/plain; charset=x-user-defined"); // text only: a byte a character
  else request.responseType = "arraybuffer";
  request.send();
  if (request.status !== 200) throw new Error(`${REST}: ${request.status}`);
  if (!isPage) return new Uint8Array(request.response);
  const text = request.responseText;
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = text.charCodeAt(at) & 0xff;
  return bytes;
}

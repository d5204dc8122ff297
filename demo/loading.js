// What the page shows while Python starts, and what it says when Python cannot start.
// PyScript reports its steps as `py:progress` events; the gallery takes over when main.py calls `finish`.

import { Speed } from './speed.js';

// Without stack switching (JSPI), which the gallery does not need: Chromium's memory samplers can crash a page that
// runs WebAssembly on a stack of its own. Pyodide asks for these names when it starts.
delete WebAssembly.Suspending;
delete WebAssembly.promising;

const STARTING = 'Starting Python in your browser …';
const LOADED = 70; // percent of the bar when everything has arrived
const STEPS = [
  ['Loading', null, 5],
  ['Loaded interpreter', 'Preparing the gallery …', 75],
  ['Loaded Pyodide', 'Opening your files …', 90],
];

const NOT_HERE = 'A part of the page did not arrive. Check your connection, then try again.';

// What Chromium, Firefox and WebKit say of a file that did not arrive, or of a module.
const NOT_ARRIVED = /Failed to fetch|NetworkError|error loading .*module|Load failed|Importing .* failed/;

const part = (name) => document.getElementById(`loading-${name}`);

const hasFailed = () => document.getElementById('loading').classList.contains('failed');

let shown = 0;

function show(text, percent) {
  if (hasFailed()) return; // the reason stays, whatever still arrives
  if (text) part('text').textContent = text;
  shown = Math.max(shown, percent);
  part('bar').style.width = `${shown}%`;
}

export function fail(reason) {
  const section = document.getElementById('loading');
  if (section.hidden || hasFailed() || !reason) return; // the first reason says most
  section.classList.add('failed');
  part('title').textContent = 'The gallery could not start';
  part('text').textContent = NOT_ARRIVED.test(reason) ? NOT_HERE : reason;
  part('retry').hidden = false;
}

addEventListener('py:progress', ({ detail }) => {
  const step = STEPS.findLast(([name]) => String(detail).startsWith(name));
  if (step) show(step[1], step[2]);
});

// A script that did not arrive (capture: such errors do not bubble), or an error before Python could report it.
addEventListener('error', ({ target, message }) => {
  if (target instanceof HTMLScriptElement) fail(NOT_HERE);
  else if (message) fail(message);
}, true);
addEventListener('unhandledrejection', ({ reason }) => fail(String(reason?.message ?? reason)));

// A picture dropped before the gallery is ready would replace the page.
for (const type of ['dragover', 'drop']) addEventListener(type, (event) => event.preventDefault());

part('retry').addEventListener('click', () => location.reload());

// --- How much has arrived ---

// Bytes of the large files, unpacked, by URL: the build writes them into the page.
const sizes = new Map(
  Object.entries(JSON.parse(part('sizes').textContent || '{}')).map(([path, size]) => [new URL(path, location).href, size]),
);
// Of each file that is on its way: the share that is here, and the bytes that travel, compressed or not.
const files = new Map();
const speed = new Speed();

/**
 * Begin to fetch the large files, so that there is something to tell from the first moment; Pyodide and PyScript get
 * what has come of them when they ask for it, some seconds later on a slow line.
 */
function countFetches() {
  const { fetch } = globalThis;
  const begun = new Map(
    Array.from(sizes.keys(), (url) => [url, fetch(url).then((response) => (response.ok ? counted(response) : response))]),
  );
  for (const response of begun.values()) response.catch(() => {}); // it is asked for again, below
  globalThis.fetch = (...request) => {
    const { href } = new URL(request[0].url ?? request[0], location);
    const response = begun.get(href);
    begun.delete(href); // it can be read once
    return response?.catch(() => fetch(...request)) ?? fetch(...request);
  };
  addEventListener('py:progress', ({ detail }) => {
    if (detail === 'Loaded Pyodide') globalThis.fetch = fetch;
  });
}

function counted(response) {
  const size = sizes.get(response.url);
  const file = { share: 0, bytes: Number(response.headers.get('content-length')) || size };
  files.set(response.url, file);
  const count = {
    transform(chunk, controller) {
      file.share = Math.min(1, file.share + chunk.byteLength / size);
      showArrived();
      controller.enqueue(chunk);
    },
  };
  const untilRead = new CountQueuingStrategy({ highWaterMark: Infinity }); // it comes also while nobody reads it
  const { status, headers } = response;
  return new Response(response.body.pipeThrough(new TransformStream(count, undefined, untilRead)), { status, headers });
}

/** Files that have not begun to arrive are taken to be compressed like the others. */
function showArrived() {
  let unpacked = 0;
  let travelling = 0;
  let arrived = 0;
  for (const [url, { share, bytes }] of files) {
    unpacked += sizes.get(url);
    travelling += bytes;
    arrived += share * bytes;
  }
  const total = travelling * [...sizes.values()].reduce((sum, size) => sum + size, 0) / unpacked;
  speed.add(arrived, performance.now());
  const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
  const text = [`Loading Python: ${megabytes(arrived)} of ${megabytes(total)} MB`, `${speed}`].filter(Boolean).join(', ');
  show(arrived < 0.99 * total ? text : STARTING, LOADED * arrived / total);
}

// What is on this device already is quick, and would be slower through our hands: browsers keep its compiled form.
if (navigator.serviceWorker?.controller) {
  show(navigator.onLine ? 'Opening from this device …' : 'You are offline. Opening from this device …', 5);
} else {
  countFetches();
}

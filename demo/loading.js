// What the page shows while Python starts, and what it says when Python cannot start.
// PyScript reports its steps as `py:progress` events; the gallery takes over when main.py calls `finish`.

// Without stack switching (JSPI), which the gallery does not need: Chromium's memory samplers can crash a page that
// runs WebAssembly on a stack of its own. Pyodide asks for these names when it starts.
delete WebAssembly.Suspending;
delete WebAssembly.promising;

const STEPS = [
  ['Loading', 'Starting Python in your browser …', 15],
  ['Loaded Pyodide', 'Preparing the gallery …', 60],
  ['Loading packages', 'Installing the file sync kit …', 70],
  ['Loaded packages', 'Opening your files …', 90],
];

const NOT_HERE = 'A part of the page did not arrive. Check your connection, then try again.';

// What Chromium, Firefox and WebKit say of a file that did not arrive, or of a module.
const NOT_ARRIVED = /Failed to fetch|NetworkError|error loading .*module|Load failed|Importing .* failed/;

const part = (name) => document.getElementById(`loading-${name}`);

function show(text, percent) {
  part('text').textContent = text;
  part('bar').style.width = `${percent}%`;
}

export function fail(reason) {
  const section = document.getElementById('loading');
  if (section.hidden || section.classList.contains('failed') || !reason) return; // the first reason says most
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

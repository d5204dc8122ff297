// Bare Pyodide in a module worker: it runs the bodies of functions that the page posts.

import { areNeeded, borrowWorkers } from "/testing/lent_workers.mjs";
import { loadPyodide } from "/testing/pyodide/pyodide.mjs";

const WHEEL = "/wheels/filesync_web-0.1.0-cp314-none-any.whl";

async function start() {
  const pyodide = await loadPyodide();
  await pyodide.loadPackage("micropip", { messageCallback: () => {} });
  await pyodide.pyimport("micropip").install(new URL(WHEEL, location).href);
  globalThis.pyodide = pyodide;
  return pyodide;
}

if (areNeeded) borrowWorkers();
const started = start();
started.catch(() => {}); // whoever asks is told

onmessage = async ({ data: { id, body } }) => {
  try {
    const run = (await started).runPython("from pyodide.code import run_js; run_js");
    postMessage({ id, value: await run(`(async () => { ${body} })()`) });
  } catch (error) {
    postMessage({ id, error: String(error.stack || error) });
  }
};

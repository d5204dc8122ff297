// Pyodide on one stack, for workers: what a page deletes of its own `WebAssembly`, its workers still have.
// Chromium's memory samplers can crash a page that runs WebAssembly on a stack of its own (JSPI), which Pyodide does
// where it finds these two names when it starts. (On Linux they leave workers alone.)

delete WebAssembly.Suspending;
delete WebAssembly.promising;

export { loadPyodide, version } from "./pyodide.mjs";

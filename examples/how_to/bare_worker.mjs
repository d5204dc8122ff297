import { loadPyodide } from "/pyodide/pyodide.without-jspi.mjs";

const pyodide = await loadPyodide();
await pyodide.loadPackage("micropip");
const wheel = new URL("/wheels/filesync_web-0.1.0-cp314-none-any.whl", location);
await pyodide.pyimport("micropip").install(wheel.href);
await pyodide.runPythonAsync(await (await fetch("./sums.py")).text());
const addUp = pyodide.globals.get("add_up");

onmessage = async ({ data: file }) => postMessage(await addUp(file, "amount"));
postMessage("ready");

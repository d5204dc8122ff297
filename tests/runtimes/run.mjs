// Runs a Python program in Pyodide, in Node or Deno: run.mjs FOLDER_OF_PYODIDE WHEEL PROGRAM

import { readFile } from "node:fs/promises";
import process from "node:process";
import { pathToFileURL } from "node:url";

const [folder, wheel, program] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(`${folder}/pyodide.mjs`).href);
const pyodide = await loadPyodide({ indexURL: folder });
const packages = pyodide.runPython("import site; site.getsitepackages()[0]");
pyodide.unpackArchive(new Uint8Array(await readFile(wheel)), "wheel", { extractDir: packages });
await pyodide.runPythonAsync(await readFile(program, "utf8"));

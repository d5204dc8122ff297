// node compile_zip.mjs <pyodide folder> <source zip> <target> <folder>: run compile_zip.py in Pyodide.
import { readFile, writeFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";

const [pyodideFolder, source, target, folder] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(`${pyodideFolder}/pyodide.mjs`));
// Without the columns of each instruction, which only mark a place in a line of source: and that is not there.
const pyodide = await loadPyodide({ env: { PYTHONNODEBUGRANGES: "1" } });
pyodide.runPython(await readFile(new URL("compile_zip.py", import.meta.url), "utf8"));
const bytes = pyodide.toPy(new Uint8Array(await readFile(source)));
await writeFile(target, pyodide.globals.get("compile_zip")(bytes, folder).toJs());

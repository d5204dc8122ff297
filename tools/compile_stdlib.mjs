// node compile_stdlib.mjs <pyodide folder> <target>: run compile_stdlib.py in Pyodide on its own standard library.
import { readFile, writeFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";

const [folder, target] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(`${folder}/pyodide.mjs`));
const pyodide = await loadPyodide();
pyodide.runPython(await readFile(new URL("compile_stdlib.py", import.meta.url), "utf8"));
const stock = await readFile(`${folder}/python_stdlib.zip`);
const compiled = pyodide.globals.get("compile_stdlib")(pyodide.toPy(new Uint8Array(stock)));
await writeFile(target, compiled.toJs());

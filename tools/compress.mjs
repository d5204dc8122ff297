// node compress.mjs <file> ...: write <file>.br beside each file, as small as brotli makes it.
import { readFile, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { promisify } from "node:util";
import { brotliCompress, constants } from "node:zlib";

const files = process.argv.slice(2);

async function work() {
    for (let file = files.shift(); file; file = files.shift()) {
        const data = await readFile(file);
        const params = {
            [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
            [constants.BROTLI_PARAM_SIZE_HINT]: data.length,
        };
        await writeFile(`${file}.br`, await promisify(brotliCompress)(data, { params }));
    }
}

await Promise.all(Array.from({ length: availableParallelism() }, work));

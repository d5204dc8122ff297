// node compress.mjs <file> <target> ...: write <target>.br and <target>.gz for each file, as small as they get.
import { readFile, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

const words = process.argv.slice(2);

async function work() {
    while (words.length > 0) {
        const [file, target] = words.splice(0, 2);
        const data = await readFile(file);
        const params = {
            [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
            [constants.BROTLI_PARAM_SIZE_HINT]: data.length,
        };
        await writeFile(`${target}.br`, await promisify(brotliCompress)(data, { params }));
        await writeFile(`${target}.gz`, await promisify(gzip)(data, { level: constants.Z_BEST_COMPRESSION }));
    }
}

await Promise.all(Array.from({ length: availableParallelism() }, work));

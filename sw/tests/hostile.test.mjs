// The look-up of paths that somebody else has written, on Node: whatever they are, the answer is a key that is
// where it says it is, or none, and never an error. `node --test sw/tests/hostile.test.mjs`.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const NAMES = ["fileKey", "keyOfPath", "hashOf", "fillTemplate"];
const source = readFileSync(new URL("../http.js", import.meta.url), "utf8");
const http = new Function(`${source}; return { ${NAMES.join(", ")} };`)();

const HASH = "ab".repeat(32);
const ROOT = "livestore-filesync-files";
const PREFIX = `/${ROOT}/`;

const PIECES = [
  "/", "s", HASH, ROOT, "..", ".", "...", "", "//", "\\", "private", HASH.toUpperCase(), HASH.slice(1),
  "%2e%2e", "%2F", "%", "?", "#", " ", "\n", "\0", "\u202e", "\ud800", "é", "😀", "https://elsewhere.example",
  "__proto__", "x".repeat(129), "&sig=1",
];

// Small, and the same everywhere for one seed (mulberry32).
function randomNumbers(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Paths that are nearly right, and paths of any pieces. */
function* hostilePaths(seed, count) {
  const random = randomNumbers(seed);
  const piece = () => PIECES[Math.floor(random() * PIECES.length)];
  for (let made = 0; made < count; made += 1) {
    if (random() < 0.5) yield `${ROOT}/${piece()}${random() < 0.3 ? piece() : ""}/${random() < 0.7 ? HASH : piece()}`;
    else yield Array.from({ length: 1 + Math.floor(random() * 7) }, piece).join("");
  }
}

/** A key is of one form, and no URL or folder takes it for another place. */
function checkKey(key, path) {
  if (key === null) return;
  const shown = JSON.stringify(path);
  assert.match(key, /^[A-Za-z0-9._-]{1,128}\/[0-9a-f]{64}$/, shown);
  assert.equal(http.hashOf(key).length, 64, shown);
  assert.equal(http.fileKey(PREFIX + key, PREFIX), key, shown);
  assert.equal(new URL(PREFIX + key, "https://app.example/").pathname, PREFIX + key, shown);
  const remote = new URL(http.fillTemplate("https://files.example/public/{key}", key));
  assert.equal(remote.pathname, `/public/${key}`, shown);
}

test("a path of another member is a key of the one form, or none", () => {
  const seed = Number(process.env.HOSTILE_SEED ?? Date.now() % 2 ** 31);
  let keys = 0;
  for (const path of hostilePaths(seed, 20_000)) {
    try {
      for (const prefix of [PREFIX, "/files/"]) {
        const key = http.keyOfPath(path, prefix, ROOT);
        checkKey(key, path);
        keys += key !== null;
      }
      checkKey(http.fileKey(path, PREFIX), path);
      checkKey(http.fileKey(`/${path}`, PREFIX), path);
      if (URL.canParse(`/${path}`, "https://app.example/"))
        checkKey(http.fileKey(new URL(`/${path}`, "https://app.example/").pathname, PREFIX), path);
    } catch (error) {
      throw new Error(`HOSTILE_SEED=${seed}, ${JSON.stringify(path)}: ${error.message}`, { cause: error });
    }
  }
  assert.ok(keys > 100, `only ${keys} of the paths named a file`);
});

test("a store cannot be named as the folder above", () => {
  for (const store of [".", "..", "..."]) {
    const path = `${ROOT}/${store}/${HASH}`;
    assert.equal(http.keyOfPath(path, PREFIX, ROOT), null, path);
    assert.equal(http.fileKey(`/${path}`, PREFIX), null, path);
  }
});

// The service worker's pure functions, on Node: `node --test sw/tests/http.test.mjs`.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const NAMES = ["fileKey", "keyOfPath", "isSigned", "parseRange", "resolveRange", "formatRange", "planAnswer"];
const source = readFileSync(new URL("../http.js", import.meta.url), "utf8");
const http = new Function(`${source}; return { ${[...NAMES, "fileHeaders", "fillTemplate"].join(", ")} };`)();

const HASH = "ab".repeat(32);
const PREFIX = "/livestore-filesync-files/";
const plan = (method, headers, size) => http.planAnswer(method, new Headers(headers), HASH, size);

// header, size, status, body [start, end), Content-Range
const RANGES = [
  [undefined, 100, 200, [0, 100], undefined],
  ["bytes=0-9", 100, 206, [0, 10], "bytes 0-9/100"],
  ["bytes=10-10", 100, 206, [10, 11], "bytes 10-10/100"],
  ["bytes=90-", 100, 206, [90, 100], "bytes 90-99/100"],
  ["bytes=0-", 100, 206, [0, 100], "bytes 0-99/100"],
  ["bytes=-10", 100, 206, [90, 100], "bytes 90-99/100"],
  ["bytes=-1000", 100, 206, [0, 100], "bytes 0-99/100"],
  ["bytes=90-1000", 100, 206, [90, 100], "bytes 90-99/100"],
  ["bytes=99999999999999999999999-", 100, 416, [0, 0], "bytes */100"],
  ["bytes=0-99999999999999999999999", 100, 206, [0, 100], "bytes 0-99/100"],
  ["BYTES= 0-1 ", 100, 206, [0, 2], "bytes 0-1/100"],
  ["bytes=100-", 100, 416, [0, 0], "bytes */100"],
  ["bytes=-0", 100, 416, [0, 0], "bytes */100"],
  ["bytes=0-", 0, 416, [0, 0], "bytes */0"],
  ["bytes=-5", 0, 200, [0, 0], undefined],
  ["bytes=0-1,5-6", 100, 200, [0, 100], undefined],
  ["bytes=9-1", 100, 200, [0, 100], undefined],
  ["bytes=-", 100, 200, [0, 100], undefined],
  ["bytes=a-b", 100, 200, [0, 100], undefined],
  ["bytes=1.5-2", 100, 200, [0, 100], undefined],
  ["items=0-1", 100, 200, [0, 100], undefined],
];

for (const [range, size, status, [start, end], contentRange] of RANGES) {
  test(`Range ${range} of ${size} bytes is answered with ${status}`, () => {
    const answer = plan("GET", range === undefined ? {} : { Range: range }, size);
    assert.deepEqual([answer.status, answer.start, answer.end], [status, start, end]);
    assert.equal(answer.headers["Content-Range"], contentRange);
    assert.equal(answer.headers["Content-Length"], String(end - start));
  });
}

test("HEAD ignores Range", () => {
  const answer = plan("HEAD", { Range: "bytes=0-9" }, 100);
  assert.deepEqual([answer.status, answer.headers["Content-Length"]], [200, "100"]);
});

test("If-Range counts only as the same strong tag", () => {
  const status = (condition) => plan("GET", { Range: "bytes=0-9", "If-Range": condition }, 100).status;
  assert.equal(status(`"${HASH}"`), 206);
  for (const other of [`W/"${HASH}"`, '"else"', "Sun, 22 Nov 2026 00:00:00 GMT"]) assert.equal(status(other), 200);
});

test("If-None-Match compares weakly and before Range", () => {
  const status = (tags, more = {}) => plan("GET", { "If-None-Match": tags, ...more }, 100).status;
  for (const hit of ["*", `"${HASH}"`, `W/"${HASH}"`, `"x", "${HASH}"`]) assert.equal(status(hit), 304);
  assert.equal(status(`"${HASH}"`, { Range: "bytes=500-" }), 304);
  for (const miss of [HASH, '"else"', ""]) assert.equal(status(miss), 200);
});

test("a range keeps its meaning when it is passed on", () => {
  for (const text of ["bytes=0-9", "bytes=90-", "bytes=-10"])
    assert.equal(http.formatRange(http.parseRange(text)), text);
});

test("only <store id>/<sha256> below the prefix is a file", () => {
  assert.equal(http.fileKey(`${PREFIX}s.-_1/${HASH}`, PREFIX), `s.-_1/${HASH}`);
  const wrong = [
    `s/${HASH}x`,
    `s/${HASH.toUpperCase()}`,
    `s/${HASH}/`,
    `/${HASH}`,
    `a/b/${HASH}`,
    `a%2Fb/${HASH}`,
    "s",
    "",
  ];
  for (const path of wrong) assert.equal(http.fileKey(PREFIX + path, PREFIX), null, path);
  assert.equal(http.fileKey(`/other/s/${HASH}`, PREFIX), null);
});

test("prefetch takes record paths and URL paths", () => {
  const root = "livestore-filesync-files";
  for (const path of [`${root}/s/${HASH}`, `/${root}/s/${HASH}`, `/files/s/${HASH}`])
    assert.equal(http.keyOfPath(path, "/files/", root), `s/${HASH}`);
  assert.equal(http.keyOfPath(`s/${HASH}`, "/files/", root), null);
});

test("signed URLs are recognised in any spelling", () => {
  for (const query of ["sig=x", "exp=1&sig=", "X-Amz-Signature=x", "x-amz-signature=x"])
    assert.ok(http.isSigned(new URLSearchParams(query)), query);
  for (const query of ["", "signature=x", "v=sig"]) assert.ok(!http.isSigned(new URLSearchParams(query)), query);
});

test("a file never runs as a document of the origin", () => {
  const headers = http.fileHeaders(HASH, "text/html", "local");
  assert.equal(headers["Content-Security-Policy"], "sandbox");
  assert.equal(headers["X-Content-Type-Options"], "nosniff");
  assert.equal(http.fileHeaders(HASH, "", "local")["Content-Type"], "application/octet-stream");
});

test("a template gets the key with its segments encoded", () => {
  assert.equal(
    http.fillTemplate("https://x.example/{key}?v={key}", `s/${HASH}`),
    `https://x.example/s/${HASH}?v=s/${HASH}`,
  );
});

// JSON of a server is read within bounds, on Node: `node --test sw/tests/json.test.mjs`.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const source = readFileSync(new URL("../json.js", import.meta.url), "utf8");
const { parseJson, readJson } = new Function(`${source}; return { parseJson, readJson };`)();

const nested = (levels) => "[".repeat(levels) + "]".repeat(levels);

test("usual JSON is read as it is", () => {
  for (const text of ['{"url":"https://x.example/?a=[{","b":[1,{"c":null}]}', '"a \\"text\\" [[["', "5", nested(64)])
    assert.deepEqual(parseJson(text), JSON.parse(text));
});

test("what nests too deep is refused before it is parsed", () => {
  const before = JSON.parse;
  JSON.parse = () => assert.fail("it was parsed");
  try {
    for (const text of [nested(65), nested(100_000), '{"a":'.repeat(65), `[${nested(64)}, 1]`, `"\\\\"${nested(65)}`])
      assert.throws(() => parseJson(text), /nested deeper/);
    assert.throws(() => parseJson(`"${"x".repeat(1 << 20)}"`), /characters/);
  } finally {
    JSON.parse = before;
  }
});

test("brackets in strings are no levels", () => {
  const text = JSON.stringify({ a: "[".repeat(1000), 'b"{\\': '\\"['.repeat(100) });
  assert.deepEqual(parseJson(text), JSON.parse(text));
});

test("an unusable answer is undefined", async () => {
  for (const body of ["<html>", "", nested(65), '{"a":'])
    assert.equal(await readJson(new Response(body)), undefined);
  assert.deepEqual(await readJson(new Response('{"status":"ok"}')), { status: "ok" });
});

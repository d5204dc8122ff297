// What a signer's answer grants, on Node: `node --test sw/tests/grant.test.mjs`.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const source = readFileSync(new URL("../http.js", import.meta.url), "utf8");
const { describeGrant } = new Function(`${source}; return { describeGrant };`)();

const SIGNER = "https://app.example/api";
const HOUR = 3_600_000;
const NOW = Date.parse("2026-11-25T12:00:00Z");
const lifetime = (answer, date, now) => describeGrant({ url: "/o", ...answer }, SIGNER, date, now).lifetime;

test("an answer that grants nothing usable is none", () => {
  const urls = [undefined, null, 5, {}, "javascript:alert(1)", " javascript:alert(1)", "java\nscript:alert(1)",
    "data:text/plain,x", "blob:https://app.example/1", "file:///etc/passwd", "https://", "http://[::1"];
  for (const url of urls) assert.equal(describeGrant({ url }, SIGNER, null, NOW), null, String(url));
  for (const answer of [undefined, null, 5, "text", [], {}]) assert.equal(describeGrant(answer, SIGNER, null, NOW), null);
});

test("an upload is a PUT or a POST, whatever the answer says", () => {
  for (const method of [undefined, "PUT", "GET", "HEAD", "DELETE", {}, 5])
    assert.equal(describeGrant({ url: "/o", method }, SIGNER, null, NOW).method, "PUT");
  assert.equal(describeGrant({ url: "/o", method: "POST" }, SIGNER, null, NOW).method, "POST");
});

test("headers are an object of the answer's own", () => {
  for (const headers of [undefined, null, 5, "text"])
    assert.deepEqual(describeGrant({ url: "/o", headers }, SIGNER, null, NOW).headers, {});
  const headers = JSON.parse('{"x-a": "b", "__proto__": {"x-evil": "c"}}');
  const given = describeGrant({ url: "/o", headers }, SIGNER, null, NOW).headers;
  assert.equal(given["x-evil"], undefined);
  assert.equal(given["x-a"], "b");
});

test("a URL is good by the signer's clock, however wrong ours is", () => {
  const answer = { expiresAt: "2026-11-25T12:15:00Z" };
  for (const shift of [-26 * HOUR, 0, 26 * HOUR])
    assert.equal(lifetime(answer, "Wed, 25 Nov 2026 12:00:00 GMT", NOW + shift), HOUR / 4);
  assert.equal(lifetime({ url: "/o?X-Amz-Expires=600", expiresAt: "soon" }, null, NOW + 5 * HOUR), 600_000);
  assert.equal(lifetime(answer, null, NOW), HOUR / 4);
  assert.ok(Number.isNaN(lifetime({ expiresAt: {} }, "yesterday", NOW)), "so that it is used once");
});

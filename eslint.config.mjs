// What is expected of our JavaScript: `build.py check` runs it.
//
// Most of it is scripts that are put together by their first line (`// needs: a.js b.js`) and then share one scope, which
// ESLint does not know. So the names are taken from that line: a script may use the top-level names of the files that it
// needs itself, and a top-level name must be used in its own file or in one that needs it.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

import js from "@eslint/js";
import globals from "globals";

const SHARED = "filesync_web/browser"; // with the page's workers and the service worker
const SERVICE_WORKER = "sw";
// Workers have globals of these names: whoever forgets a declaration or a `this.` would get one of them.
const EASILY_MEANT = ["close", "event", "find", "history", "length", "name", "open", "origin", "parent", "print", "status", "stop", "top"];

const readFolder = (folder) =>
  readdirSync(join(import.meta.dirname, folder))
    .filter((file) => file.endsWith(".js"))
    .map((file) => ({ folder, file, path: `${folder}/${file}`, text: readFileSync(join(import.meta.dirname, folder, file), "utf8") }));

const scripts = [...readFolder(SERVICE_WORKER), ...readFolder(SHARED)];
const topLevel = ({ text }) => Array.from(text.matchAll(/^(?:async )?(?:function\*?|class|const|let) (\w+)/gm), ([, name]) => name);
const wordsOf = ({ text }) => new Set(text.match(/\w+/g));
const neededBy = ({ folder, text }) => {
  const names = /^\/\/ needs: (.*)/.exec(text)?.[1].split(/\s+/) ?? [];
  return names.map((name) => scripts.find(({ file, folder: at }) => file === name && [folder, SHARED].includes(at)));
};
const needing = (script) => scripts.filter((other) => neededBy(other).includes(script));

const readonly = (names) => Object.fromEntries(names.map((name) => [name, "readonly"]));

const configOf = (script) => {
  const used = topLevel(script).filter((name) => needing(script).some((other) => wordsOf(other).has(name)));
  const platform = script.folder === SERVICE_WORKER ? { ...globals.serviceworker, OPTIONS: "readonly" } : globals.worker;
  return {
    files: [script.path],
    languageOptions: {
      sourceType: "script",
      parserOptions: { ecmaFeatures: { impliedStrict: true } },
      globals: { ...platform, ...readonly(neededBy(script).flatMap(topLevel)) },
    },
    rules: {
      "no-restricted-globals": ["error", ...EASILY_MEANT],
      "no-unused-vars": ["error", { caughtErrors: "all", varsIgnorePattern: `^(${used.join("|")})$` }],
    },
  };
};

export default [
  { ignores: ["build/", "dist/", ".venv/", ".data/", "**/*.bundle.js", "tests/interop/node/site/"] },
  js.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: "error" },
    languageOptions: { ecmaVersion: 2024 },
    rules: {
      "array-callback-return": "error",
      "default-case-last": "error",
      "dot-notation": "error",
      eqeqeq: "error",
      "max-lines": ["error", 400],
      "max-lines-per-function": ["error", 60],
      "no-constructor-return": "error",
      "no-else-return": "error",
      "no-eval": "error",
      "no-extend-native": "error",
      "no-implied-eval": "error",
      "no-lonely-if": "error",
      "no-new-func": "error",
      "no-new-wrappers": "error",
      "no-return-assign": ["error", "except-parens"],
      "no-self-compare": "error",
      "no-shadow": "error",
      "no-throw-literal": "error",
      "no-unmodified-loop-condition": "error",
      "no-unneeded-ternary": "error",
      "no-useless-concat": "error",
      "no-useless-rename": "error",
      "no-useless-return": "error",
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-arrow-callback": "error",
      "prefer-const": "error",
      "prefer-exponentiation-operator": "error",
      "prefer-object-has-own": "error",
      "prefer-object-spread": "error",
      "prefer-promise-reject-errors": "error",
      "prefer-rest-params": "error",
      "prefer-spread": "error",
      "prefer-template": "error",
      radix: "error",
      yoda: "error",
    },
  },
  { files: ["demo/*.js", "filesync_web/notebook/*.js", "bench/pages/*.js", "tests/browser/*.js", "tests/e2e/*.js"], languageOptions: { globals: globals.browser } },
  { files: ["**/*.mjs"], languageOptions: { globals: globals.node } },
  { files: ["tools/runtime/*.mjs"], languageOptions: { globals: globals.browser } },
  { files: ["examples/how_to/*.mjs", "tests/harness/pages/*.mjs"], languageOptions: { globals: globals.worker } },
  { files: ["sw/tests/*.mjs"], rules: { "no-new-func": "off" } }, // the sources are scripts, not modules
  ...scripts.map(configOf),
];

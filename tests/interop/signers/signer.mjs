// Run one signer in workerd, Cloudflare's own runtime, until SIGTERM.
//
//     node signer.mjs <port> <bindings as JSON: SIGNER, TOKEN and what that signer needs>

import { fileURLToPath } from "node:url"

import { Miniflare } from "miniflare"

const [port, bindings] = process.argv.slice(2)

const miniflare = new Miniflare({
  host: "127.0.0.1",
  port: Number(port),
  modules: true,
  scriptPath: fileURLToPath(new URL("worker.bundle.js", import.meta.url)), // of worker.mjs, by `npm run build`
  compatibilityDate: "2025-11-01",
  bindings: JSON.parse(bindings),
  r2Buckets: { BUCKET: "files" },
})

process.once("SIGTERM", async () => {
  await miniflare.dispose()
  process.exit(0)
})

await miniflare.ready

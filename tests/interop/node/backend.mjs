// Run worker.mjs in workerd, Cloudflare's own runtime, until SIGTERM.
//
//     node backend.mjs <port> <folder of the data>

import { fileURLToPath } from "node:url"

import { build } from "esbuild"
import { Miniflare } from "miniflare"

const [port, data] = process.argv.slice(2)

const bundle = await build({
  entryPoints: [fileURLToPath(new URL("worker.mjs", import.meta.url))],
  bundle: true,
  write: false,
  format: "esm",
  conditions: ["workerd", "worker", "browser"],
  external: ["cloudflare:*", "node:*"],
})

const miniflare = new Miniflare({
  host: "127.0.0.1",
  port: Number(port),
  modules: true,
  script: bundle.outputFiles[0].text,
  compatibilityDate: "2025-11-01",
  compatibilityFlags: ["nodejs_compat"],
  durableObjects: { SYNC_BACKEND: { className: "SyncBackend", useSQLite: true } },
  durableObjectsPersist: data,
})

process.once("SIGTERM", async () => {
  await miniflare.dispose()
  process.exit(0)
})

await miniflare.ready

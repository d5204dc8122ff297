// Run the worker in workerd, Cloudflare's own runtime, until SIGTERM.
//
//     node backend.mjs <port> <folder of the data>

import { fileURLToPath } from "node:url"

import { Miniflare } from "miniflare"

const [port, data] = process.argv.slice(2)

const miniflare = new Miniflare({
  host: "127.0.0.1",
  port: Number(port),
  modules: true,
  scriptPath: fileURLToPath(new URL("worker.bundle.js", import.meta.url)), // of worker.mjs, by `npm run build`
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

// Opens the real LiveStore with the real livestore-filesync on it.

import { initFileSync } from "@livestore-filesync/core"
import { layer as opfs } from "@livestore-filesync/opfs"
import { makePersistedAdapter } from "@livestore/adapter-web"
import { createStorePromise } from "@livestore/livestore"

import { schema } from "./schema.js"

type Named = { name: string }

export async function openStore(storeId: string, syncUrl: string, syncToken: string, signerToken: string) {
  const worker = `livestore.worker.js?sync=${encodeURIComponent(syncUrl)}`
  const store = await createStorePromise({
    schema,
    storeId,
    adapter: makePersistedAdapter({
      storage: { type: "opfs" },
      worker: ({ name }: Named) => new Worker(worker, { type: "module", name }),
      sharedWorker: ({ name }: Named) => new SharedWorker("livestore.shared-worker.js", { type: "module", name }),
    }),
    syncPayload: { authToken: syncToken },
    disableDevtools: true,
  })
  initFileSync(store, { fileSystem: opfs(), remote: { signerBaseUrl: "/api", authToken: signerToken } })
  return store
}

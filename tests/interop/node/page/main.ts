// A page with the real livestore-filesync on the real LiveStore, which tests drive through `window.app`.

import { deleteFile, initFileSync, readFile, saveFile, updateFile } from "@livestore-filesync/core"
import { layer as opfs } from "@livestore-filesync/opfs"
import { makePersistedAdapter } from "@livestore/adapter-web"
import { createStorePromise, type Store } from "@livestore/livestore"

import { waitFor } from "../wait.mjs"
import { schema, tables } from "./schema.js"

type Named = { name: string }

const asFile = (text: string) => new File([text], "page.txt", { type: "text/plain" })

let store: Store<typeof schema>

const app = {
  async open(storeId: string, syncUrl: string, syncToken: string, signerToken: string) {
    const worker = `livestore.worker.js?sync=${encodeURIComponent(syncUrl)}`
    store = await createStorePromise({
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
  },

  save: async (text: string) => (await saveFile(asFile(text))).fileId,
  update: async (id: string, text: string) => void (await updateFile(id, asFile(text))),
  delete: (id: string) => deleteFile(id),
  read: async (path: string) => (await readFile(path)).text(),

  query: (sql: string) => store.query({ query: sql, bindValues: [] }),
  waitFor: (sql: string, rows: unknown[]) => waitFor(store, [tables.files, tables.localFileState], sql, rows),
}

Object.assign(window, { app })

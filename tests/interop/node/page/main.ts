// A page with the real livestore-filesync on the real LiveStore, which tests drive through `window.app`.

import { deleteFile, readFile, saveFile, updateFile } from "@livestore-filesync/core"

import { waitFor } from "../wait.mjs"
import { tables } from "./schema.js"
import { openStore } from "./store.js"

const asFile = (text: string) => new File([text], "page.txt", { type: "text/plain" })

let store: Awaited<ReturnType<typeof openStore>>

const app = {
  async open(storeId: string, syncUrl: string, syncToken: string, signerToken: string) {
    store = await openStore(storeId, syncUrl, syncToken, signerToken)
  },

  save: async (text: string) => (await saveFile(asFile(text))).fileId,
  update: async (id: string, text: string) => void (await updateFile(id, asFile(text))),
  delete: (id: string) => deleteFile(id),
  read: async (path: string) => (await readFile(path)).text(),

  query: (sql: string) => store.query({ query: sql, bindValues: [] }),
  waitFor: (sql: string, rows: unknown[]) => waitFor(store, [tables.files, tables.localFileState], sql, rows),
}

Object.assign(window, { app })

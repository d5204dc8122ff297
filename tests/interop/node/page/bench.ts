// The page of livestore-filesync that bench/peers.py measures; its rival is bench/pages/ours.html.

import { saveFile } from "@livestore-filesync/core"

import { openStore } from "./store.js"

declare const serveBench: (app: object) => void // of bench/pages/driver.js

const TOKEN = "dev-token-change-in-production"

let store: Awaited<ReturnType<typeof openStore>>

serveBench({
  async open(storeId: string) {
    store = await openStore(storeId, `ws://${location.host}/sync`, TOKEN, TOKEN)
  },

  saveAll: (files: File[]) => Promise.all(files.map((file) => saveFile(file))),

  count: (sql: string) => store.query<{ n: number }[]>({ query: sql, bindValues: [] })[0]!.n,
})

// The worker that owns the database in OPFS and speaks with the sync backend at `?sync=<its URL>`.

import { makeWorker } from "@livestore/adapter-web/worker"
import { makeWsSync } from "@livestore/sync-cf/client"

import { schema } from "./schema.js"

const url = new URLSearchParams(location.search).get("sync")!

// Blocking: what arrives between the start of file sync and its first look at the tables is never downloaded.
const initialSyncOptions = { _tag: "Blocking", timeout: 30_000 } as const

makeWorker({ schema, sync: { backend: makeWsSync({ url }), initialSyncOptions } })

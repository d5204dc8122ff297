// Stores of the real LiveStore, driven by lines of JSON.
//
// A line {"id": 1, "op": "query", "store": "a", ...} on standard input is answered by one line on standard
// output: {"id": 1, "result": ...} or {"id": 1, "error": "..."}. `store` is the name that `open` gave to a store.
// Events are {"name", "args"} with their arguments as they travel. The process ends with its standard input.

import { createInterface } from "node:readline"

import { createFileSyncSchema } from "@livestore-filesync/core/schema"
import { makeAdapter } from "@livestore/adapter-node"
import { createStorePromise, Events, makeSchema, Schema, State } from "@livestore/livestore"
import { makeWsSync } from "@livestore/sync-cf/client"

import { waitFor } from "./wait.mjs"

console.log = console.error // standard output is for answers; LiveStore logs to it

if (!globalThis.WebSocket) globalThis.WebSocket = (await import("undici")).WebSocket // Node 20

const files = createFileSyncSchema()

const notes = State.SQLite.table({
  name: "notes",
  columns: { id: State.SQLite.text({ primaryKey: true }), text: State.SQLite.text() },
})
const noteTaken = Events.synced({
  name: "v1.NoteTaken",
  schema: Schema.Struct({ id: Schema.String, text: Schema.String }),
})

const tasks = State.SQLite.table({
  name: "tasks",
  columns: {
    id: State.SQLite.text({ primaryKey: true }),
    count: State.SQLite.integer(),
    ratio: State.SQLite.real(),
    done: State.SQLite.boolean(),
    tags: State.SQLite.json(),
    due: State.SQLite.integer({ schema: Schema.DateFromNumber, nullable: true }),
    note: State.SQLite.text({ nullable: true }),
  },
})
const taskAdded = Events.synced({
  name: "v1.TaskAdded",
  schema: Schema.Struct({
    id: Schema.String,
    count: Schema.Int,
    ratio: Schema.Number,
    done: Schema.Boolean,
    tags: Schema.Any,
    due: Schema.NullOr(Schema.Date),
    note: Schema.optional(Schema.String),
  }),
})

const apps = {
  files: {
    tables: files.tables,
    events: files.events,
    materializers: files.createMaterializers(files.tables),
  },
}
apps.notes = {
  tables: { ...apps.files.tables, notes, tasks },
  events: { ...apps.files.events, noteTaken, taskAdded },
  materializers: {
    ...apps.files.materializers,
    "v1.NoteTaken": ({ id, text }) => notes.insert({ id, text }),
    "v1.TaskAdded": (task) => tasks.insert({ ...task, note: task.note ?? null }),
  },
}

const stores = new Map()

const operations = {
  /** Open a store; `folder` keeps its data, `app` says which events and tables it knows. */
  async open({ store, storeId, clientId, url, token, folder, app }) {
    const { tables, events, materializers } = apps[app]
    const opened = await createStorePromise({
      schema: makeSchema({ events, state: State.SQLite.makeState({ tables, materializers }) }),
      storeId,
      adapter: makeAdapter({
        storage: { type: "fs", baseDirectory: folder },
        clientId,
        sync: { backend: makeWsSync({ url }), initialSyncOptions: { _tag: "Skip" } },
      }),
      syncPayload: { authToken: token },
      disableDevtools: true,
    })
    stores.set(store, { opened, tables, events: Object.values(events) })
  },

  /** Commit events, all or none. */
  commit({ store, events }) {
    const { opened, events: known } = stores.get(store)
    const made = events.map(({ name, args }) => {
      const event = known.find((candidate) => candidate.name === name)
      return event(Schema.decodeSync(event.schema)(args))
    })
    opened.commit(...made)
  },

  /** The rows of an SQL query as objects. */
  query({ store, sql }) {
    return stores.get(store).opened.query({ query: sql, bindValues: [] })
  },

  /** Answer when the query has exactly these rows. */
  waitFor({ store, sql, rows }) {
    const { opened, tables } = stores.get(store)
    return waitFor(opened, [tables.files, tables.notes, tables.tasks].filter(Boolean), sql, rows)
  },

  /** Close a store, unless it is closed. */
  async close({ store }) {
    const closing = stores.get(store)?.opened.shutdownPromise()
    stores.delete(store)
    await closing
  },
}

async function answer(line) {
  const { id, op, ...request } = JSON.parse(line)
  try {
    return { id, result: (await operations[op](request)) ?? null }
  } catch (error) {
    return { id, error: String(error?.stack ?? error) }
  }
}

const lines = createInterface({ input: process.stdin })
lines.on("line", async (line) => process.stdout.write(`${JSON.stringify(await answer(line))}\n`))
lines.on("close", () => process.exit(0))

// The app's schema: nothing but files.

import { createFileSyncSchema } from "@livestore-filesync/core/schema"
import { makeSchema, State } from "@livestore/livestore"

const { createMaterializers, events, tables } = createFileSyncSchema()
const materializers = State.SQLite.materializers(events, createMaterializers(tables))

export const schema = makeSchema({ events, state: State.SQLite.makeState({ tables, materializers }) })
export { tables }

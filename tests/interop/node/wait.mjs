import { queryDb } from "@livestore/livestore"

/** Return when the SQL query has exactly these rows; `tables` are those it reads. */
export async function waitFor(store, tables, sql, rows) {
  const wanted = JSON.stringify(rows)
  const unsubscribers = []
  await new Promise((resolve) => {
    const look = () => {
      if (JSON.stringify(store.query({ query: sql, bindValues: [] })) === wanted) resolve()
    }
    for (const table of tables) unsubscribers.push(store.subscribe(queryDb(table.select()), look))
    look()
  })
  unsubscribers.forEach((unsubscribe) => unsubscribe())
}

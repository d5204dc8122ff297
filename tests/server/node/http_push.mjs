// Pushes one event by LiveStore's HTTP client and prints how that ended: "success", the tag of the typed error
// (LiveStore tries again), or the tag of the cause (its syncing is over).
//
// Arguments: the URL of the sync backend, the token.

import { makeHttpSync } from "@livestore/sync-cf/client"
import { Cause, Effect, Exit, FetchHttpClient, KeyValueStore, Layer } from "@livestore/utils/effect"

const [url, authToken] = process.argv.slice(2)

const event = {
  name: "v1.Test",
  args: {},
  seqNum: 1,
  parentSeqNum: 0,
  clientId: "clientA",
  sessionId: "sessionA",
}

const push = Effect.gen(function* () {
  const make = makeHttpSync({ url, ping: { enabled: false } })
  const backend = yield* make({ storeId: "store", clientId: "clientA", payload: { authToken } })
  return yield* Effect.exit(backend.push([event]))
})
const exit = await Effect.runPromise(
  push.pipe(Effect.scoped, Effect.provide(Layer.mergeAll(FetchHttpClient.layer, KeyValueStore.layerMemory))),
)

if (Exit.isSuccess(exit)) console.log("success")
else if (Cause.isFailType(exit.cause)) console.log(exit.cause.error._tag)
else console.log(exit.cause._tag)

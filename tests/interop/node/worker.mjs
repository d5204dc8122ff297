// LiveStore's own sync backend as an app deploys it: one Durable Object for each store, and a token.

import { makeDurableObject, makeWorker } from "@livestore/sync-cf/cf-worker"

export class SyncBackend extends makeDurableObject() {}

export default makeWorker({
  syncBackendBinding: "SYNC_BACKEND",
  validatePayload: (payload) => {
    if (payload?.authToken !== "a-token-of-this-test") throw new Error("the token is not valid")
  },
})

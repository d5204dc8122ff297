// The two signers of livestore-filesync as an app deploys them, with one bearer token; env.SIGNER names which.

import { createR2Handler } from "@livestore-filesync/r2"
import { createS3SignerHandler } from "@livestore-filesync/s3-signer"

const validateAuth = async (request, env) =>
  request.headers.get("Authorization") === `Bearer ${env.TOKEN}` ? [] : null

const signers = {
  r2: createR2Handler({ bucket: (env) => env.BUCKET, getSigningSecret: (env) => env.SECRET, validateAuth }),
  s3: createS3SignerHandler({ validateAuth }),
}

export default {
  fetch: async (request, env) =>
    (await signers[env.SIGNER](request, env)) ?? new Response("not found", { status: 404 }),
}

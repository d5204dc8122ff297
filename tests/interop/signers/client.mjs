// The signer client of livestore-filesync: upload, download, look for and delete one object.
//
//     node client.mjs <base URL of the signer> <token> <key> <content type> < bytes
//
// Prints JSON: healthy, uploaded (what upload said), bytes and type as downloaded, and what remains after delete.

import { readFileSync } from "node:fs"

import { Effect } from "effect"

// By its path: the package's index needs all of LiveStore, this module does not.
import { makeS3SignerRemoteStorage } from "./node_modules/@livestore-filesync/core/dist/services/remote-file-storage/RemoteStorage.js"

const print = console.log
console.log = console.error // standard output is for the answer; the client logs to it

const [signerBaseUrl, authToken, key, type] = process.argv.slice(2)
const remote = makeS3SignerRemoteStorage({ signerBaseUrl, authToken })
const run = Effect.runPromise

const healthy = await run(remote.checkHealth())
const file = new File([readFileSync(0)], "file", { type })
const uploaded = await run(remote.upload(file, { key }))
const onProgress = () => {} // without it, that client reads the body twice and fails
const downloaded = await run(remote.download(key, { onProgress }))
const url = await run(remote.getDownloadUrl(key))
const response = await fetch(url)
await response.arrayBuffer() // else the connection keeps this process alive
await run(remote.delete(key))
const missing = await run(Effect.either(remote.download(key, { onProgress })))

print(JSON.stringify({
  healthy,
  uploaded,
  bytes: Buffer.from(await downloaded.arrayBuffer()).toString("base64"),
  type: downloaded.type,
  status: response.status,
  after: missing._tag === "Left" ? missing.left.message : "still there",
}))

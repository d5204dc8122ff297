// needs: failures.js incoming.js temporaries.js
//
// Bytes that Python writes piece by piece, at any place, before they are published: a temporary file, known by its name.
// The pieces come here, or a Python that runs in a worker writes them itself, by an access handle of its own.

const creating = new Map(); // by name: { incoming, last }; `last` is a promise of the work before

/** A new temporary file; `handle` is null when the pieces have to come here. */
async function createBytes(job, { storeId, wantsHandle }) {
  const incoming = await createIncoming(storeId);
  const givesHandle = wantsHandle && incoming.writer instanceof SyncWriter;
  if (givesHandle) await incoming.close();
  if (job.signal.aborted) await incoming.discard();
  job.signal.throwIfAborted();
  creating.set(incoming.name, { incoming, last: Promise.resolve() });
  return { name: incoming.name, handle: givesHandle ? incoming.handle : null };
}

// Do `work(incoming)` after what was asked for before.
function inTurn({ name }, work) {
  const created = creating.get(name);
  if (!created) throw new Failure("StorageError", "the file is not being written any more: its worker was started anew");
  const mine = created.last.then(() => work(created.incoming));
  created.last = mine.catch(() => {}); // whoever has asked for it is told
  return mine;
}

/** Gives the buffer back, to be filled again. */
const writeBytes = (_job, about) =>
  inTurn(about, async (incoming) => {
    await incoming.write(new Uint8Array(about.buffer, 0, about.size), about.offset);
    return about.buffer;
  });

/** The file, whose hash is known now. */
const finishBytes = (_job, about) =>
  inTurn(about, async (incoming) => {
    await (incoming.isClosed ? incoming.readAgain() : incoming.finish());
    return incoming.handle.getFile();
  });

const publishBytes = (_job, about) =>
  inTurn(about, (incoming) => publish(about.storeId, incoming.hash, about.mimeType, incoming));

const discardBytes = (_job, about) =>
  inTurn(about, async (incoming) => {
    creating.delete(about.name);
    await incoming.discard();
  });

// Reading streams, whose bytes may be many.

const PIECE_SIZE = 1 << 20; // bytes that are read at once
// A stream that only a pending read refers to is collected in Chromium, and the read never ends (so it was in WebKit).
const beingRead = new Set();

// Read a stream to its end, into one buffer wherever the browser can: what waits to be collected takes memory too.
// `describe` makes the error of a stream that fails; `expected` is how many bytes will come, where that is known.
async function* piecesOf(stream, describe, expected) {
  let buffer = null;
  let reader;
  try {
    reader = stream.getReader({ mode: "byob" });
    buffer = new ArrayBuffer(Math.min(PIECE_SIZE, (expected ?? PIECE_SIZE) + 1));
  } catch {
    reader = stream.getReader();
  }
  const held = { stream, reader };
  beingRead.add(held);
  const fail = (error) => {
    throw describe(error);
  };
  try {
    for (;;) {
      const { done, value } = await (buffer ? reader.read(new Uint8Array(buffer)) : reader.read()).catch(fail);
      if (done) return;
      yield value;
      if (buffer) buffer = value.buffer;
    }
  } finally {
    beingRead.delete(held);
    reader.cancel().catch(() => {});
  }
}

// Reading streams, whose bytes may be many.

const PIECE_SIZE = 1 << 20; // bytes that are read at once

// Read a stream to its end, into one buffer wherever the browser can: what waits to be collected takes memory too.
// `describe` makes the error of a stream that fails; `expected` is how many bytes will come, where that is known.
async function* piecesOf(job, stream, describe, expected) {
  let buffer = null;
  let reader;
  try {
    reader = stream.getReader({ mode: "byob" });
    buffer = new ArrayBuffer(Math.min(PIECE_SIZE, (expected ?? PIECE_SIZE) + 1));
  } catch {
    reader = stream.getReader();
  }
  // Chromium collects a stream that only a pending read refers to, and the read never ends (so did WebKit).
  job.reading = { stream, reader };
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
    job.reading = null;
    reader.cancel().catch(() => {});
  }
}

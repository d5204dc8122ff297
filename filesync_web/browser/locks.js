// A Web Lock that is held until it is released: {granted: a promise of null or {type, message}, release()}.
"use strict";

function holdLock(name, mode) {
  const waiting = new AbortController();
  let release;
  const released = new Promise((resolve) => (release = resolve));
  const granted = new Promise((resolve) => {
    if (!globalThis.navigator?.locks) {
      resolve({ type: "StorageUnavailableError", message: "locks between tabs need a secure page: open it by https: or on localhost" });
      return;
    }
    const hold = () => {
      resolve(null);
      return released;
    };
    navigator.locks.request(name, { mode, signal: waiting.signal }, hold).catch((error) =>
      resolve({ type: "StorageUnavailableError", message: `the browser gives no lock (${error.name}: ${error.message})` }));
  });
  return {
    granted,
    release() {
      waiting.abort(); // when it is not granted yet
      release();
    },
  };
}

// A Web Lock that is held until it is released: {granted: a promise of null or {type, message}, release()}. What
// `release` returns is resolved when the next one can have the lock; there is nothing to wait for when it was not held.
// With `ifAvailable` it is not waited for: the type "Taken" says that somebody else holds it.
/* exported holdLock */

function holdLock(name, mode, ifAvailable) {
  const waiting = new AbortController();
  let release;
  const released = new Promise((resolve) => (release = resolve));
  let held = false;
  let gone = null;
  const granted = new Promise((resolve) => {
    if (!globalThis.navigator?.locks) {
      resolve({ type: "StorageUnavailableError", message: "locks between tabs need a secure page: open it by https: or on localhost" });
      return;
    }
    const hold = (lock) => {
      held = Boolean(lock);
      resolve(lock ? null : { type: "Taken", message: "" });
      return lock && released;
    };
    const options = ifAvailable ? { mode, ifAvailable } : { mode, signal: waiting.signal };
    gone = navigator.locks.request(name, options, hold).catch((error) =>
      resolve({ type: "StorageUnavailableError", message: `the browser gives no lock (${error.name}: ${error.message})` }));
  });
  return {
    granted,
    release() {
      waiting.abort(); // when it is not granted yet; Chromium forgets an abort that comes right after the request
      release();
      return held ? gone : Promise.resolve();
    },
  };
}

// An exclusive Web Lock that another tab may steal:
// {granted: a promise of null or {type, message}, lost: a promise that is kept when it was stolen, release()}.
/* exported requestLock */

function requestLock(name, steal) {
  const waiting = new AbortController();
  let release;
  let lose;
  const released = new Promise((resolve) => (release = resolve));
  const lost = new Promise((resolve) => (lose = resolve));
  const granted = new Promise((resolve) => {
    if (!globalThis.navigator?.locks) {
      resolve({ type: "StorageUnavailableError", message: "locks between tabs need a secure page: open it by https: or on localhost" });
      return;
    }
    const hold = () => {
      resolve(null);
      return released;
    };
    navigator.locks.request(name, steal ? { steal } : { signal: waiting.signal }, hold).catch((error) => {
      resolve({ type: "StorageUnavailableError", message: `the browser gives no lock (${error.name}: ${error.message})` });
      lose();
    });
  });
  return {
    granted,
    lost,
    release() {
      waiting.abort(); // when it is not granted yet
      release();
    },
  };
}

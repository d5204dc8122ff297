// Everything that changes one name, in any tab, happens under the lock of that name.

const lockName = (storeId, name) => `filesync-web:${storeId}/${name}`;

// Do `work` while no other job, here or in another tab, works under that name. An abort ends the waiting for the lock,
// but not the work, which looks after itself. Chromium forgets an abort that comes right after the request.
function withLock(job, storeId, name, work) {
  return new Promise((resolve, reject) => {
    let waiting = true;
    const stop = () => waiting && reject(job.signal.reason);
    const hold = () => {
      waiting = false;
      return job.signal.aborted ? undefined : work();
    };
    job.signal.addEventListener("abort", stop);
    navigator.locks.request(lockName(storeId, name), { signal: job.signal }, hold).then(resolve, reject);
  });
}

// Progress reports at most every 100 ms, the latest always: {report(done, total), take()}. The first waits as long: what
// takes less tells its progress with its end.

const PROGRESS_INTERVAL = 100; // milliseconds

function throttled(send) {
  let latest = null;
  let timer = null;
  const take = () => {
    clearTimeout(timer);
    timer = null;
    const values = latest;
    latest = null;
    return values;
  };
  const report = (done, total) => {
    latest = [done, total ?? 0];
    timer ??= setTimeout(() => send(...take()), PROGRESS_INTERVAL);
  };
  return { report, take };
}

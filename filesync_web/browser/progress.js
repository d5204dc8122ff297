// Progress reports at most every 100 ms, the first and the latest always: {report(done, total), flush()}.

const PROGRESS_INTERVAL = 100; // milliseconds

function throttled(send) {
  let latest = null;
  let timer = null;
  const flush = () => {
    clearTimeout(timer);
    timer = null;
    if (latest) send(...latest);
    latest = null;
  };
  const rest = () => {
    timer = null;
    if (latest) report(...latest);
  };
  const report = (...values) => {
    latest = values;
    if (timer !== null) return;
    flush();
    timer = setTimeout(rest, PROGRESS_INTERVAL);
  };
  return { report, flush };
}

// Counts what the code of a page and of its workers asks of the browser: an init script of test_costs.py.
//
// `await costs.take()` returns the counts since the last call, of the page and all its workers, by kind.

(() => {
  // Runs in the page and in each worker; it is handed to those as text.
  function countCalls() {
    let counts = {};

    const wrapOwn = (owner, method, kindOf) => {
      const original = owner?.[method];
      if (!original) return;
      owner[method] = function counted(...args) {
        const kind = kindOf(...args);
        if (kind) counts[kind] = (counts[kind] ?? 0) + 1;
        return Reflect.apply(original, this, args);
      };
    };

    const wrap = (type, method, kindOf) => wrapOwn(globalThis[type]?.prototype, method, kindOf);

    wrap("Worker", "postMessage", ({ op, ...other }) => `message ${op ?? Object.keys(other).at(-1)}`);
    if (globalThis.DedicatedWorkerGlobalScope) wrapOwn(globalThis, "postMessage", ({ id }) => id && "answer");
    wrap("BroadcastChannel", "postMessage", (message) => typeof message === "string" && "broadcast");
    wrap("IDBDatabase", "transaction", (_stores, mode = "readonly", options = {}) =>
      mode === "readonly" ? `transaction ${mode}` : `transaction ${mode} ${options.durability ?? "default"}`);
    wrap("LockManager", "request", () => "lock");
    wrap("FileSystemSyncAccessHandle", "flush", () => "flush");
    for (const method of ["getDirectoryHandle", "getFileHandle", "removeEntry"]) wrap("FileSystemDirectoryHandle", method, () => "file system call");
    for (const method of ["createSyncAccessHandle", "getFile", "move"]) wrap("FileSystemFileHandle", method, () => "file system call");

    return () => {
      const taken = counts;
      counts = {};
      return taken;
    };
  }

  const CHANNEL = `costs-${Math.random()}`;
  const channel = new BroadcastChannel(CHANNEL);
  const workers = new Set();

  const inWorker = (source) => `(() => {
    const take = (${countCalls})();
    const channel = new BroadcastChannel(${JSON.stringify(CHANNEL)});
    channel.onmessage = ({ data }) => { if (data.ask) channel.postMessage({ counts: take() }); };
  })();
  importScripts(${JSON.stringify(source)});`;

  const take = countCalls();
  const Original = Worker;
  globalThis.Worker = class extends Original {
    constructor(source, options) {
      super(URL.createObjectURL(new Blob([inWorker(source)], { type: "text/javascript" })), options);
      workers.add(this);
    }

    terminate() {
      workers.delete(this);
      super.terminate();
    }
  };

  const merge = (all) => {
    const sums = {};
    for (const counts of all) for (const [kind, count] of Object.entries(counts)) sums[kind] = (sums[kind] ?? 0) + count;
    return sums;
  };

  globalThis.costs = {
    take: () =>
      new Promise((resolve) => {
        const answers = [take()];
        channel.onmessage = ({ data }) => {
          if (data.counts) answers.push(data.counts);
          if (answers.length === 1 + workers.size) resolve(merge(answers));
        };
        if (workers.size) channel.postMessage({ ask: true });
        else resolve(merge(answers));
      }),
  };
})();

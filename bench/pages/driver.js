// What bench/peers.py asks of a page, the same for both kits. A page calls `serveBench(app)` with
//
//     open(storeId)     open the store and start its file sync; the page can save when this resolves
//     saveAll(files)    save them all at once; resolves when each of them is saved
//     deleteAll()       delete all files at once, likewise; only ours has it
//     count(sql)        the number `n` of the query's only row; both kits have these tables
//
// and is asked through `bench`. The address names the store, and opening it begins at once. Times are in milliseconds.

(() => {
  const POLL = 50;
  const UPLOADED = `SELECT count(*) AS n FROM files JOIN localFileState ON fileId = id
    WHERE uploadStatus = 'done' AND remoteKey <> ''`;
  const LOCAL = "SELECT count(*) AS n FROM localFileState WHERE downloadStatus = 'done' AND localHash <> ''";

  const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

  // Files that differ in their first bytes. What reads them later finds them where the browser keeps such bytes.
  async function makeFiles(count, size) {
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size; at += 65536) crypto.getRandomValues(bytes.subarray(at, at + 65536));
    const files = Array.from({ length: count }, (_, index) => {
      crypto.getRandomValues(bytes.subarray(0, 16));
      return new File([bytes], `${index}.bin`, { type: "application/octet-stream" });
    });
    for (const file of files) await file.slice(-1).arrayBuffer();
    return files;
  }

  class Bench {
    #app;
    #began = 0;
    #limit; // how long anything may take

    constructor(app, limit) {
      this.#app = app;
      this.#limit = limit;
    }

    // From the first line of the page's own code, and from the navigation to it, until a file can be saved.
    async open(storeId) {
      this.#began = this.started = performance.now();
      await this.#app.open(storeId);
      this.#app.count("SELECT count(*) AS n FROM files");
      this.ready = performance.now();
    }

    async save(count, size) {
      return this.#saveFiles(await makeFiles(count, size));
    }

    // The median of saves, each begun when nothing is left to upload.
    async saveAlone(count, size) {
      const times = [];
      for (const file of await makeFiles(count, size)) {
        times.push(await this.#saveFiles([file]));
        await this.untilUploaded(times.length);
      }
      return median(times);
    }

    // The median of saves, one after the other, while `others` files are uploaded.
    async saveBeside(others, count, size) {
      const [waiting, files] = [await makeFiles(others, size), await makeFiles(count, size)];
      await this.#saveFiles(waiting);
      const times = [];
      for (const file of files) {
        times.push(await this.#saveFiles([file]));
        if (this.#app.count(UPLOADED) >= others) throw new Error(`the uploads ended during save ${times.length}`);
      }
      return median(times);
    }

    // Since the last save began.
    untilUploaded(count) {
      return this.#until(UPLOADED, count, "uploaded");
    }

    // Since the page began to open its store.
    untilLocal(count) {
      return this.#until(LOCAL, count, "here");
    }

    // Until the files are gone, and so are the objects that this client owes to delete.
    async deleteAll() {
      this.#began = performance.now();
      await this.#app.deleteAll();
      return this.#until("SELECT NOT EXISTS (SELECT 1 FROM remoteDeletes) AS n", 1, "done");
    }

    async #saveFiles(files) {
      this.#began = performance.now();
      await this.#app.saveAll(files);
      return performance.now() - this.#began;
    }

    async #until(sql, count, what) {
      for (let found; (found = this.#app.count(sql)) < count; ) {
        if (performance.now() - this.#began > this.#limit) throw new Error(`${found} of ${count} ${what} after ${this.#limit / 1000} s`);
        await new Promise((resolve) => setTimeout(resolve, POLL));
      }
      return performance.now() - this.#began;
    }
  }

  globalThis.serveBench = (app) => {
    const query = new URLSearchParams(location.search);
    const bench = new Bench(app, Number(query.get("limit")) * 1000);
    bench.open(query.get("store")).then(
      () => Object.assign(globalThis, { bench }),
      (error) => Object.assign(globalThis, { benchError: error }),
    );
  };
})();

// The page's side of uploads that go on after it is closed: writes down what is owed, and asks the browser to wake the
// service worker as soon as there is a network (Background Sync). It waits there until this page is done, or gone.
"use strict";

class BackgroundUploads {
  #storeId;
  #owes = false;
  #sync = null;
  #listening = null;

  constructor(storeId) {
    this.#storeId = storeId;
  }

  /** Whether the browser can do it; waits until this page has a service worker. */
  async start() {
    this.stop();
    const { signal } = (this.#listening = new AbortController());
    const container = globalThis.navigator?.serviceWorker; // none in a worker
    if (!container) return false;
    this.#sync = (await container.ready).sync ?? null;
    const hide = () => document.visibilityState === "hidden" && this.#ask();
    addEventListener("pagehide", () => this.#ask(), { signal });
    document.addEventListener("visibilitychange", hide, { signal });
    return this.#sync !== null;
  }

  /** Asking again does nothing but when the browser has given up meanwhile, after a few tries. */
  #ask() {
    if (this.#owes) this.#sync?.register(SYNC_TAG).catch(() => {}); // the user may forbid it: the next page uploads
  }

  stop() {
    this.#listening?.abort();
  }

  /** The ids of all files that anything is written down of, as JSON. */
  async fileIds() {
    const keys = await inHandover("readonly", ({ owed, uploaded }) =>
      Promise.all([owed, uploaded].map((files) => promised(files.getAllKeys(filesOf(this.#storeId))))),
    );
    return JSON.stringify(keys.flat().map(([, fileId]) => fileId));
  }

  /** `changes`: JSON of {file id: upload, or null when none is owed}; `signerJson`: how to sign, false for as before. */
  async change(changes, signerJson) {
    const signer = JSON.parse(signerJson);
    const count = await inHandover("readwrite", async (stores) => {
      for (const [fileId, upload] of Object.entries(JSON.parse(changes))) {
        const id = [this.#storeId, fileId];
        if (upload && (await promised(stores.uploaded.get(id))) === upload.key) continue;
        stores.uploaded.delete(id);
        if (upload) stores.owed.put(upload, id);
        else stores.owed.delete(id);
      }
      if (signer) stores.signers.put(signer, this.#storeId);
      return countOwed(stores, this.#storeId);
    });
    const asked = this.#owes;
    this.#owes = count > 0;
    if (!asked) this.#ask();
  }

  async wasUploaded(fileId, key) {
    const found = await inHandover("readonly", ({ uploaded }) => promised(uploaded.get([this.#storeId, fileId])));
    return found === key;
  }

  async clear() {
    this.#owes = false;
    await inHandover("readwrite", ({ signers, owed, uploaded }) => {
      signers.delete(this.#storeId);
      for (const files of [owed, uploaded]) files.delete(filesOf(this.#storeId));
    });
  }
}

// needs: background_uploads.js
//
// The page's side of background uploads: keeps the list, and asks the browser to wake the service worker as soon as there
// is a network (Background Sync). The service worker waits until this page is done, or gone.
/* exported BackgroundUploads */

class BackgroundUploads {
  #storeId;
  #isWaiting = false;
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
    if (this.#isWaiting) this.#sync?.register(SYNC_TAG).catch(() => {}); // the user may forbid it: the next page uploads
  }

  stop() {
    this.#listening?.abort();
  }

  async fileIds() {
    return JSON.stringify(await listBackgroundUploads(this.#storeId));
  }

  /** Both as JSON; see changeBackgroundUploads. */
  async change(changes, signer) {
    const count = await changeBackgroundUploads(this.#storeId, JSON.parse(changes), JSON.parse(signer));
    const asked = this.#isWaiting;
    this.#isWaiting = count > 0;
    if (!asked) this.#ask();
  }

  wasUploaded(fileId, key) {
    return wasUploadedInBackground(this.#storeId, fileId, key);
  }

  async clear() {
    this.#isWaiting = false;
    await clearBackgroundUploads(this.#storeId);
  }
}

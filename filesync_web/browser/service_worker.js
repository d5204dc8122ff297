// The page's side of the service worker: registers it, sends it messages, and tells it where this page's remote is.
//
// A job is {done: a promise of {value} or {error: {type, message}} that never rejects, abort()}.
/* exported ServiceWorkerClient, unregisterServiceWorker */

const ANSWER_MS = 10_000; // for what the service worker does at once
const CLAIM_MS = 5_000;
const PREFETCHES_AT_ONCE = 2;

class ServiceWorkerFailure extends Error {}

function startJob(work) {
  const controller = new AbortController();
  const aborted = new Promise((_resolve, reject) => {
    controller.signal.onabort = () => reject(new ServiceWorkerFailure("cancelled"));
  });
  const done = Promise.race([work(controller.signal), aborted]).then(
    (value) => ({ value }),
    (error) => {
      const said =
        error instanceof ServiceWorkerFailure ? error.message : `${error?.name}: ${error?.message ?? error}`;
      return { error: { type: "ServiceWorkerError", message: said } };
    },
  );
  return { done, abort: () => controller.abort() };
}

function serviceWorkers() {
  if (globalThis.navigator?.serviceWorker) return navigator.serviceWorker;
  if (typeof document === "undefined")
    throw new ServiceWorkerFailure(
      "a worker cannot register a service worker: call this from the page's main thread",
    );
  if (!globalThis.isSecureContext)
    throw new ServiceWorkerFailure("a service worker needs a secure page: open it by https: or on localhost");
  throw new ServiceWorkerFailure(
    "this browser has no service workers here: leave private browsing, or use a newer one",
  );
}

/** Resolves once the worker is active; fails when the browser gave it up. */
function whenActivated(worker) {
  return new Promise((resolve, reject) => {
    const look = () => {
      if (worker.state === "activated") resolve();
      if (worker.state === "redundant") {
        const why =
          "a precached file is missing or is not of this build, or the script fails; see the browser's console";
        reject(new ServiceWorkerFailure(`${worker.scriptURL} could not be installed: ${why}`));
      }
    };
    worker.addEventListener("statechange", look);
    look();
  });
}

/** Sends a message and resolves to the result in its answer. `limit` in ms; without one it may take any time. */
function ask(worker, message, limit) {
  return new Promise((resolve, reject) => {
    const { port1, port2 } = new MessageChannel();
    const settle = (action, value) => {
      clearTimeout(timer);
      port1.close();
      action(value);
    };
    const late = () => settle(reject, new ServiceWorkerFailure(`the service worker did not answer ${message.type}`));
    const timer = limit ? setTimeout(late, limit) : undefined;
    port1.onmessage = ({ data }) =>
      data.ok ? settle(resolve, data.result) : settle(reject, new ServiceWorkerFailure(data.error));
    port1.addEventListener("close", () =>
      // the browser stopped the worker
      settle(reject, new ServiceWorkerFailure(`the service worker was stopped before it answered ${message.type}`)),
    );
    worker.postMessage(message, [port2]);
  });
}

class ServiceWorkerClient {
  #getRemote;
  #onUpdate;
  #registration = null;
  #listening = new AbortController();
  #announced = null;

  /** `getRemote` resolves to the JSON of {signer, headers}; `onUpdate` is called when a new version waits. */
  constructor(getRemote, onUpdate) {
    this.#getRemote = getRemote;
    this.#onUpdate = onUpdate;
  }

  get scope() {
    return this.#registration.scope;
  }

  get updateWaiting() {
    return this.#registration.waiting !== null;
  }

  register(scriptUrl, scope) {
    return startJob(async (signal) => {
      const container = serviceWorkers();
      const options = { updateViaCache: "none", ...(scope && { scope }) };
      const registration = await container.register(scriptUrl, options);
      if (!location.href.startsWith(registration.scope))
        throw new ServiceWorkerFailure(`the scope ${registration.scope} does not cover this page, ${location.href}`);
      this.#registration = registration;
      await whenActivated(registration.active ?? registration.waiting ?? registration.installing);
      signal.throwIfAborted();
      this.#listen(container, registration);
      await this.#configure();
      await this.#takeControl(container);
      this.#announceUpdate();
    });
  }

  send(type) {
    return startJob(() => this.#ask(type));
  }

  /** Tells the worker the page's remote of now. */
  configure() {
    return startJob(() => this.#configure());
  }

  /** One message for each file, since a browser bounds the time that a service worker may take for one message. */
  prefetch(pathsJson) {
    return startJob(async (signal) => {
      const waiting = JSON.parse(pathsJson);
      const report = { fetched: [], present: [], failed: {} };
      const work = async () => {
        while (waiting.length > 0 && !signal.aborted) {
          const one = await this.#ask("filesync:prefetch", { paths: [waiting.shift()] }, null);
          report.fetched.push(...one.fetched);
          report.present.push(...one.present);
          Object.assign(report.failed, one.failed);
        }
      };
      await Promise.all(Array.from({ length: PREFETCHES_AT_ONCE }, work));
      return JSON.stringify(report);
    });
  }

  /** Asks the server for a new version; whether one waits now. */
  checkForUpdate() {
    return startJob(async () => {
      const registration = await this.#registration.update();
      const { installing } = registration;
      if (installing) await whenInstalled(installing);
      return this.updateWaiting;
    });
  }

  /** Lets the waiting version take over all pages of the scope. */
  activateUpdate() {
    return startJob(async () => {
      const { waiting } = this.#registration;
      if (!waiting) throw new ServiceWorkerFailure("no new version is waiting");
      await ask(waiting, { type: "filesync:skip-waiting" }, ANSWER_MS);
      await whenActivated(waiting);
      await this.#configure();
    });
  }

  dispose() {
    this.#listening.abort();
  }

  #listen(container, registration) {
    const { signal } = this.#listening;
    const onMessage = async ({ data, ports }) => {
      if (data?.type === "filesync:remote") ports[0].postMessage(await this.#remote());
    };
    container.addEventListener("message", onMessage, { signal });
    container.startMessages();
    const onFound = () => {
      const { installing, active } = registration;
      if (installing && active) whenInstalled(installing).then(() => this.#announceUpdate());
    };
    registration.addEventListener("updatefound", onFound, { signal });
    onFound();
  }

  /** Calls back once for each new version, when it waits. */
  #announceUpdate() {
    const { waiting } = this.#registration;
    if (!waiting || waiting === this.#announced || this.#listening.signal.aborted) return;
    this.#announced = waiting;
    this.#onUpdate();
  }

  async #remote() {
    const { signer, headers } = JSON.parse(await this.#getRemote());
    return { signer: signer && new URL(signer, document.baseURI).href, headers };
  }

  async #configure() {
    await this.#ask("filesync:configure", await this.#remote());
  }

  /** The first page of a new worker, and one that was reloaded past the worker, have no controller yet. */
  async #takeControl(container) {
    if (container.controller?.scriptURL === this.#registration.active.scriptURL) return;
    const changed = new Promise((resolve, reject) => {
      container.addEventListener("controllerchange", resolve, { once: true });
      const late = new ServiceWorkerFailure("the service worker does not take control of this page; reload it");
      setTimeout(() => reject(late), CLAIM_MS);
    });
    await Promise.all([this.#ask("filesync:claim"), changed]);
  }

  #ask(type, message = {}, limit = ANSWER_MS) {
    return ask(this.#registration.active, { ...message, type }, limit);
  }
}

/** Resolves once a new version is installed, or was given up. */
function whenInstalled(worker) {
  return new Promise((resolve) => {
    const look = () => worker.state !== "installing" && resolve();
    worker.addEventListener("statechange", look);
    look();
  });
}

/** Removes the registrations of a script, with the app shells that they keep; whether there was one. */
function unregisterServiceWorker(scriptUrl) {
  return startJob(async () => {
    const wanted = new URL(scriptUrl, document.baseURI).href;
    const registrations = await serviceWorkers().getRegistrations();
    const scriptOf = ({ active, waiting, installing }) => (active ?? waiting ?? installing)?.scriptURL;
    const ours = registrations.filter((registration) => scriptOf(registration) === wanted);
    const remove = async (registration) => {
      const removed = await registration.unregister();
      await caches.delete(`filesync-shell:${registration.scope}`); // the name is the worker's: see its openShell
      return removed;
    };
    return (await Promise.all(ours.map(remove))).includes(true);
  });
}

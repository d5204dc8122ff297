// Workers that a worker's page makes for it. Where Firefox is driven by WebDriver, or has its developer tools open,
// `new Worker` in a worker may never return: the browser's main thread tells that its debugger knows the new
// worker, and wakes either the thread that waits for that or the new one, which waits as well
// (`WorkerPrivate::SetIsDebuggerRegistered`, whose `Notify` wakes one of the two). So in Firefox the workers of the
// tests' workers are made by the page, and what they and their owners say to each other goes through ports.

const KIND = "lent workers";

export const areNeeded = navigator.userAgent.includes("Firefox/");

// In the page: make the workers that `worker` wants.
export function lendWorkers(worker, Worker = globalThis.Worker) {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data: { url, options, port } }) => {
    const made = new Worker(url, options);
    made.onmessage = ({ data }) => port.postMessage({ data });
    made.onerror = (event) => {
      event.preventDefault();
      port.postMessage({ error: event.message });
    };
    port.onmessage = ({ data: { data, transfer } }) => (transfer ? made.postMessage(data, transfer) : made.terminate());
  };
  worker.postMessage([KIND, port2], [port2]);
}

// In the worker, before the page lends any.
export function borrowWorkers() {
  const lent = new Promise((resolve) => {
    addEventListener("message", (event) => {
      if (event.data?.[0] !== KIND) return;
      event.stopImmediatePropagation();
      resolve(event.data[1]);
    });
  });
  globalThis.Worker = class {
    #port;

    constructor(url, options) {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = ({ data }) => {
        if ("error" in data) this.onerror?.({ message: data.error, preventDefault() {} });
        else this.onmessage?.(data);
      };
      this.#port = port1;
      lent.then((page) => page.postMessage({ url: String(url), options, port: port2 }, [port2]));
    }

    postMessage(data, transfer = []) {
      this.#port.postMessage({ data, transfer }, transfer);
    }

    terminate() {
      this.#port.postMessage({});
    }
  };
}

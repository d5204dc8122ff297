// --- Asking pages: for own copies, among other things, where a service worker has no storage (some browsers on WebKitGTK) ---

const ASK_MS = 2000;
const silent = new Set(); // ids of pages that did not answer in time: not asked until they do, or a page has started

/** Asks a page by message; what it answers goes to `onAnswer`, however late. */
function ask(page, message, onAnswer) {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }) => onAnswer(data);
  page.postMessage(message, [port2]);
}

/**
 * The open pages. A client is looked for among them: `clients.get` asks the client itself in Firefox, and never ends
 * for a worker that waits, in a synchronous request, for the very answer.
 */
const openPages = () => self.clients.matchAll({ type: "window", includeUncontrolled: true });

/** Asks all open pages for the file; the first that has it wins. Null when none has it, or none answers in time. */
async function findInPages(key) {
  const pages = await openPages();
  const asked = new Set(pages.filter(({ id }) => !silent.has(id)));
  return new Promise((resolve) => {
    const answered = (page, file) => {
      silent.delete(page.id);
      asked.delete(page);
      if (file || asked.size === 0) resolve(file);
    };
    for (const page of asked) ask(page, { type: "filesync:find", key }, ({ file }) => answered(page, file));
    setTimeout(() => {
      for (const { id } of asked) silent.add(id);
      resolve(null);
    }, asked.size && ASK_MS);
  });
}

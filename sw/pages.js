// --- Own copies where a service worker has no storage, as in some browsers on WebKitGTK: pages look for them ---

const ASK_MS = 2000;
const silent = new Set(); // ids of pages that did not answer in time: not asked until they do, or a page has started

/** Asks all open pages for the file; the first that has it wins. Null when none has it, or none answers in time. */
async function findInPages(key) {
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const asked = new Set(pages.filter(({ id }) => !silent.has(id)));
  return new Promise((resolve) => {
    const answered = (page, file) => {
      silent.delete(page.id);
      asked.delete(page);
      if (file || asked.size === 0) resolve(file);
    };
    for (const page of asked) {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = ({ data }) => answered(page, data.file);
      page.postMessage({ type: "filesync:find", key }, [port2]);
    }
    setTimeout(() => {
      for (const { id } of asked) silent.add(id);
      resolve(null);
    }, asked.size && ASK_MS);
  });
}

// What a dropped folder has in it, as promises: the browser's own way to tell it is by callbacks.

/**
 * @param {FileSystemFileEntry} entry
 * @returns {Promise<File>}
 */
export function fileOf(entry) {
  return new Promise((resolve, reject) => { entry.file(resolve, reject); });
}

/**
 * The entries of a folder, once there are `enough` of them or no more.
 *
 * @param {FileSystemDirectoryEntry} folder
 * @param {number} enough
 * @returns {Promise<FileSystemEntry[]>}
 */
export async function entriesOf(folder, enough) {
  const reader = folder.createReader();
  const entries = [];
  while (entries.length < enough) {
    const more = await new Promise((resolve, reject) => { reader.readEntries(resolve, reject); });
    if (!more.length) break;
    entries.push(...more);
  }
  return entries;
}

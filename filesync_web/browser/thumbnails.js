// needs: failures.js incoming.js jobs.js locks.js opfs.js
//
// The dedicated worker that makes pictures small: thumbnails, which it keeps in the origin private file system,
//
//   livestore-filesync-thumbnails/<store id>/<name>
//
// their pixels for a preview, and pictures that are to be saved smaller than they are. What this browser cannot decode in a
// worker is null: no picture, drawings (SVG), videos.

const THUMBNAILS_ROOT = "livestore-filesync-thumbnails";

// What of a picture is drawn, and how large: all of it, or the square in its middle; never larger than it is.
function layoutOf(width, height, size, fit) {
  const side = Math.min(width, height);
  const [wide, high] = fit === "cover" ? [side, side] : [width, height];
  const scale = Math.min(1, size / Math.max(wide, high));
  const source = [(width - wide) / 2, (height - high) / 2, wide, high];
  return { source, width: Math.max(1, Math.round(wide * scale)), height: Math.max(1, Math.round(high * scale)) };
}

function draw(picture, { source, width, height }, type) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { alpha: type !== "image/jpeg" }); // without, what is clear would be black
  if (type === "image/jpeg") {
    context.fillStyle = "white";
    context.fillRect(0, 0, width, height);
  }
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, ...source, 0, 0, width, height);
  return canvas;
}

// A photograph decoded at a fraction of its size, which a JPEG allows: half the time, and a small part of the memory. Null
// where that cannot be had, or would be too small to shrink it well.
async function decodeFraction(blob, type, { size, fit, pixels }) {
  const sideOf = fit === "cover" ? Math.min : Math.max;
  if (!pixels || sideOf(...pixels) <= 2 * size) return null;
  if (type !== "image/jpeg" || !globalThis.ImageDecoder || !("rotation" in VideoFrame.prototype)) return null;
  const data = await blob.arrayBuffer(); // Chromium may collect a stream that nothing else refers to
  const decoder = new ImageDecoder({ data, type, desiredWidth: 2 * size, desiredHeight: 2 * size });
  try {
    const { image } = await decoder.decode();
    if (sideOf(image.displayWidth, image.displayHeight) >= size) return image;
    image.close();
  } catch {
    // the other way may do
  } finally {
    decoder.close();
  }
  return null;
}

// Whether a picture has its end. Firefox and WebKit decode also what is torn, and fill in black.
async function isWhole(blob) {
  const textOf = async (part) => new TextDecoder("latin1").decode(await part.arrayBuffer());
  const [head, tail] = await Promise.all([textOf(blob.slice(0, 4)), textOf(blob.slice(-65536))]); // cameras may add a trailer
  if (head.endsWith("PNG")) return tail.includes("IEND");
  if (head.startsWith("\xff\xd8")) return tail.lastIndexOf("\xff\xd9") > tail.lastIndexOf("\xff\xda");
  return head !== "GIF8" || /;\0*$/.test(tail); // of other kinds nobody decodes a part
}

// The picture, turned as its Exif says, for `use`, which gets it while it is in memory, with its width and height there; null
// when it cannot be decoded.
async function withPicture(blob, type, wanted, use) {
  let picture;
  try {
    picture = (await decodeFraction(blob, type, wanted)) ?? (await createImageBitmap(new Blob([blob], { type })));
  } catch {
    return null;
  }
  try {
    return await use(picture, picture.displayWidth ?? picture.width, picture.displayHeight ?? picture.height);
  } finally {
    picture.close();
  }
}

// The picture in another format, at most so large; null when it cannot be decoded.
const shrunk = (blob, mimeType, recipe) =>
  withPicture(blob, mimeType, recipe, (picture, width, height) => {
    const { size, fit, type, quality } = recipe;
    return draw(picture, layoutOf(width, height, size, fit), type).convertToBlob({ type, quality });
  });

async function findThumbnail(storeId, name) {
  const folder = await findFolder(THUMBNAILS_ROOT, storeId);
  const handle = folder && (await folder.getFileHandle(name).catch(orNull));
  return handle && handle.getFile().catch(orNull);
}

// Write the thumbnail down, whole or not at all; returns its file, or without room for it the blob itself.
async function keep(job, storeId, name, blob) {
  const temporary = `thumbnail-${crypto.randomUUID()}`;
  return withLock(job, storeId, temporary, async () => {
    const incoming = await makeFolder(INCOMING_ROOT, storeId);
    let writer = null;
    try {
      const handle = await incoming.getFileHandle(temporary, { create: true });
      writer = await openWriter(incoming, handle);
      await writer.write(new Uint8Array(await blob.arrayBuffer()), 0);
      await writer.close();
      writer = null;
      await handle.move(await makeFolder(THUMBNAILS_ROOT, storeId), name);
      return (await findThumbnail(storeId, name)) ?? blob;
    } catch (error) {
      await writer?.abandon().catch(() => {});
      await incoming.removeEntry(temporary).catch(orNull);
      if (describeError(error).type === "QuotaExceededError") return blob;
      throw error;
    }
  });
}

// The thumbnail that is there, else the one that `drawn` gives, once for all tabs; null when there can be none.
const once = (job, storeId, name, drawn) =>
  withLock(job, storeId, name, async () => {
    const present = await findThumbnail(storeId, name);
    if (present) return present;
    const blob = await drawn();
    return blob && keep(job, storeId, name, blob);
  });

const make = (job, { storeId, hash, name, mimeType, recipe }) =>
  once(job, storeId, name, async () => {
    const source = await findBlob(storeId, hash);
    if (!source) throw new Failure("BlobNotFoundError", `no bytes are stored in this browser under ${hash}`);
    return shrunk(source, mimeType, recipe);
  });

// JSON of the names and sizes of all
async function list(_job, { storeId }) {
  const folder = await findFolder(THUMBNAILS_ROOT, storeId);
  const sizes = {};
  if (folder)
    for await (const [name, handle] of folder.entries()) {
      const file = await handle.getFile().catch(orNull);
      if (file) sizes[name] = file.size;
    }
  return JSON.stringify(sizes);
}

async function remove(_job, { storeId, names }) {
  const folder = await findFolder(THUMBNAILS_ROOT, storeId);
  if (folder) for (const name of JSON.parse(names)) await folder.removeEntry(name).catch(orNull);
}

// {width, height, rgba} of a kept thumbnail, its longer side at most `longest`; null when there is none
async function raster(_job, { storeId, name, longest }) {
  const file = await findThumbnail(storeId, name);
  return (
    file &&
    withPicture(file, file.type, {}, (picture, across, down) => {
      const layout = layoutOf(across, down, longest, "contain");
      const context = draw(picture, layout, "image/png").getContext("2d");
      const { width, height } = layout;
      return { width, height, rgba: context.getImageData(0, 0, width, height).data };
    })
  );
}

serve({
  find: (_job, { storeId, hash }) => findBlob(storeId, hash),
  findThumbnail: (_job, { storeId, name }) => findThumbnail(storeId, name),
  make,
  keep: (job, { storeId, name, blob }) => once(job, storeId, name, () => blob),
  list,
  remove,
  raster,
  dataUrl: (_job, { blob, mimeType }) => new FileReaderSync().readAsDataURL(new Blob([blob], { type: mimeType })),
  shrink: async (_job, { blob, mimeType, recipe }) => ((await isWhole(blob)) ? shrunk(blob, mimeType, recipe) : null),
});

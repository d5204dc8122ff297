// The gallery's pixel work, kept out of Python: a picture in, a picture with inverted colours out.

const SAME_TYPE = new Set(['image/jpeg', 'image/webp']);

/**
 * Invert the colours of a picture; transparency and size are kept.
 *
 * Works with blend modes, because not every browser has canvas filters. A type that the canvas cannot write becomes PNG.
 *
 * @param {Blob} blob a picture that the browser can decode; else the promise is rejected with a plain message
 * @returns {Promise<Blob>}
 */
export async function invert(blob) {
  const bitmap = await decode(blob);
  try {
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const context = canvas.getContext('2d');
    context.drawImage(bitmap, 0, 0);
    context.globalCompositeOperation = 'difference';
    context.fillStyle = '#fff';
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.globalCompositeOperation = 'destination-in';
    context.drawImage(bitmap, 0, 0);
    return await canvas.convertToBlob({ type: SAME_TYPE.has(blob.type) ? blob.type : 'image/png', quality: 0.92 });
  } finally {
    bitmap.close?.();
  }
}

/** Decode a picture whole: an image element, which takes half a photo as well, is for drawings of vectors only. */
async function decode(blob) {
  const isDrawing = blob.type === 'image/svg+xml';
  return (isDrawing ? decodeDrawing(blob) : decodePhotograph(blob)).catch(() => {
    throw new Error('the browser cannot read it as a picture');
  });
}

async function decodePhotograph(blob) {
  if (!(await isWhole(blob))) throw new Error('it is torn');
  return createImageBitmap(blob);
}

/** Whether a picture has its end: Firefox and WebKit decode also what is torn, and fill in black. */
async function isWhole(blob) {
  const textOf = async (part) => new TextDecoder('latin1').decode(await part.arrayBuffer());
  const [head, tail] = await Promise.all([textOf(blob.slice(0, 4)), textOf(blob.slice(-65536))]); // cameras may add a trailer
  if (head.endsWith('PNG')) return tail.includes('IEND');
  if (head.startsWith('\xff\xd8')) return tail.lastIndexOf('\xff\xd9') > tail.lastIndexOf('\xff\xda');
  return head !== 'GIF8' || /;\0*$/.test(tail); // of other kinds nobody decodes a part
}

async function decodeDrawing(blob) {
  const image = new Image();
  image.src = URL.createObjectURL(blob);
  try {
    await image.decode();
    return image;
  } finally {
    URL.revokeObjectURL(image.src);
  }
}

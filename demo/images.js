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
  return (isDrawing ? decodeDrawing(blob) : createImageBitmap(blob)).catch(() => {
    throw new Error('the browser cannot read it as a picture');
  });
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

// PNG files of class ids, as the server sends them: given colors by a palette, or read value by value.

/** @typedef {{width: number, height: number, ids: Uint8Array | Uint16Array, data: Uint8ClampedArray}} Values */

const CRC = new Uint32Array(256).map((_, value) => {
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value >>> 0;
});

/** @param {Uint8Array} bytes */
function crc(bytes) {
  let sum = ~0;
  for (const byte of bytes) sum = CRC[(sum ^ byte) & 255] ^ (sum >>> 8);
  return ~sum >>> 0;
}

/** @param {string} kind @param {Uint8Array} body */
function chunk(kind, body) {
  const out = new Uint8Array(12 + body.length);
  const numbers = new DataView(out.buffer);
  numbers.setUint32(0, body.length);
  for (let i = 0; i < 4; i++) out[4 + i] = kind.charCodeAt(i);
  out.set(body, 8);
  numbers.setUint32(8 + body.length, crc(out.subarray(4, 8 + body.length)));
  return out;
}

/** Whether a pixel is red, green, blue and not one gray value. @param {Uint8Array} png */
export function isRgb(png) {
  return png[25] === 2;
}

/**
 * A PNG of 8-bit gray values as the same pixels in colors: only a palette is written, no pixel is touched.
 * @param {Uint8Array} png
 * @param {Uint8Array} palette 768 bytes @param {Uint8Array} alpha 256 bytes
 */
export function recolor(png, palette, alpha) {
  const header = png.slice(16, 29);
  header[9] = 3; // indices into a palette
  const parts = [png.subarray(0, 8), chunk("IHDR", header), chunk("PLTE", palette), chunk("tRNS", alpha), png.subarray(33)];
  return new Blob(/** @type {BlobPart[]} */ (parts), { type: "image/png" });
}

/** The exact values of a PNG: no color is converted. @param {Uint8Array} png @returns {Promise<Values>} */
export async function values(png) {
  const blob = new Blob([/** @type {BlobPart} */ (png)], { type: "image/png" });
  const picture = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const { width, height } = picture;
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (
    new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true })
  );
  context.drawImage(picture, 0, 0);
  picture.close();
  const { data } = context.getImageData(0, 0, width, height);
  const ids = isRgb(png) ? new Uint16Array(width * height) : new Uint8Array(width * height);
  if (isRgb(png)) for (let i = 0; i < ids.length; i++) ids[i] = data[4 * i] | (data[4 * i + 1] << 8);
  else for (let i = 0; i < ids.length; i++) ids[i] = data[4 * i];
  return { width, height, ids, data };
}

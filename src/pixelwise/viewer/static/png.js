// PNG files of class ids, as the server sends them: given colors by a palette, or read value by value.

/** @typedef {{width: number, height: number, ids: Uint8Array | Uint16Array, data: Uint8ClampedArray}} Values */

const SIGNATURE = Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10);
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

const BAND = 1 << 20; // pixels: some milliseconds for a pass over them

/** The rows of a picture in bands, [from, to); between them the page can answer. @param {number} width @param {number} height */
export async function* bands(width, height) {
  const step = Math.ceil(BAND / width);
  for (let y = 0; y < height; y += step) {
    if (y) await new Promise((resolve) => setTimeout(resolve));
    yield [y, Math.min(y + step, height)];
  }
}

/** The exact values of a PNG: no color is converted. @param {Uint8Array} png @returns {Promise<Values>} */
export async function values(png) {
  const blob = new Blob([/** @type {BlobPart} */ (png)], { type: "image/png" });
  const picture = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const { width, height } = picture;
  const [rgb, data] = [isRgb(png), new Uint8ClampedArray(4 * width * height)];
  const ids = rgb ? new Uint16Array(width * height) : new Uint8Array(width * height);
  const band = Math.min(height, Math.ceil(BAND / width));
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (
    new OffscreenCanvas(width, band).getContext("2d", { willReadFrequently: true })
  );
  context.globalCompositeOperation = "copy";
  for await (const [y0, y1] of bands(width, height)) {
    context.drawImage(picture, 0, y0, width, y1 - y0, 0, 0, width, y1 - y0);
    data.set(context.getImageData(0, 0, width, y1 - y0).data, 4 * y0 * width);
    if (rgb) for (let i = y0 * width; i < y1 * width; i++) ids[i] = data[4 * i] | (data[4 * i + 1] << 8);
    else for (let i = y0 * width; i < y1 * width; i++) ids[i] = data[4 * i];
  }
  picture.close();
  return { width, height, ids, data };
}

/** A PNG of 8-bit gray values, as the server sends ids. @param {number} width @param {number} height @param {(i: number) => number} value */
export async function gray(width, height, value) {
  const rows = new Uint8Array(height * (width + 1)); // each begins with its filter: none
  for (let y = 0, i = 0; y < height; y++) for (let x = 0; x < width; x++) rows[y * (width + 1) + 1 + x] = value(i++);
  const header = new Uint8Array(13);
  const numbers = new DataView(header.buffer);
  numbers.setUint32(0, width);
  numbers.setUint32(4, height);
  header[8] = 8;
  const packed = await new Response(new Blob([rows]).stream().pipeThrough(new CompressionStream("deflate"))).arrayBuffer();
  const parts = [SIGNATURE, chunk("IHDR", header), chunk("IDAT", new Uint8Array(packed)), chunk("IEND", new Uint8Array())];
  return new Uint8Array(await new Blob(/** @type {BlobPart[]} */ (parts)).arrayBuffer());
}

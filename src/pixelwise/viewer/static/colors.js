// Colors of classes: exactly those of the class table, as a palette for PNG files and as pixels for canvases.
import { bands } from "./png.js";

/** @typedef {[number, number, number]} Color */
/** @typedef {{id: number, name: string, color: Color}} Class */

/** Of a value that is not a class. @type {Color} */
const STRAY = [255, 0, 144];
/** Of the values of an error map: right, wrong, void in the truth, not a class. @type {Class[]} */
export const ERRORS = [
  { id: 0, name: "right", color: [46, 160, 90] },
  { id: 1, name: "wrong", color: [214, 39, 40] },
  { id: 2, name: "void in the truth", color: [150, 150, 150] },
  { id: 3, name: "not a class", color: [255, 0, 144] },
];
/** Of the pixels that a finding is about. @type {Class[]} */
export const FAULTS = [
  { id: 0, name: "not concerned", color: [0, 0, 0] },
  { id: 1, name: "what the finding is about", color: [255, 0, 90] },
];

export class Colors {
  /** @param {Class[]} classes void included */
  constructor(classes) {
    /** @type {Map<number, Class>} */
    this.known = new Map(classes.map((one) => [one.id, one]));
    /** Ids whose color is switched off. @type {Set<number>} */
    this.off = new Set();
    /** Whether black is seen through, so that the usual color of a background leaves the image as it is. */
    this.seeThrough = true;
  }

  /** @param {number} id @returns {Color} */
  of(id) {
    return this.known.get(id)?.color ?? STRAY;
  }

  /** @param {number} id */
  isOff(id) {
    const [red, green, blue] = this.of(id);
    return this.off.has(id) || (this.seeThrough && red + green + blue === 0);
  }

  /** The palette of the ids 0..255 and their opacity, for `recolor`. */
  palette() {
    const palette = new Uint8Array(768);
    const alpha = new Uint8Array(256);
    for (let id = 0; id < 256; id++) {
      palette.set(this.of(id), 3 * id);
      alpha[id] = this.isOff(id) ? 0 : 255;
    }
    return { palette, alpha };
  }

  /** Values as a picture, for what a palette cannot hold. @param {import("./png.js").Values} values */
  async image(values) {
    const { width, height, ids } = values;
    const out = new ImageData(width, height);
    const words = new Uint32Array(out.data.buffer);
    const cache = new Uint32Array(65536).fill(1); // which is no color: "not asked yet"
    for await (const [y0, y1] of bands(width, height)) {
      for (let i = y0 * width; i < y1 * width; i++) {
        const id = ids[i];
        if (cache[id] === 1) {
          const [red, green, blue] = this.of(id);
          cache[id] = this.isOff(id) ? 0 : (255 << 24) | (blue << 16) | (green << 8) | red;
        }
        words[i] = cache[id];
      }
    }
    return out;
  }
}

/** Colors of objects by their numbers; neighbors in number are far apart in hue. 0 is not an object. */
export class ObjectColors extends Colors {
  constructor() {
    super([]);
    this.seeThrough = false;
    this.off.add(0);
  }

  /** @param {number} id @returns {Color} */
  of(id) {
    const hue = (0.58 + id * 0.381966) % 1;
    const level = (/** @type {number} */ shift) => Math.round(255 * (0.5 + 0.42 * Math.cos(2 * Math.PI * (hue - shift))));
    return [level(0), level(1 / 3), level(2 / 3)];
  }
}

/**
 * The borders between different values as a picture: white lines two pixels wide. Classes that are switched off have none.
 * @param {import("./png.js").Values} values @param {Colors} colors
 */
export async function outlines(values, colors) {
  const { width, height, ids } = values;
  const out = new ImageData(width, height);
  const words = new Uint32Array(out.data.buffer);
  const off = new Uint8Array(65536);
  for (const id of colors.off) off[id] = 1;
  for await (const [y0, y1] of bands(width, height)) {
    for (let y = y0, i = y0 * width; y < y1; y++) {
      for (let x = 0; x < width; x++, i++) {
        const id = ids[i];
        if (off[id]) continue;
        const differs =
          (x + 1 < width && ids[i + 1] !== id) || (x > 0 && ids[i - 1] !== id) ||
          (y + 1 < height && ids[i + width] !== id) || (y > 0 && ids[i - width] !== id);
        if (differs) words[i] = 0xffffffff;
      }
    }
  }
  return out;
}

// A large image in tiles: only those that are seen exist, at the scale that the screen can show.
import * as data from "./data.js";
import { clear, paint } from "./layer.js";

const TILE = 512;
const MOST = 90; // tiles that exist at once; those seen first go first

/** @typedef {{level: number, row: number, column: number, box: HTMLElement, image: HTMLImageElement, layer: HTMLElement, loaded: boolean}} Tile */

export class Tiles {
  /** @param {HTMLElement} images @param {HTMLElement} layers one over the other, both as large as the stage */
  constructor(images, layers) {
    this.images = images;
    this.layers = layers;
    /** @type {Map<string, Tile>} */
    this.live = new Map();
    this.number = -1;
    this.width = this.height = 0;
    /** @type {import("./grid.js").Look | null} */
    this.look = null;
    /** Called when all that is seen is there, or an error. @type {(why: string) => void} */
    this.done = () => {};
  }

  /** @param {number} number @param {[number, number]} size (height, width) @param {import("./grid.js").Look} look */
  open(number, size, look) {
    this.close();
    this.number = number;
    [this.height, this.width] = size;
    this.look = look;
  }

  close() {
    for (const tile of this.live.values()) this.drop(tile);
    this.live.clear();
    this.number = -1;
  }

  /** @param {import("./grid.js").Look} look */
  dress(look) {
    this.look = look;
    for (const tile of this.live.values()) this.cover(tile);
  }

  /** Show what is in the stage. @param {number} x @param {number} y of the image's corner @param {number} zoom @param {number} wide @param {number} high of the stage */
  place(x, y, zoom, wide, high) {
    if (this.number < 0) return;
    const last = Math.max(0, Math.ceil(Math.log2(Math.max(this.width, this.height) / TILE)));
    const wanted = Math.floor(Math.log2(1 / (zoom * devicePixelRatio)) + 0.01);
    const level = Math.max(0, Math.min(last, wanted));
    const seen = new Set([`${last}/0/0`]); // the whole image, below all others: there is always something to see
    this.tile(last, 0, 0);
    const step = TILE * 2 ** level;
    const [top, left] = [Math.max(0, Math.floor(-y / zoom / step)), Math.max(0, Math.floor(-x / zoom / step))];
    for (let row = top; row * step < Math.min(this.height, (high - y) / zoom); row++) {
      for (let column = left; column * step < Math.min(this.width, (wide - x) / zoom); column++) {
        this.tile(level, row, column);
        seen.add(`${level}/${row}/${column}`);
      }
    }
    for (const [key, tile] of this.live) {
      if (seen.has(key)) continue;
      // Those of another scale stay below until the new ones are there; those not loaded are not waited for.
      if (!tile.loaded || this.live.size > MOST) {
        this.drop(tile);
        this.live.delete(key);
      }
    }
    for (const tile of this.live.values()) {
      const size = TILE * 2 ** tile.level;
      const [x0, y0] = [tile.column * size, tile.row * size];
      // Edges at whole pixels of the screen: neighbors meet without a line between them.
      const edges = [x + x0 * zoom, y + y0 * zoom, x + Math.min(x0 + size, this.width) * zoom, y + Math.min(y0 + size, this.height) * zoom].map(Math.round);
      for (const one of [tile.box, tile.layer]) {
        one.style.transform = `translate(${edges[0]}px, ${edges[1]}px)`;
        one.style.width = `${edges[2] - edges[0]}px`;
        one.style.height = `${edges[3] - edges[1]}px`;
      }
    }
    this.seen = seen;
    this.settle();
  }

  /** Drop what is beneath when all that is seen is loaded. */
  settle() {
    const seen = this.seen ?? new Set();
    if (![...seen].every((key) => this.live.get(key)?.loaded)) return;
    for (const [key, tile] of this.live) {
      if (seen.has(key)) continue;
      this.drop(tile);
      this.live.delete(key);
    }
    this.done("");
  }

  /** @param {number} level @param {number} row @param {number} column */
  tile(level, row, column) {
    const key = `${level}/${row}/${column}`;
    const known = this.live.get(key);
    if (known) {
      this.live.delete(key); // to the end: used last
      this.live.set(key, known);
      return;
    }
    const [box, layer, image] = [document.createElement("div"), document.createElement("div"), new Image()];
    box.className = "tile";
    layer.className = "tile layer";
    for (const one of [box, layer]) one.style.zIndex = String(50 - level);
    box.append(image);
    image.alt = "";
    /** @type {Tile} */
    const tile = { level, row, column, box, image, layer, loaded: false };
    this.live.set(key, tile);
    const path = this.path(tile, "image");
    image.addEventListener("load", () => {
      tile.loaded = true;
      this.settle();
    });
    image.addEventListener("error", async () => {
      if (image.getAttribute("src")) this.done(await data.reason(path));
    });
    image.src = path;
    this.images.append(box);
    this.layers.append(layer);
    this.cover(tile);
  }

  /** @param {Tile} tile @param {string} what */
  path(tile, what) {
    return data.tileAddress(this.number, what, tile.level, tile.row, tile.column);
  }

  /** @param {Tile} tile */
  async cover(tile) {
    const look = this.look;
    if (!look || !look.layer) return clear(tile.layer);
    try {
      const png = await data.idsAt(this.path(tile, look.layer));
      if (this.look === look && tile.layer.isConnected) await paint(tile.layer, png, look.colors, look.lines);
    } catch (error) {
      clear(tile.layer);
      if (this.look === look && tile.layer.isConnected) this.done(error instanceof Error ? error.message : String(error));
    }
  }

  /** @param {Tile} tile */
  drop(tile) {
    tile.image.removeAttribute("src"); // a picture that was not sent yet is not sent
    tile.box.remove();
    tile.layer.remove();
  }
}

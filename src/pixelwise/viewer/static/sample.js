// One sample: image and overlay, zoomed to single pixels, with what is under the pointer.
import * as data from "./data.js";
import { clear, paint } from "./layer.js";
import { bands } from "./png.js";
import { Tiles } from "./tiles.js";

const CLOSEST = 64;

export class SampleView {
  /**
   * @param {HTMLElement} stage @param {HTMLElement} world @param {HTMLElement} divider @param {HTMLElement} problem
   * @param {(at: {x: number, y: number} | null) => void} point called with the pixel under the pointer
   */
  constructor(stage, world, divider, problem, point) {
    this.stage = stage;
    this.world = world;
    this.divider = divider;
    this.problem = problem;
    this.point = point;
    this.image = new Image();
    this.image.className = "image";
    this.image.alt = "";
    this.layer = document.createElement("div");
    this.layer.className = "layer";
    world.append(this.image, this.layer);
    const [below, above] = [document.createElement("div"), document.createElement("div")];
    below.className = above.className = "tiles";
    stage.prepend(below, above);
    this.above = above;
    this.tiles = new Tiles(below, above);
    /** (height, width) of an image that is shown in tiles. @type {[number, number] | null} */
    this.large = null;
    /** What was asked for last, as long as it is on its way. @type {Promise<any> | null} */
    this.asking = null;
    this.number = -1;
    this.zoom = 1;
    this.x = 0;
    this.y = 0;
    this.fitted = true;
    this.wiped = false;
    this.share = 0.5;
    this.inColors = false; // whether the label's file stores colors
    this.reduced = 1; // how many times smaller an exported page shows it
    /** @type {import("./grid.js").Look | null} */
    this.look = null;
    /** Values of what is shown, by name: read when they are first pointed at. @type {Map<string, Promise<import("./png.js").Values | null>>} */
    this.read = new Map();
    this.listen();
  }

  get width() {
    return this.large?.[1] ?? this.image.naturalWidth;
  }

  get height() {
    return this.large?.[0] ?? this.image.naturalHeight;
  }

  /** @param {number} number @param {import("./grid.js").Look} look */
  async show(number, look) {
    this.number = number;
    this.read.clear();
    this.problem.hidden = true;
    this.stage.dataset.state = "loading";
    this.world.hidden = true;
    clear(this.layer);
    this.tiles.close();
    const row = await data.row(number).catch(() => null);
    if (this.number !== number) return;
    this.large = row?.tiled ? row.size : null;
    this.stage.toggleAttribute("data-large", Boolean(this.large));
    if (this.large) return this.showLarge(number, this.large, look);
    const path = data.address(number, "image", "whole");
    this.image.src = path;
    try {
      await this.image.decode();
    } catch {
      if (this.number === number) this.fail(await data.reason(path));
      return;
    }
    if (this.number !== number) return;
    this.world.hidden = false;
    this.world.style.width = `${this.width}px`;
    this.world.style.height = `${this.height}px`;
    this.fit();
    await this.dress(look);
    if (this.number === number && this.stage.dataset.state === "loading") this.stage.dataset.state = "shown";
  }

  /** @param {number} number @param {[number, number]} size @param {import("./grid.js").Look} look */
  async showLarge(number, size, look) {
    this.image.removeAttribute("src");
    this.look = look;
    this.world.hidden = false;
    this.world.style.width = `${size[1]}px`;
    this.world.style.height = `${size[0]}px`;
    await new Promise((/** @type {(value?: unknown) => void} */ resolve) => {
      this.tiles.done = (why) => {
        if (this.number !== number) return resolve();
        if (why) this.fail(why);
        else if (this.stage.dataset.state === "loading") this.stage.dataset.state = "shown";
        this.stage.dataset.layer = this.look?.layer;
        resolve();
      };
      this.tiles.open(number, size, look);
      this.fit();
    });
  }

  /** @param {import("./grid.js").Look} look */
  async dress(look) {
    this.look = look;
    if (this.large) {
      this.problem.hidden = true;
      this.stage.dataset.layer = look.layer;
      return this.tiles.dress(look);
    }
    const { number } = this;
    if (!look.layer) return clear(this.layer);
    try {
      const png = await data.ids(number, look.layer, "whole");
      if (this.number !== number || this.look !== look) return;
      await paint(this.layer, png, look.colors, look.lines);
      this.stage.dataset.layer = look.layer;
      this.problem.hidden = true;
    } catch (error) {
      if (this.number !== number) return;
      clear(this.layer);
      this.fail(error instanceof Error ? error.message : String(error));
    }
  }

  /** @param {string} why */
  fail(why) {
    this.problem.textContent = why;
    this.problem.hidden = false;
    this.stage.dataset.state = "unreadable";
  }

  /** The values of a picture of this sample, or null if it has none. @param {string} what */
  values(what) {
    let found = this.read.get(what);
    if (!found) {
      found = data.exact(this.number, what, "whole").catch(() => null);
      this.read.set(what, found);
    }
    return found;
  }

  /** What is at a pixel: numbers by name, undefined where there is none. @param {number} x @param {number} y */
  async at(x, y) {
    const { number } = this;
    const layers = ["image", "stored", ...new Set(["label", this.look?.layer || "label"])];
    if (this.large) {
      if (this.asking) return null; // one question at a time: the next movement asks again
      this.asking = data.json(`api/at/${number}?x=${x}&y=${y}&what=${layers.join(",")}`).catch(() => null);
      const found = await this.asking;
      this.asking = null;
      return this.number === number ? found : null;
    }
    const read = await Promise.all(layers.map((what) => this.values(what)));
    if (this.number !== number) return null;
    /** @type {Record<string, number | [number, number, number] | undefined>} */
    const out = {};
    for (const [k, what] of layers.entries()) {
      const found = read[k];
      const i = found && x < found.width && y < found.height ? y * found.width + x : -1;
      if (!found || i < 0) continue;
      const color = /** @type {[number, number, number]} */ ([...found.data.subarray(4 * i, 4 * i + 3)]);
      out[what] = what === "image" ? color : found.ids[i];
      if (what === "stored" && this.inColors) out.stored = color;
    }
    return out;
  }

  // -- where it is looked at ----------------------------------------------------------------------------------

  fit() {
    const { clientWidth, clientHeight } = this.stage;
    if (!this.width || !clientWidth) return;
    this.zoom = Math.min((clientWidth - 24) / this.width, (clientHeight - 24) / this.height, 8);
    this.x = (clientWidth - this.width * this.zoom) / 2;
    this.y = (clientHeight - this.height * this.zoom) / 2;
    this.fitted = true;
    this.place();
  }

  /** Closer by a factor, the point (x, y) of the stage staying where it is. @param {number} factor @param {number} [x] @param {number} [y] */
  closer(factor, x = this.stage.clientWidth / 2, y = this.stage.clientHeight / 2) {
    const least = Math.min(1, this.stage.clientWidth / this.width, this.stage.clientHeight / this.height) / 2;
    const zoom = Math.max(least, Math.min(CLOSEST, this.zoom * factor));
    this.x = x - (x - this.x) * (zoom / this.zoom);
    this.y = y - (y - this.y) * (zoom / this.zoom);
    this.zoom = zoom;
    this.fitted = false;
    this.place();
  }

  place() {
    this.world.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.zoom})`;
    this.tiles.place(this.x, this.y, this.zoom, this.stage.clientWidth, this.stage.clientHeight);
    this.stage.dataset.zoom = this.zoom.toFixed(3);
    this.stage.toggleAttribute("data-pixels", this.zoom >= 1);
    this.stage.toggleAttribute("data-close", this.zoom >= 8); // a line would hide the pixels it runs over
    this.divide();
  }

  /** @param {boolean} on */
  wipe(on) {
    this.wiped = on;
    this.divide();
  }

  divide() {
    this.divider.hidden = !this.wiped || this.world.hidden;
    if (!this.wiped) {
      for (const one of [this.layer, this.above]) one.style.removeProperty("clip-path");
      return;
    }
    const at = this.stage.clientWidth * this.share;
    this.above.style.clipPath = `inset(0 0 0 ${at}px)`;
    this.divider.style.left = `${at}px`;
    const cut = Math.max(0, Math.min(this.width, (at - this.x) / this.zoom));
    this.layer.style.clipPath = `inset(0 0 0 ${cut}px)`;
  }

  listen() {
    const { stage } = this;
    /** @type {Map<number, {x: number, y: number}>} */
    const held = new Map();
    let dividing = false;
    stage.addEventListener("pointerdown", (event) => {
      stage.setPointerCapture(event.pointerId);
      held.set(event.pointerId, { x: event.clientX, y: event.clientY });
      dividing = event.target === this.divider;
    });
    stage.addEventListener("pointermove", (event) => {
      const before = held.get(event.pointerId);
      const box = stage.getBoundingClientRect();
      if (before && dividing) {
        this.share = Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
        this.divide();
      } else if (before && held.size === 1) {
        this.x += event.clientX - before.x;
        this.y += event.clientY - before.y;
        this.fitted = false;
        this.place();
      } else if (before && held.size === 2) {
        const other = [...held].find(([id]) => id !== event.pointerId)?.[1] ?? before;
        const [was, is] = [before, event].map((p) => Math.hypot(("clientX" in p ? p.clientX : p.x) - other.x, ("clientY" in p ? p.clientY : p.y) - other.y));
        this.closer(is / Math.max(1, was), (event.clientX + other.x) / 2 - box.left, (event.clientY + other.y) / 2 - box.top);
      }
      if (before) held.set(event.pointerId, { x: event.clientX, y: event.clientY });
      const x = Math.floor((event.clientX - box.left - this.x) / this.zoom);
      const y = Math.floor((event.clientY - box.top - this.y) / this.zoom);
      this.point(x >= 0 && y >= 0 && x < this.width && y < this.height && !this.world.hidden ? { x, y } : null);
    });
    for (const kind of /** @type {const} */ (["pointerup", "pointercancel"])) {
      stage.addEventListener(kind, (event) => held.delete(event.pointerId));
    }
    stage.addEventListener("pointerleave", () => this.point(null));
    stage.addEventListener("wheel", (event) => {
      event.preventDefault();
      const box = stage.getBoundingClientRect();
      const lines = event.deltaMode === 1 ? 16 : 1;
      this.closer(Math.exp(-event.deltaY * lines * 0.0022), event.clientX - box.left, event.clientY - box.top);
    }, { passive: false });
    new ResizeObserver(() => (this.fitted ? this.fit() : this.divide())).observe(stage);
  }
}

/** How many pixels each id has, as a map. @param {import("./png.js").Values} found */
export async function tally({ ids, width, height }) {
  const pixels = new Uint32Array(65536);
  for await (const [y0, y1] of bands(width, height)) {
    for (let i = y0 * width; i < y1 * width; i++) pixels[ids[i]]++;
  }
  /** @type {Map<number, number>} */
  const out = new Map();
  pixels.forEach((n, id) => n && out.set(id, n));
  return out;
}

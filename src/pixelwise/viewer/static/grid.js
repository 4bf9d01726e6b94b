// The grid: only the cells that are seen exist, whatever the number of entries.
import * as data from "./data.js";
import { clear, paint } from "./layer.js";

/** @typedef {{layer: string, colors: import("./colors.js").Colors, lines: boolean}} Look */

/** Browsers cap the height of an element; beyond this the scroll bar stands for more than it measures. */
const TALLEST = 8e6;
const GAP = 12;
const CAPTION = 40;

export class Grid {
  /**
   * @param {HTMLElement} root scrolls @param {HTMLElement} space has the height of all rows @param {HTMLElement} cells
   * @param {(position: number) => void} open @param {(row: data.Row) => string} note what stands below the name
   */
  constructor(root, space, cells, open, note) {
    this.root = root;
    this.space = space;
    this.cells = cells;
    this.open = open;
    this.note = note;
    this.entries = new data.Entries(null, 0, 0);
    /** @type {Look | null} */
    this.look = null;
    this.current = 0;
    this.columns = 1;
    this.rows = this.cell = this.box = this.row = this.full = 0; // pixels, and rows in all
    this.scale = 1; // pixels of all rows for one of the scroll bar
    this.top = 0; // of the window, in rows of pixels
    this.last = 0; // scrollTop when `top` was set
    this.settling = 0;
    /** @type {Map<number, HTMLElement>} */
    this.live = new Map();
    this.frame = 0;
    root.addEventListener("scroll", () => this.scrolled());
    root.addEventListener("keydown", (event) => this.key(event));
    cells.addEventListener("click", (event) => {
      const cell = /** @type {HTMLElement} */ (event.target).closest("a");
      if (!cell || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.open(Number(cell.dataset.position));
    });
    new ResizeObserver(() => this.layout()).observe(root);
  }

  /** @param {data.Entries} entries @param {number} position which is seen and current */
  show(entries, position) {
    this.entries = entries;
    this.current = Math.max(0, Math.min(position, entries.length - 1));
    this.layout();
    this.reveal();
  }

  /** @param {Look} look */
  dress(look) {
    const layerChanged = this.look?.layer !== look.layer;
    this.look = look;
    for (const [position, cell] of this.live) this.cover(cell, this.entries.at(position), layerChanged);
  }

  layout() {
    const width = this.root.clientWidth;
    if (!width) return; // hidden
    const wanted = width < 520 ? 150 : 196;
    this.columns = Math.max(1, Math.floor((width - GAP) / (wanted + GAP)));
    this.cell = Math.floor((width - GAP) / this.columns) - GAP;
    this.box = Math.round(this.cell * 0.75);
    this.row = this.box + CAPTION + GAP;
    this.rows = Math.ceil(this.entries.length / this.columns);
    this.full = Math.max(0, this.rows * this.row + GAP - this.root.clientHeight);
    const height = Math.min(this.rows * this.row + GAP, TALLEST);
    this.space.style.height = `${height}px`;
    this.scale = this.full / Math.max(1, height - this.root.clientHeight);
    if (this.scale < 1 || height < TALLEST) this.scale = 1;
    for (const cell of this.live.values()) cell.remove();
    this.live.clear();
    this.root.style.setProperty("--box", `${this.box}px`);
    this.root.style.setProperty("--cell", `${this.cell}px`);
    this.draw();
  }

  scrolled() {
    const moved = this.root.scrollTop - this.last;
    if (this.scale === 1) this.top = this.root.scrollTop;
    // A turn of the wheel moves by as many pixels as it says; a drag of the bar goes to that share of the whole.
    else if (Math.abs(moved) < 1.5 * this.root.clientHeight) this.top += moved;
    else this.top = this.root.scrollTop * this.scale;
    this.top = Math.max(0, Math.min(this.top, this.full));
    this.last = this.root.scrollTop;
    clearTimeout(this.settling);
    if (this.scale !== 1) this.settling = setTimeout(() => this.settle(), 160);
    this.frame ||= requestAnimationFrame(() => this.draw());
  }

  /** Bring the scroll bar to where the window is. */
  settle() {
    this.last = Math.round(this.top / this.scale);
    this.root.scrollTop = this.last;
    this.draw();
  }

  /** Scroll as far as needed for the current cell to be seen. */
  reveal() {
    const y = Math.floor(this.current / this.columns) * this.row;
    const low = y + this.row + GAP - this.root.clientHeight;
    if (this.top > y) this.top = y;
    else if (this.top < low) this.top = low;
    this.top = Math.max(0, Math.min(this.top, this.full));
    this.settle();
    for (const [position, cell] of this.live) cell.toggleAttribute("data-current", position === this.current);
  }

  draw() {
    this.frame = 0;
    if (!this.row) return;
    const first = Math.max(0, Math.floor(this.top / this.row) - 1);
    const last = Math.min(this.rows, Math.ceil((this.top + this.root.clientHeight) / this.row) + 1);
    const from = first * this.columns;
    const to = Math.min(last * this.columns, this.entries.length);
    for (const [position, cell] of this.live) {
      if (position >= from && position < to) continue;
      cell.querySelector("img")?.removeAttribute("src"); // a picture that was not sent yet is not sent
      cell.remove();
      this.live.delete(position);
    }
    for (let position = from; position < to; position++) {
      let cell = this.live.get(position);
      if (!cell) {
        cell = this.make(position);
        this.live.set(position, cell);
        this.cells.append(cell);
      }
      const y = Math.floor(position / this.columns) * this.row + GAP - this.top + this.root.scrollTop;
      const x = (position % this.columns) * (this.cell + GAP) + GAP;
      cell.style.transform = `translate(${x}px, ${y}px)`;
    }
    this.root.dataset.first = String(from);
    this.root.dataset.shown = String(to - from);
    this.root.dataset.total = String(this.entries.length);
  }

  /** @param {number} position */
  make(position) {
    const number = this.entries.at(position);
    const cell = document.createElement("a");
    cell.className = "cell";
    cell.tabIndex = -1;
    cell.href = "#sample=" + number;
    cell.dataset.position = String(position);
    cell.dataset.number = String(number);
    cell.toggleAttribute("data-current", position === this.current);
    cell.innerHTML =
      '<span class="box"><span class="fit"><img alt="" decoding="async"><span class="layer"></span></span></span>' +
      '<span class="name"></span><span class="note"></span>';
    const image = /** @type {HTMLImageElement} */ (cell.querySelector("img"));
    image.addEventListener("load", () => {
      // The label has the image's shape, so both are as large as the image is in the box.
      const fit = /** @type {HTMLElement} */ (image.parentElement);
      const [wide, high] = [this.cell, this.box];
      const factor = Math.min(wide / image.naturalWidth, high / image.naturalHeight);
      fit.style.width = `${Math.round(image.naturalWidth * factor)}px`;
      fit.style.height = `${Math.round(image.naturalHeight * factor)}px`;
      cell.dataset.loaded = "image";
    });
    image.addEventListener("error", async () => {
      if (!image.getAttribute("src")) return;
      this.fail(cell, await data.reason(data.address(number, "image", "small")));
    });
    image.src = data.address(number, "image", "small");
    this.caption(cell, number);
    if (this.look) this.cover(cell, number, true);
    return cell;
  }

  /** @param {HTMLElement} cell @param {number} number */
  async caption(cell, number) {
    const row = await data.row(number).catch(() => null);
    if (!row) return;
    const name = /** @type {HTMLElement} */ (cell.querySelector(".name"));
    name.textContent = row.name;
    name.title = row.name;
    /** @type {HTMLElement} */ (cell.querySelector(".note")).textContent = this.note(row);
    /** @type {HTMLImageElement} */ (cell.querySelector("img")).alt = row.name;
    if (row.error) this.fail(cell, row.error);
  }

  /** Lay the ids over the image. @param {HTMLElement} cell @param {number} number @param {boolean} changed */
  async cover(cell, number, changed) {
    const look = this.look;
    const layer = /** @type {HTMLElement} */ (cell.querySelector(".layer"));
    if (!look || !look.layer) return clear(layer);
    try {
      const png = await data.ids(number, look.layer, "small");
      if (this.look !== look || !cell.isConnected) return;
      await paint(layer, png, look.colors, look.lines);
      cell.dataset.covered = look.layer;
    } catch (error) {
      if (changed) clear(layer);
      if (error instanceof data.Unreadable) this.fail(cell, error.message);
    }
  }

  /** @param {HTMLElement} cell @param {string} why */
  fail(cell, why) {
    if (cell.querySelector(".why")) return;
    const text = document.createElement("span");
    text.className = "why";
    text.textContent = why;
    text.title = why;
    cell.querySelector(".box")?.append(text);
    cell.dataset.error = why;
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = this.columns * Math.max(1, Math.floor(this.root.clientHeight / this.row));
    const steps = /** @type {Record<string, number>} */ ({
      ArrowLeft: -1, h: -1, ArrowRight: 1, l: 1, ArrowUp: -this.columns, k: -this.columns,
      ArrowDown: this.columns, j: this.columns, PageUp: -page, PageDown: page,
      Home: -this.entries.length, End: this.entries.length,
    });
    const step = steps[event.key];
    if (step !== undefined) {
      event.preventDefault();
      this.current = Math.max(0, Math.min(this.current + step, this.entries.length - 1));
      this.reveal();
    } else if (event.key === "Enter" && this.entries.length) {
      event.preventDefault();
      this.open(this.current);
    }
  }
}

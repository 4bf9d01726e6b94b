// What a recipe makes of the sample that is shown: the window of each draw in the image, and what it is rendered to.
import * as data from "./data.js";
import { paint } from "./layer.js";

const SVG = "http://www.w3.org/2000/svg";

export class Plans {
  /** @param {HTMLElement} world @param {HTMLElement} strip @param {HTMLElement} problem */
  constructor(world, strip, problem) {
    this.windows = document.createElementNS(SVG, "svg");
    this.windows.classList.add("windows");
    world.append(this.windows);
    this.strip = strip;
    this.problem = problem;
    this.turn = "";
  }

  clear() {
    this.turn = "";
    this.windows.replaceChildren();
    this.strip.replaceChildren();
    this.strip.hidden = true;
  }

  /**
   * @param {number} number @param {string} recipe @param {number} seed @param {[number, number]} size (height, width)
   * @param {import("./colors.js").Colors} colors
   */
  async show(number, recipe, seed, size, colors) {
    const turn = `${number} ${recipe} ${seed}`;
    if (this.turn === turn) return;
    this.clear();
    this.turn = turn;
    const query = new URLSearchParams({ recipe, seed: String(seed) });
    const { draws, error } = await data.json(`api/plans/${number}?${query}`);
    if (this.turn !== turn) return;
    this.strip.hidden = false;
    if (error) {
      this.strip.append(Object.assign(document.createElement("p"), { className: "bad", textContent: error }));
      return;
    }
    this.windows.setAttribute("viewBox", `0 0 ${size[1]} ${size[0]}`);
    for (const [k, draw] of draws.entries()) {
      const shape = document.createElementNS(SVG, "polygon");
      shape.setAttribute("points", draw.corners.map((/** @type {number[]} */ c) => c.join(",")).join(" "));
      this.windows.append(shape);
      this.strip.append(this.tile(k, draw, data.planAddress(number, k, "image", query), data.planIds(number, k, query), shape, colors));
    }
  }

  /**
   * @param {number} k @param {any} draw @param {string} image @param {Promise<Uint8Array>} ids @param {SVGElement} shape
   * @param {import("./colors.js").Colors} colors
   */
  tile(k, draw, image, ids, shape, colors) {
    const tile = document.createElement("button");
    tile.className = "draw";
    tile.title = `epoch ${k}: ${draw.text}`;
    tile.innerHTML = '<span class="fit"><img alt=""><span class="layer"></span></span><span class="note"></span>';
    /** @type {HTMLElement} */ (tile.querySelector(".note")).textContent = `epoch ${k}`;
    /** @type {HTMLImageElement} */ (tile.querySelector("img")).src = image;
    const layer = /** @type {HTMLElement} */ (tile.querySelector(".layer"));
    ids.then((png) => paint(layer, png, colors, false)).catch(() => {}); // a split without labels
    const mark = (/** @type {boolean} */ on) => shape.toggleAttribute("data-on", on);
    for (const kind of ["pointerenter", "focus"]) tile.addEventListener(kind, () => mark(true));
    for (const kind of ["pointerleave", "blur"]) tile.addEventListener(kind, () => mark(false));
    return tile;
  }
}

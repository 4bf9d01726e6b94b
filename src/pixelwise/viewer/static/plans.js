// What a recipe makes of the sample that is shown: the window of each draw in the image, and what it is rendered to.
import * as data from "./data.js";
import { paint } from "./layer.js";

const SVG = "http://www.w3.org/2000/svg";

/** @typedef {{name: string, seed: number, epoch: number, set: string}} Recipe set: what differs, as in "0.scale=0.5,1.5" */

export class Plans {
  /** @param {HTMLElement} world @param {HTMLElement} strip @param {(set: string) => void} change */
  constructor(world, strip, change) {
    this.windows = document.createElementNS(SVG, "svg");
    this.windows.classList.add("windows");
    world.append(this.windows);
    this.strip = strip;
    this.change = change;
    this.turn = "";
  }

  clear() {
    this.turn = "";
    this.windows.replaceChildren();
    this.strip.replaceChildren();
    this.strip.hidden = true;
  }

  /**
   * @param {number} number @param {Recipe} recipe @param {[number, number]} size (height, width)
   * @param {import("./colors.js").Colors} colors
   */
  async show(number, recipe, size, colors) {
    const turn = JSON.stringify([number, recipe]);
    if (this.turn === turn) return;
    this.turn = turn;
    const query = new URLSearchParams({ recipe: recipe.name, seed: String(recipe.seed), epoch: String(recipe.epoch), set: recipe.set });
    const failed = (/** @type {unknown} */ error) => ({ error: error instanceof Error ? error.message : String(error) });
    const [{ draws, error }, { transforms }] = await Promise.all([
      data.json(`api/plans/${number}?${query}`).catch(failed), data.json(`api/recipe?${query}`).catch(failed),
    ]);
    if (this.turn !== turn) return;
    this.windows.replaceChildren();
    this.strip.hidden = false;
    const kept = transforms ? [] : [...this.strip.querySelectorAll("form")]; // what was typed is to be corrected
    const made = transforms ? [this.form(transforms, recipe)] : kept;
    if (error) {
      this.strip.replaceChildren(...made, Object.assign(document.createElement("p"), { className: "bad", textContent: error }));
      return;
    }
    const focused = /** @type {HTMLElement | null} */ (this.strip.contains(document.activeElement) ? document.activeElement : null)?.dataset.field;
    const scrolled = this.strip.querySelector("form")?.scrollTop ?? 0;
    this.strip.replaceChildren(...made);
    this.strip.querySelector("form")?.scrollTo(0, scrolled);
    if (focused) /** @type {HTMLElement | null} */ (this.strip.querySelector(`[data-field="${focused}"]`))?.focus();
    this.windows.setAttribute("viewBox", `0 0 ${size[1]} ${size[0]}`);
    for (const [k, draw] of draws.entries()) {
      const shape = document.createElementNS(SVG, "polygon");
      shape.setAttribute("points", draw.corners.map((/** @type {number[]} */ c) => c.join(",")).join(" "));
      this.windows.append(shape);
      const epoch = recipe.epoch + k;
      this.strip.append(this.tile(epoch, draw, data.planAddress(number, epoch, "image", query), data.planIds(number, epoch, query), shape, colors));
    }
  }

  /** What can be changed: a control for each number of each transform. @param {any[]} transforms @param {Recipe} recipe */
  form(transforms, recipe) {
    const root = document.createElement("form");
    root.setAttribute("aria-label", "Parameters of the recipe");
    root.addEventListener("submit", (event) => event.preventDefault());
    for (const { at, name, text, fields } of transforms) {
      if (!fields.length) continue;
      const part = document.createElement("fieldset");
      part.append(Object.assign(document.createElement("legend"), { textContent: name, title: text }));
      for (const field of fields) part.append(this.control(`${at}.${field.name}`, field, recipe));
      root.append(part);
    }
    const reset = Object.assign(document.createElement("button"), { type: "button", textContent: "Reset", disabled: !recipe.set });
    reset.addEventListener("click", () => this.change(""));
    root.append(reset);
    return root;
  }

  /** @param {string} key @param {{name: string, kind: string, values: any[], choices?: string[], optional: boolean}} field @param {Recipe} recipe */
  control(key, field, recipe) {
    const line = document.createElement("div");
    line.className = "control";
    const inputs = (field.values.length ? field.values : [""]).map((value, k) => {
      const input = document.createElement(field.choices ? "select" : "input");
      input.dataset.field = `${key}-${k}`;
      input.setAttribute("aria-label", field.name + (field.values.length > 1 ? ` ${k + 1} of ${field.values.length}` : ""));
      if (input instanceof HTMLSelectElement) {
        for (const word of field.choices ?? []) input.append(new Option(word, word, false, word === value));
      } else if (field.kind === "bool") {
        input.type = "checkbox";
        input.checked = value;
      } else {
        input.type = "number";
        input.step = field.kind === "int" ? "1" : "any";
        input.value = typeof value === "number" ? String(Number(value.toPrecision(6))) : "";
        if (field.optional) input.placeholder = "none";
      }
      return input;
    });
    const changed = () => {
      const text = inputs.map((input) => (input instanceof HTMLInputElement && input.type === "checkbox" ? String(Number(input.checked)) : input.value)).join(",");
      const others = recipe.set.split(";").filter((one) => one && !one.startsWith(key + "="));
      this.change([...others, `${key}=${text}`].join(";"));
    };
    for (const input of inputs) input.addEventListener("change", changed);
    line.append(Object.assign(document.createElement("span"), { textContent: field.name.replaceAll("_", " ") }), ...inputs);
    return line;
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

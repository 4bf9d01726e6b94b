// What the parts of the page share: the dataset, the state and how it changes, colors, and small pieces of HTML.
import { Colors, ERRORS, FAULTS, ObjectColors } from "./colors.js";
import * as data from "./data.js";
import { read, write } from "./state.js";

/** @template {HTMLElement} T @param {string} id @returns {T} */
export const part = (id) => /** @type {T} */ (document.getElementById(id));
export const input = /** @type {(id: string) => HTMLInputElement} */ (part);
export const choice = /** @type {(id: string) => HTMLSelectElement} */ (part);

/** All splits, as a choice. */
export const EVERY = "*";
export const known = await data.dataset();
/** Void included. @type {import("./colors.js").Class[]} */
export const classes = [...known.classes, ...(known.void ? [known.void] : [])];
const firstSplit = known.splits.find((/** @type {any} */ s) => s.samples)?.name ?? "";
export const usualSplit = known.runs[0]?.split ?? firstSplit;

/** What changes while the page is used. */
export const page = {
  state: read(location.hash),
  entries: new data.Entries(null, 0, 0),
  position: 0, // in the entries
  asked: "?", // the query whose entries are shown
  /** @type {any[]} */
  runs: [],
  /** Shares of the classes in the sample that is shown. @type {Map<number, number> | null} */
  shares: null,
  /** @type {import("./grid.js").Look} */
  look: { layer: "", colors: new Colors([]), lines: false },
};

let render = () => {};

/** @param {() => void} show called after each change of the state */
export function onChange(show) {
  render = show;
}

/** @param {Partial<import("./state.js").State>} changes @param {boolean} [step] whether the back button undoes it */
export function change(changes, step = false) {
  page.state = { ...page.state, ...changes };
  const address = write(page.state) === "#" ? location.pathname : write(page.state);
  if (step) history.pushState(null, "", address);
  else history.replaceState(null, "", address);
  render();
}

export function splitName() {
  return page.state.split === EVERY ? "" : page.state.split || usualSplit;
}

// -- colors ---------------------------------------------------------------------------------------------------

export const colors = new Colors(classes);
const errorColors = new Colors(ERRORS);
const faultColors = new Colors(FAULTS);
for (const one of [errorColors, faultColors]) one.off.add(0); // what is right is left as it is
const objectColors = new ObjectColors();

/** @param {string} layer */
export function colorsOf(layer) {
  if (layer === "instances") return objectColors;
  return layer.startsWith("errors") ? errorColors : /^(faulty|confused)/.test(layer) ? faultColors : colors;
}

// -- small pieces ---------------------------------------------------------------------------------------------

/** @param {number} n */
export const counted = (n) => n.toLocaleString("en");

/** @param {string} text */
export function quiet(text) {
  return Object.assign(document.createElement("span"), { className: "quiet", textContent: text });
}

/** @param {string} layer @param {number} id @param {string} text */
export function chip(layer, id, text) {
  const made = Object.assign(document.createElement("span"), { className: "chip", textContent: text });
  made.style.setProperty("--color", `rgb(${colorsOf(layer).of(id).join(" ")})`);
  made.dataset.layer = layer;
  made.dataset.id = String(id);
  return made;
}

/** @param {HTMLSelectElement} select @param {[string, string][]} options */
export function fill(select, options) {
  select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
}

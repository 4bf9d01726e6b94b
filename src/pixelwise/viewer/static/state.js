// The state of the page, kept in its address: a view can be sent, and the browser's buttons work.

/**
 * @typedef {{
 *   split: string, text: string, class: number[], share: number, low: number, high: number, broken: boolean, code: string,
 *   sort: string, run: number, layer: string, off: number[], opacity: number, outlines: boolean, sample: number | null, recipe: string,
 *   seed: number,
 * }} State
 */

/** @type {State} */
export const DEFAULTS = {
  split: "", text: "", class: [], share: 0, low: 0, high: 0, broken: false, code: "",
  sort: "number", run: 0, layer: "label", off: [], opacity: 0.6, outlines: false, sample: null, recipe: "", seed: 0,
};
const FILTERS = /** @type {const} */ (["text", "class", "share", "low", "high", "broken", "code"]);
const QUERY = ["split", ...FILTERS, "sort", "run"];

/** @param {string} hash @returns {State} */
export function read(hash) {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  /** @type {any} */
  const state = { ...DEFAULTS };
  for (const [key, value] of given) {
    const usual = /** @type {any} */ (DEFAULTS)[key];
    if (usual === undefined) continue;
    if (Array.isArray(usual)) state[key] = value.split(",").filter((v) => /^\d+$/.test(v)).map(Number);
    else if (typeof usual === "boolean") state[key] = value === "1";
    else if (typeof usual === "number" || usual === null) state[key] = Number.isFinite(Number(value)) ? Number(value) : usual;
    else state[key] = value;
  }
  return state;
}

/** The parts of the state that are not as usual, as an address. @param {State} state */
export function write(state) {
  return "#" + parameters(state, Object.keys(DEFAULTS));
}

/** What selects and orders entries, as the server reads it. @param {State} state */
export function query(state) {
  return parameters(state, QUERY);
}

/** Whether anything but the split and the order chooses what is shown. @param {State} state */
export function isFiltered(state) {
  return parameters(state, FILTERS) !== "";
}

/** The state without its filters. @param {State} state @returns {State} */
export function unfiltered(state) {
  const usual = Object.fromEntries(FILTERS.map((key) => [key, DEFAULTS[key]]));
  return { ...state, ...usual };
}

/** @param {State} state @param {readonly string[]} keys */
function parameters(state, keys) {
  const out = new URLSearchParams();
  for (const key of keys) {
    const value = /** @type {any} */ (state)[key];
    const usual = /** @type {any} */ (DEFAULTS)[key];
    if (value === usual || (Array.isArray(value) && !value.length)) continue;
    out.set(key, Array.isArray(value) ? value.join(",") : value === true ? "1" : String(value));
  }
  return out.toString().replaceAll("%2C", ",");
}

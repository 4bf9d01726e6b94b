// The state of the page, kept in its address: a view can be sent, and the browser's buttons work.

/**
 * @typedef {{
 *   split: string, text: string, class: number[], share: number, low: number, high: number, broken: boolean, code: string, pair: string, alike: boolean, score: number,
 *   sort: string, run: number, layer: string, off: number[], opacity: number, outlines: boolean, sample: number | null, recipe: string,
 *   seed: number, epoch: number, set: string,
 * }} State
 */

/** @type {State} */
export const DEFAULTS = {
  split: "", text: "", class: [], share: 0, low: 0, high: 0, broken: false, code: "", pair: "", alike: false, score: 100,
  sort: "number", run: 0, layer: "label", off: [], opacity: 0.6, outlines: false, sample: null, recipe: "", seed: 0,
  epoch: 0, set: "",
};
const FILTERS = /** @type {const} */ (["text", "class", "share", "low", "high", "broken", "code", "pair", "alike", "score"]);
const QUERY = ["split", ...FILTERS, "sort", "run"];

/** @param {string} hash @returns {State} */
export function read(hash) {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  /** @type {any} */
  const state = { ...DEFAULTS };
  for (const [key, value] of given) {
    const usual = /** @type {any} */ (DEFAULTS)[key];
    if (usual === undefined) continue;
    if (key === "off") state[key] = value.split(",").flatMap(range);
    else if (Array.isArray(usual)) state[key] = value.split(",").filter((v) => /^\d+$/.test(v)).map(Number);
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

/** The state without filters, or without those given; what needs them goes with them. @param {State} state @param {readonly string[]} [filters] @returns {State} */
export function unfiltered(state, filters = FILTERS) {
  const out = { ...state, ...Object.fromEntries(filters.map((key) => [key, /** @type {any} */ (DEFAULTS)[key]])) };
  if ((out.layer === "faulty" && !out.code) || (out.layer === "confused" && !out.pair)) out.layer = DEFAULTS.layer;
  if (out.sort.endsWith("pixels") && !out.pair) out.sort = DEFAULTS.sort;
  return out;
}

/** @param {State} state @param {readonly string[]} keys */
function parameters(state, keys) {
  const out = new URLSearchParams();
  for (const key of keys) {
    const value = /** @type {any} */ (state)[key];
    const usual = /** @type {any} */ (DEFAULTS)[key];
    if (value === usual || (Array.isArray(value) && !value.length)) continue;
    out.set(key, key === "off" ? ranges(value) : Array.isArray(value) ? value.join(",") : value === true ? "1" : String(value));
  }
  return out.toString().replaceAll("%2C", ",");
}

/** The numbers of "8" or "3-7". @param {string} text */
function range(text) {
  const [, first, last] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  return first === undefined ? [] : Array.from({ length: Math.max(0, Number(last ?? first) - Number(first) + 1) }, (_, k) => Number(first) + k);
}

/** Ascending numbers, those without a gap as "3-7": all classes but one are a short address. @param {number[]} numbers */
function ranges(numbers) {
  const starts = numbers.filter((n, k) => n - 1 !== numbers[k - 1]);
  const ends = numbers.filter((n, k) => n + 1 !== numbers[k + 1]);
  return starts.map((n, k) => (n === ends[k] ? `${n}` : `${n}-${ends[k]}`)).join(",");
}

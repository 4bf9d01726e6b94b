// What the server knows, asked for once and kept for a while.
import * as offline from "./offline.js";
import { gray, values } from "./png.js";

/** @typedef {{number: number, name: string, split: string, size: [number, number] | null, tiled: boolean, error: string | null, scores: (number | null)[]}} Row */

/** An error that is shown where its picture would be. */
export class Unreadable extends Error {}

let version = "";

/** @param {string} path */
async function ask(path) {
  const answer = await fetch(path);
  if (!answer.ok) {
    const found = await answer.json().catch(() => ({}));
    throw new Error(found.error ?? `the server answered ${answer.status}`);
  }
  return answer;
}

/** @param {string} path @returns {Promise<any>} */
export async function json(path) {
  if (offline.isOffline) return offline.answer(path);
  return (await ask(path)).json();
}

export async function dataset() {
  const found = await json("api/dataset");
  version = found.version;
  return found;
}

/** The numbers of the chosen entries, or a range. @param {string} query @returns {Promise<Entries>} */
export async function select(query) {
  if (offline.isOffline) {
    const chosen = Uint32Array.from(offline.choose(query));
    return new Entries(chosen, 0, chosen.length);
  }
  const answer = await ask("api/select?" + query);
  const range = /^(\d+)-(\d+)$/.exec(answer.headers.get("x-range") ?? "");
  if (range) return new Entries(null, Number(range[1]), Number(range[2]) - Number(range[1]));
  const list = new Uint32Array(await answer.arrayBuffer());
  return new Entries(list, 0, list.length);
}

/** The chosen entries in their order, without a list where they are a range. */
export class Entries {
  /** @param {Uint32Array | null} list @param {number} start @param {number} length */
  constructor(list, start, length) {
    this.list = list;
    this.start = start;
    this.length = length;
  }

  /** @param {Entries} other */
  equals(other) {
    if (this.length !== other.length) return false;
    for (let i = 0; i < this.length; i++) if (this.at(i) !== other.at(i)) return false;
    return true;
  }

  /** @param {number} position */
  at(position) {
    return this.list ? this.list[position] : this.start + position;
  }

  /** @param {number} number */
  indexOf(number) {
    if (this.list) return this.list.indexOf(number);
    const at = number - this.start;
    return at >= 0 && at < this.length ? at : -1;
  }
}

// -- rows ---------------------------------------------------------------------------------------------------

/** @type {Map<number, Row>} */
const rows = new Map();
/** @type {Map<number, ((row: Row) => void)[]>} */
let waiting = new Map();

/** The row of an entry; those asked for in the same moment share a request. @param {number} number @returns {Promise<Row>} */
export function row(number) {
  const known = rows.get(number);
  if (known) return Promise.resolve(known);
  return new Promise((resolve) => {
    if (!waiting.size) setTimeout(fetchRows, 20);
    waiting.set(number, [...(waiting.get(number) ?? []), resolve]);
  });
}

async function fetchRows() {
  const asked = waiting;
  waiting = new Map();
  const numbers = [...asked.keys()];
  for (let at = 0; at < numbers.length; at += 200) {
    for (const found of await json("api/rows?numbers=" + numbers.slice(at, at + 200).join(","))) {
      if (rows.size > 5000) rows.clear();
      if (found.size) rows.set(found.number, found); // else more may be known later
      for (const resolve of asked.get(found.number) ?? []) resolve(found);
    }
  }
}

// -- pictures -----------------------------------------------------------------------------------------------

/** The address of a picture. @param {number} number @param {string} what @param {"small" | "whole"} size */
export function address(number, what, size) {
  if (offline.isOffline) {
    const { type, data } = offline.picture(number, what);
    return data ? `data:${type};base64,${data}` : `data:none,${number}/${what}`;
  }
  return `${size}/${number}/${what}?v=${version}`;
}

/** The address of a tile of a large image. @param {number} number @param {string} what @param {number} level @param {number} row @param {number} column */
export function tileAddress(number, what, level, row, column) {
  return `tile/${number}/${what}/${level}/${row}/${column}?v=${version}`;
}

/** @type {Map<string, Promise<Uint8Array>>} */
const pictures = new Map();
const KEPT = 400;

/** A PNG of ids; Unreadable with the error if there is none. @param {number} number @param {string} what @param {"small" | "whole"} size */
export function ids(number, what, size) {
  const path = address(number, what, size);
  return kept(path, () => (offline.isOffline ? decoded(number, what) : fetchIds(path)));
}

/** As `ids`, by the address of a tile. @param {string} path */
export function idsAt(path) {
  return kept(path, () => fetchIds(path));
}

/** @param {string} path @param {() => Promise<Uint8Array>} make */
function kept(path, make) {
  let found = pictures.get(path);
  if (!found) {
    found = make();
    found.catch(() => pictures.delete(path));
    pictures.set(path, found);
    if (pictures.size > KEPT) pictures.delete(/** @type {string} */ (pictures.keys().next().value));
  }
  return found;
}

/** @param {string} path */
async function fetchIds(path) {
  const answer = await ask(path);
  if (answer.headers.get("content-type")?.startsWith("application/json")) throw new Unreadable((await answer.json()).error);
  return new Uint8Array(await answer.arrayBuffer());
}

/** @param {number} number @param {string} what @returns {Promise<Uint8Array>} */
async function decoded(number, what) {
  const [, run, truth, predicted] = /^confused-(\d)-(\d+)-(\d+)$/.exec(what) ?? [];
  if (run) {
    const [label, found] = await Promise.all([decoded(number, "label"), decoded(number, `prediction-${run}`)].map(async (png) => values(await png)));
    return gray(label.width, label.height, (i) => Number(label.ids[i] === Number(truth) && offline.predicted(found.ids[i]) === Number(predicted)));
  }
  const { data, error } = offline.picture(number, what);
  if (data === undefined) throw new Unreadable(error);
  return Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
}

/** What a draw of a recipe is rendered to. @param {number} number @param {number} draw @param {string} what @param {URLSearchParams} query */
export function planAddress(number, draw, what, query) {
  return `plan/${number}/${draw}/${what}?${query}&v=${version}`;
}

/** The class ids of a draw. @param {number} number @param {number} draw @param {URLSearchParams} query */
export function planIds(number, draw, query) {
  return fetchIds(planAddress(number, draw, "label", query));
}

/** Why a picture cannot be shown. @param {string} path */
export async function reason(path) {
  const [, number, what] = /^data:none,(\d+)\/(.*)$/.exec(path) ?? [];
  if (number) return offline.picture(Number(number), what).error ?? "it cannot be shown";
  try {
    return (await json(path)).error ?? "it cannot be shown";
  } catch {
    return "the server does not answer: it was closed, or the network fails";
  }
}

/** The exact values of a picture. @param {number} number @param {string} what @param {"small" | "whole"} size */
export async function exact(number, what, size) {
  return values(await ids(number, what, size));
}

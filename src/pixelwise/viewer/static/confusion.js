// The confusion of a run: which class was predicted as which other. A cell, or a line of the list, opens its samples.
import { percent, samplesOf } from "./legend.js";

/**
 * @typedef {{counted: number, total: number, unread: number, ids: number[], rows: number[][], pairs: [number, number, number, number][]}} Found
 * @typedef {(truth: number, predicted: number) => void} Choose
 */

export class Confusion {
  /** @param {HTMLElement} root @param {import("./colors.js").Colors} colors @param {number} classes @param {Choose} choose */
  constructor(root, colors, classes, choose) {
    this.root = root;
    this.colors = colors;
    this.classes = classes; // this number stands for no class
    this.choose = choose;
    this.said = element("p", "said");
    this.said.setAttribute("aria-live", "polite");
    this.seen = ""; // what is drawn
  }

  /** @param {number} id */
  name(id) {
    return id === this.classes ? "not a class" : (this.colors.known.get(id)?.name ?? String(id));
  }

  /** @param {Found} found @param {string} pair which is chosen, as "8-12" */
  show(found, pair) {
    const seen = JSON.stringify([found, pair]);
    if (seen === this.seen) return;
    this.seen = seen;
    const focused = /** @type {HTMLElement | null} */ (this.root.contains(document.activeElement) ? document.activeElement : null)?.dataset.pair;
    const { counted, total, unread } = found;
    const left = unread ? `; ${unread.toLocaleString("en")} cannot be compared, or have no prediction` : "";
    const state = counted < total ? `counted ${counted.toLocaleString("en")} of ${samplesOf(total)}` : samplesOf(total - unread);
    const parts = [element("p", "quiet", state + left)];
    if (found.ids.length) {
      const hint = "Rows are the truth, columns the prediction; each cell is a share of its row. Arrow keys move, Enter opens the samples.";
      parts.push(this.matrix(found, pair), this.said, element("p", "quiet small", hint));
    }
    parts.push(element("h2", "", "Most confused"));
    if (found.pairs.length) parts.push(element("p", "quiet small", "Most pixels first; % of the pixels that have the first class."));
    parts.push(this.list(found, pair));
    this.root.replaceChildren(...parts);
    if (focused) /** @type {HTMLElement | null} */ (this.root.querySelector(`[data-pair="${focused}"]`))?.focus();
  }

  /** @param {Found} found @param {string} pair */
  matrix(found, pair) {
    const columns = found.rows.some((row) => row[row.length - 1]) ? [...found.ids, this.classes] : found.ids;
    const samples = new Map(found.pairs.map(([truth, predicted, , n]) => [`${truth}-${predicted}`, n]));
    const root = element("div", "matrix confusion");
    root.setAttribute("role", "grid");
    root.setAttribute("aria-label", "Confusion: rows are the truth, columns the prediction");
    root.style.setProperty("--size", String(columns.length));
    root.append(element("i", "corner"), ...columns.map((id) => this.key(id)));
    for (const [i, row] of found.rows.entries()) {
      const sum = row.reduce((all, n) => all + n, 0) || 1;
      const line = element("div", "line");
      line.setAttribute("role", "row");
      line.append(this.key(found.ids[i]));
      for (const [k, predicted] of columns.entries()) {
        const cell = document.createElement("button");
        const truth = found.ids[i];
        cell.dataset.pair = `${truth}-${predicted}`;
        cell.setAttribute("role", "gridcell");
        cell.tabIndex = cell.dataset.pair === pair || (!pair && !i && !k) ? 0 : -1;
        // The root lets small shares be seen beside large ones.
        cell.style.setProperty("--part", String(Math.sqrt(row[k] / sum)));
        cell.toggleAttribute("data-right", truth === predicted);
        cell.toggleAttribute("data-chosen", cell.dataset.pair === pair);
        const n = samples.get(cell.dataset.pair);
        const of = n ? `, ${samplesOf(n)}` : "";
        const text = `truth ${this.name(truth)}, predicted ${this.name(predicted)}: ${row[k].toLocaleString("en")} pixels, ${percent(row[k] / sum)}${of}`;
        cell.setAttribute("aria-label", text);
        cell.title = text;
        for (const kind of ["focus", "pointerenter"]) cell.addEventListener(kind, () => (this.said.textContent = text));
        cell.addEventListener("click", () => this.choose(truth, predicted));
        line.append(cell);
      }
      root.append(line);
    }
    if (!root.querySelector('[tabindex="0"]')) /** @type {HTMLElement} */ (root.querySelector("button")).tabIndex = 0;
    root.addEventListener("keydown", (event) => move(root, columns.length, event));
    this.said.textContent = root.querySelector("[data-chosen]")?.getAttribute("aria-label") ?? "Point at a cell to read it";
    return root;
  }

  /** @param {Found} found @param {string} pair */
  list(found, pair) {
    const sums = new Map(found.ids.map((id, i) => [id, found.rows[i].reduce((all, n) => all + n, 0)]));
    const root = element("div", "pairs");
    for (const [truth, predicted, pixels, samples] of found.pairs) {
      const line = document.createElement("button");
      line.dataset.pair = `${truth}-${predicted}`;
      line.setAttribute("aria-pressed", String(line.dataset.pair === pair));
      const sum = sums.get(truth);
      line.title = `${pixels.toLocaleString("en")} pixels in ${samplesOf(samples)}`;
      line.append(this.chip(truth), element("span", "to", "→"), this.chip(predicted), element("span", "value", sum ? percent(pixels / sum) : pixels.toLocaleString("en")));
      line.setAttribute("aria-label", `truth ${this.name(truth)}, predicted ${this.name(predicted)}: ${line.title}`);
      line.addEventListener("click", () => this.choose(truth, predicted));
      root.append(line);
    }
    if (!found.pairs.length) root.append(element("p", "quiet", found.counted ? "Nothing is confused so far." : "Nothing is counted yet."));
    return root;
  }

  /** The color of a row or column; each cell says its classes itself. @param {number} id */
  key(id) {
    const made = element("i", "key");
    made.style.setProperty("--color", `rgb(${this.colors.of(id).join(" ")})`);
    made.title = this.name(id);
    made.setAttribute("aria-hidden", "true");
    return made;
  }

  /** @param {number} id */
  chip(id) {
    const made = element("span", "chip", this.name(id));
    made.style.setProperty("--color", `rgb(${this.colors.of(id).join(" ")})`);
    return made;
  }
}

/** @param {HTMLElement} root @param {number} columns @param {KeyboardEvent} event */
function move(root, columns, event) {
  const cells = [...root.querySelectorAll("button")];
  const at = cells.indexOf(/** @type {HTMLButtonElement} */ (event.target));
  const row = at - (at % columns);
  /** @type {Record<string, number>} */
  const goals = {
    ArrowLeft: Math.max(row, at - 1), ArrowRight: Math.min(row + columns - 1, at + 1), ArrowUp: at - columns, ArrowDown: at + columns,
    Home: row, End: row + columns - 1,
  };
  const goal = cells[goals[event.key]];
  if (event.key in goals) {
    event.preventDefault();
    event.stopPropagation(); // the page's own arrows go to another sample
  }
  if (!goal) return;
  cells[at].tabIndex = -1;
  goal.tabIndex = 0;
  goal.focus();
}

/** @param {string} kind @param {string} name @param {string} [text] */
function element(kind, name, text = "") {
  return Object.assign(document.createElement(kind), { className: name, textContent: text });
}

// Charts of the counts. A click on a class, a size or a pair shows the samples that were counted.
import { percent, samplesOf } from "./legend.js";

/** @typedef {{share: [number, number][], classes: number, sides: [number, number, number][], per_sample: [number, number][], ids: number[], together: number[][]}} Values */
/** @typedef {Partial<import("./state.js").State>} Changes */

/**
 * @param {HTMLElement} root @param {Values} found @param {import("./colors.js").Colors} colors
 * @param {(changes: Changes) => void} choose
 */
export function drawCharts(root, found, colors, choose) {
  const name = (/** @type {number} */ id) => colors.known.get(id)?.name ?? String(id);
  const parts = [];
  parts.push(heading("Pixels of each class"), bars(found.share.map(([id, share]) => ({
    text: name(id), value: share, label: percent(share), color: `rgb(${colors.of(id).join(" ")})`, act: () => choose({ class: [id] }),
  }))));
  const rest = found.classes - found.share.length;
  if (rest) parts.push(Object.assign(document.createElement("p"), { className: "quiet", textContent: `and ${rest.toLocaleString("en")} classes with fewer` }));
  parts.push(heading("Shorter side, in pixels"), bars(found.sides.map(([low, high, n]) => ({
    text: low === high ? String(low) : `${low} to ${high}`, value: n, label: n.toLocaleString("en"), color: "", act: () => choose({ low, high }),
  }))));
  parts.push(heading("Classes in a sample"), bars(found.per_sample.map(([classes, n]) => ({
    text: String(classes), value: n, label: n.toLocaleString("en"), color: "", act: null,
  }))));
  if (found.ids.length > 1) parts.push(heading("Classes together, in samples"), matrix(found, name, choose));
  root.replaceChildren(...parts);
}

/** @param {string} text */
function heading(text) {
  return Object.assign(document.createElement("h2"), { textContent: text });
}

/** @param {{text: string, value: number, label: string, color: string, act: (() => void) | null}[]} rows */
function bars(rows) {
  const most = Math.max(1e-9, ...rows.map((row) => row.value));
  const root = document.createElement("div");
  root.className = "bars";
  for (const row of rows) {
    const line = document.createElement(row.act ? "button" : "div");
    line.innerHTML = '<span class="text"></span><span class="track"><i></i></span><span class="value"></span>';
    const bar = /** @type {HTMLElement} */ (line.querySelector("i"));
    bar.style.width = `${(100 * row.value) / most}%`;
    if (row.color) bar.style.background = row.color;
    /** @type {HTMLElement} */ (line.querySelector(".text")).textContent = row.text;
    /** @type {HTMLElement} */ (line.querySelector(".value")).textContent = row.label;
    line.title = `${row.text}: ${row.label}`;
    if (row.act) line.addEventListener("click", row.act);
    root.append(line);
  }
  return root;
}

/** @param {Values} found @param {(id: number) => string} name @param {(changes: Changes) => void} choose */
function matrix(found, name, choose) {
  const root = document.createElement("div");
  root.className = "matrix";
  root.style.setProperty("--size", String(found.ids.length));
  for (const [i, row] of found.together.entries()) {
    for (const [k, count] of row.entries()) {
      const [a, b] = [found.ids[i], found.ids[k]];
      const cell = document.createElement("button");
      const of = Math.min(found.together[i][i], found.together[k][k]);
      cell.style.setProperty("--part", String(of ? count / of : 0));
      cell.title = i === k ? `${name(a)}: ${samplesOf(count)}` : `${name(a)} and ${name(b)}: ${samplesOf(count)}`;
      cell.setAttribute("aria-label", cell.title);
      cell.tabIndex = -1; // the legend does the same by keys
      if (count) cell.addEventListener("click", () => choose({ class: i === k ? [a] : [a, b] }));
      root.append(cell);
    }
  }
  return root;
}

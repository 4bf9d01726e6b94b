// The side: the legend with its numbers, scores, charts, confusion and findings, refreshed while the server finds them.
import { drawCharts } from "./charts.js";
import { ERRORS } from "./colors.js";
import { Confusion } from "./confusion.js";
import * as data from "./data.js";
import { FindingsList } from "./findings.js";
import { Legend, percent, samplesOf } from "./legend.js";
import { EVERY, change, chip, classes, colors, counted, fill, input, known, page, part, splitName } from "./page.js";
import { isFiltered, unfiltered } from "./state.js";

/** Of each class that occurs. @type {Map<number, {images: number}>} */
let counts = new Map();
/** What the server said last of its counting. @type {any} */
let said = null;
let timer = 0;
let refreshed = ""; // the query whose entries were found when all was counted
let confusionRun = page.state.run < known.runs.length ? page.state.run : 0;
/** @type {FindingsList | null} */
let problems = null;

const legend = new Legend(part("legend"), input("find"), classes, toggleClass, toggleColor);
const confusion = new Confusion(/** @type {HTMLElement} */ (part("confusion").lastElementChild), colors, known.classes.length, openPair);

// -- what the side does to the state --------------------------------------------------------------------------

/** @param {number} id */
function toggleClass(id) {
  const chosen = page.state.class.includes(id) ? page.state.class.filter((one) => one !== id) : [...page.state.class, id];
  change({ class: chosen, sample: null }, true);
}

/** Switch a color off or on. @param {number} id @param {boolean} alone all others instead */
export function toggleColor(id, alone) {
  const off = new Set(page.state.off);
  if (alone) {
    const others = classes.map((one) => one.id).filter((one) => one !== id);
    const only = others.every((one) => off.has(one)) && !off.has(id);
    return change({ off: only ? [] : others });
  }
  if (!off.delete(id)) off.add(id);
  change({ off: [...off].sort((a, b) => a - b) });
}

/** @param {number} truth @param {number} predicted */
function openPair(truth, predicted) {
  const { state } = page;
  const { split } = known.runs[confusionRun];
  const pair = `${truth}-${predicted}`;
  if (pair === state.pair && confusionRun === state.run) return change({ ...unfiltered(state, ["pair"]), sample: null }, true);
  change({ ...unfiltered(state), pair, run: confusionRun, split, sort: "-pixels", layer: "confused", sample: null }, true);
}

/** @param {string} code */
function openFinding(code) {
  const { state } = page;
  const again = state.code === code;
  change({ ...unfiltered({ ...state, code: again ? "" : code, layer: again ? state.layer : "faulty" }, []), split: EVERY, sample: null }, true);
}

// -- what it shows --------------------------------------------------------------------------------------------

/** Mark what filters, and whose color is off. */
export function markSide() {
  legend.mark(page.state.class, colors.off);
  problems?.mark(page.state.code);
}

export function fillLegend() {
  const { shares } = page;
  const scored = page.runs.filter((run) => run.scores);
  const heads = [shares ? "share" : "images", ...scored.map((run) => (page.runs.length > 1 ? run.name : "IoU %"))];
  part("heads").replaceChildren(...heads.map((text) => Object.assign(document.createElement("span"), { textContent: text, title: text })));
  part("side").style.setProperty("--columns", String(heads.length));
  legend.fill((id) => (shares ? shares.has(id) : counts.has(id)), (id) => {
    const [share, images] = [shares?.get(id), counts.get(id)?.images];
    const first = shares ? share && percent(share) : images && counted(images);
    return [first || "-", ...scored.map(({ scores }) => (scores.iou[id] == null ? "-" : (100 * scores.iou[id]).toFixed(1)))];
  }, Boolean(shares));
}

export function fillScores() {
  const { runs, look } = page;
  part("scores").hidden = !runs.length;
  const lines = runs.map((run) => {
    const line = document.createElement("p");
    const name = Object.assign(document.createElement("b"), { textContent: run.name });
    const text = run.scores ? `mIoU ${(100 * run.scores.miou).toFixed(2)} % (${run.protocol})` : run.error || `scoring ${run.done} of ${run.total}`;
    line.append(name, Object.assign(document.createElement("span"), { textContent: " " + text, className: run.error ? "bad" : "" }));
    return line;
  });
  const key = Object.assign(document.createElement("p"), { className: "key" });
  if (look.layer.startsWith("errors")) key.append(...ERRORS.slice(1).map((one) => chip(look.layer, one.id, one.name)));
  part("scores").replaceChildren(...lines, key);
}

/** Whether all is counted. */
async function fillConfusion() {
  const found = await data.json(`api/confusion/${confusionRun}`).catch(() => null);
  if (!found) return true;
  confusion.show(found, page.state.run === confusionRun ? page.state.pair : "");
  return found.counted === found.total;
}

async function fillCharts() {
  const found = await data.json("api/charts?" + new URLSearchParams({ split: splitName() })).catch(() => null);
  if (found) drawCharts(part("charts"), found, colors, (changes) => change({ ...unfiltered(page.state), ...changes, sample: null }, true));
}

/** How many samples there are, and how far they are counted. */
export function tell() {
  if (!said) return;
  const shown = isFiltered(page.state) ? `${counted(page.entries.length)} of ${samplesOf(said.total)}` : samplesOf(page.entries.length);
  const rest = said.counted < said.total ? ` · counted ${counted(said.counted)} so far` : "";
  const looked = (said.looked ?? []).filter((/** @type {[number, number]} */ [done, all]) => done < all).map((/** @type {[number, number]} */ [done]) => ` · looked at ${counted(done)} so far`);
  const broken = said.broken ? ` · ${counted(said.broken)} cannot be read` : "";
  part("status").textContent = shown + rest + looked.join("") + broken;
}

// -- while the server counts ----------------------------------------------------------------------------------

/** Finds the entries again while they are counted. @type {(last: boolean) => Promise<void>} */
let refresh = async () => {};

/** Ask how far it is, show that, and again in a second unless all is done. */
export async function progress() {
  clearTimeout(timer);
  const found = await data.json("api/legend?" + new URLSearchParams({ split: splitName() })).catch(() => null);
  if (!found) {
    part("status").textContent = "The server does not answer: it was closed.";
    timer = setTimeout(progress, 5000);
    return;
  }
  counts = new Map(found.classes.map((/** @type {any} */ one) => [one.id, one]));
  if (known.runs.length) page.runs = await data.json("api/runs").catch(() => page.runs);
  fillLegend();
  fillScores();
  const tab = openedTab();
  if (tab === "charts") fillCharts();
  said = found;
  tell();
  const counting = found.counted < found.total;
  document.body.dataset.counted = String(found.counted);
  document.body.dataset.scored = String(page.runs.filter((run) => run.scores || run.error).length);
  const confused = !known.runs.length || (tab !== "confusion" && !page.state.pair) || (await fillConfusion());
  const looking = (found.looked ?? []).some((/** @type {[number, number]} */ [done, all]) => done < all);
  const more = counting || !confused || looking;
  if (more || refreshed !== page.asked) {
    if (!more) refreshed = page.asked;
    await refresh(!more);
  }
  if (more || page.runs.some((run) => !run.scores && !run.error)) {
    clearTimeout(timer);
    timer = setTimeout(progress, 1000);
  }
}

// -- its tabs -------------------------------------------------------------------------------------------------

const OWNED = { classes: ["find", "heads", "legend"], charts: ["charts"], confusion: ["confusion"], findings: ["findings"] };

/** Which tab is open. */
function openedTab() {
  return Object.keys(OWNED).find((name) => part(`tab-${name}`).getAttribute("aria-pressed") === "true");
}

/** @param {string} opened */
function openTab(opened) {
  for (const [name, owned] of Object.entries(OWNED)) {
    part(`tab-${name}`).setAttribute("aria-pressed", String(name === opened));
    for (const id of owned) part(id).hidden = name !== opened || (id === "find" && !legend.searched);
  }
  if (opened === "classes") legend.draw();
  if (opened === "charts") fillCharts();
  if (opened === "confusion") progress();
}

/** Make the side ready. @param {(last: boolean) => Promise<void>} find finds the entries again; last: all is counted */
export async function startSide(find) {
  refresh = find;
  if (known.findings) {
    problems = new FindingsList(part("findings"), await data.json("api/findings"), openFinding, (entry) => change({ sample: entry }, true));
    part("tab-findings").hidden = false;
  }
  part("tabs").hidden = !known.findings && !known.charts && !known.runs.length;
  part("tab-confusion").hidden = !known.runs.length;
  part("tab-charts").hidden = !known.charts;
  part("confusion-run").hidden = known.runs.length < 2;
  const run = /** @type {HTMLSelectElement} */ (part("confusion-run").lastElementChild);
  fill(run, known.runs.map((/** @type {any} */ one, /** @type {number} */ k) => [String(k), one.name]));
  run.value = String(confusionRun);
  run.addEventListener("change", () => {
    confusionRun = Number(run.value);
    progress();
  });
  for (const name of Object.keys(OWNED)) part(`tab-${name}`).addEventListener("click", () => openTab(name));
  openTab(page.state.code ? "findings" : page.state.pair && known.runs.length ? "confusion" : "classes");
}

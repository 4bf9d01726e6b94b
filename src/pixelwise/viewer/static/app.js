// The page: state, what shows it, and what changes it.
import { drawCharts } from "./charts.js";
import { Colors, ERRORS, FAULTS, ObjectColors } from "./colors.js";
import { Confusion } from "./confusion.js";
import * as data from "./data.js";
import { FindingsList } from "./findings.js";
import { Grid } from "./grid.js";
import { fillKeys } from "./keys.js";
import { Legend, percent } from "./legend.js";
import { isOffline } from "./offline.js";
import { Plans } from "./plans.js";
import { SampleView, tally } from "./sample.js";
import { isFiltered, query, read, unfiltered, write } from "./state.js";

/** @template {HTMLElement} T @param {string} id @returns {T} */
const part = (id) => /** @type {T} */ (document.getElementById(id));
const input = /** @type {(id: string) => HTMLInputElement} */ (part);
const choice = /** @type {(id: string) => HTMLSelectElement} */ (part);
const EVERY = "*"; // all splits

history.replaceState(null, "", location.pathname + location.hash); // the token need not be seen or copied
const known = await data.dataset();
const classes = [...known.classes, ...(known.void ? [known.void] : [])];
const firstSplit = known.splits.find((/** @type {any} */ s) => s.samples)?.name ?? "";
const usualSplit = known.runs[0]?.split ?? firstSplit;

let state = read(location.hash);
let entries = new data.Entries(null, 0, 0);
let position = 0;
let asked = "?"; // the query whose entries are shown
/** @type {Map<number, {images: number, share: number}>} */
let counts = new Map();
/** @type {any[]} */
let runs = [];
/** Shares of the classes in the sample that is shown. @type {Map<number, number> | null} */
let shares = null;

const colors = new Colors(classes);
const errorColors = new Colors(ERRORS);
errorColors.off.add(0); // what is right is left as it is

const faultColors = new Colors(FAULTS);
faultColors.off.add(0);
const objectColors = new ObjectColors();

const grid = new Grid(part("grid"), part("space"), part("cells"), (at) => change({ sample: entries.at(at) }, true), noteOf);
const sample = new SampleView(part("stage"), part("world"), part("divider"), part("problem"), pointed);
const plans = new Plans(part("world"), part("draws"), (set) => change({ set }));
const legend = new Legend(part("legend"), classes, toggleClass, toggleColor);

/** @type {FindingsList | null} */
let problems = null;
const confusion = new Confusion(/** @type {HTMLElement} */ (part("confusion").lastElementChild), colors, known.classes.length, (truth, predicted) => {
  const { split } = known.runs[confusionRun];
  const pair = `${truth}-${predicted}`;
  if (pair === state.pair && confusionRun === state.run) return change({ ...unfiltered(state, ["pair"]), sample: null }, true);
  change({ ...unfiltered(state), pair, run: confusionRun, split, sort: "-pixels", layer: "confused", sample: null }, true);
});
let confusionRun = state.run < known.runs.length ? state.run : 0;

// -- state ----------------------------------------------------------------------------------------------------

/** @param {Partial<import("./state.js").State>} changes @param {boolean} [step] whether the back button undoes it */
function change(changes, step = false) {
  state = { ...state, ...changes };
  const address = write(state) === "#" ? location.pathname : write(state);
  if (step) history.pushState(null, "", address);
  else history.replaceState(null, "", address);
  render();
}

/** @param {string} layer */
function colorsOf(layer) {
  if (layer === "instances") return objectColors;
  return layer.startsWith("errors") ? errorColors : /^(faulty|confused)/.test(layer) ? faultColors : colors;
}

function splitName() {
  return state.split === EVERY ? "" : state.split || usualSplit;
}

/** @type {import("./grid.js").Look} */
let look = { layer: "", colors, lines: false };
let dressed = "";

async function render() {
  colors.off = new Set(state.off);
  colors.seeThrough = state.opacity < 1;
  fill(choice("layer"), layers());
  part("layer-field").hidden = layers().length < 2;
  const offered = layers().some(([name]) => name === state.layer) ? state.layer : "";
  const full = offered === "faulty" ? `faulty-${state.code}` : offered === "confused" ? `confused-${state.run}-${state.pair}` : offered;
  const layer = state.opacity === 0 && !state.outlines ? "" : full;
  const now = JSON.stringify([layer, state.off, colors.seeThrough, state.outlines]);
  if (now !== dressed) {
    dressed = now;
    queueMicrotask(fillScores);
    look = { layer, colors: colorsOf(layer), lines: state.outlines };
    grid.dress(look);
    if (state.sample !== null && sample.number === state.sample) sample.dress(look);
  }
  document.documentElement.style.setProperty("--opacity", String(state.opacity));
  controls();
  await choose();
  await showMode();
  await showPlans();
}

async function showPlans() {
  const { sample: number, recipe, seed, epoch, set } = state;
  const known = number !== null && recipe && part("stage").dataset.state === "shown" && sample.number === number;
  if (!known) return plans.clear();
  await plans.show(number, { name: recipe, seed, epoch, set }, [sample.height, sample.width], colors);
}

async function choose() {
  const wanted = query({ ...state, split: splitName() });
  if (wanted === asked) return;
  asked = wanted;
  const started = performance.now();
  try {
    const found = await data.select(wanted);
    if (asked !== wanted) return;
    entries = found;
  } catch (error) {
    entries = new data.Entries(null, 0, 0);
    part("empty").textContent = error instanceof Error ? error.message : String(error);
  }
  document.body.dataset.selectMs = (performance.now() - started).toFixed(0);
  position = state.sample === null ? 0 : Math.max(0, entries.indexOf(state.sample));
  grid.top = 0;
  grid.show(entries, position);
  part("empty").hidden = entries.length > 0;
  if (!entries.length && !part("empty").textContent) part("empty").textContent = "No sample fits these filters.";
  if (entries.length) part("empty").textContent = "";
  await progress();
}

async function showMode() {
  const single = state.sample !== null;
  const was = document.body.dataset.mode;
  document.body.dataset.mode = single ? "sample" : "grid";
  part("grid").hidden = single;
  part("sample").hidden = !single;
  part("grid-tools").hidden = single;
  part("sample-tools").hidden = !single;
  part("facts").hidden = !single;
  if (single) await showSample(/** @type {number} */ (state.sample));
  else if (was === "sample") {
    shares = null;
    sample.number = -1;
    fillLegend();
    grid.show(entries, position);
    part("grid").focus({ preventScroll: true });
  }
}

/** @param {number} number */
async function showSample(number) {
  if (sample.number === number) return;
  position = Math.max(0, entries.indexOf(number));
  part("sample").focus({ preventScroll: true });
  part("pointer").replaceChildren(quiet("Point at a pixel to read it"));
  shares = null;
  part("name").textContent = `${(position + 1).toLocaleString("en")} of ${entries.length.toLocaleString("en")}`;
  const shown = sample.show(number, look);
  const found = await data.json(`api/facts/${number}`).catch((error) => ({ error: String(error) }));
  if (state.sample !== number) return;
  part("name").textContent = `${found.name ?? ""} · ${(position + 1).toLocaleString("en")} of ${entries.length.toLocaleString("en")}`;
  fillFacts(found);
  sample.inColors = String(found.label?.mode).startsWith("rgb");
  await shown;
  const label = found.labels && !found.tiled ? await sample.values("label") : null;
  if (state.sample !== number) return;
  showPlans();
  const counted = label ? tally(label) : new Map(Object.entries(found.counts ?? {}).map(([id, n]) => [Number(id), n]));
  const area = [...counted.values()].reduce((all, n) => all + n, 0);
  shares = new Map([...counted].map(([id, n]) => [id, n / area]));
  fillLegend();
}

/** @param {number} by */
function step(by) {
  const next = position + by;
  if (next < 0 || next >= entries.length) return;
  position = next;
  change({ sample: entries.at(next) });
}

// -- parts of the page ----------------------------------------------------------------------------------------

/** @returns {[string, string][]} */
function layers() {
  /** @type {[string, string][]} */
  const out = known.splits.some((/** @type {any} */ s) => s.labels) ? [["label", "label"]] : [];
  if (known.objects) out.push(["instances", "objects"]);
  for (const [k, run] of known.runs.entries()) out.push([`prediction-${k}`, `prediction: ${run.name}`], [`errors-${k}`, `errors: ${run.name}`]);
  if (state.code) out.push(["faulty", "what is faulty"]);
  if (state.pair) out.push(["confused", "what is confused"]);
  return out;
}

/** @param {data.Row} row */
function noteOf(row) {
  const scores = row.scores.filter((score) => score !== null).map((score) => `${(100 * score).toFixed(0)} %`);
  const words = [scores.length ? `IoU ${scores.join(" / ")}` : "", row.size ? `${row.size[0]} × ${row.size[1]}` : ""];
  if (state.split === EVERY) words.unshift(row.split);
  return words.filter(Boolean).join(" · ");
}

/** @param {HTMLSelectElement} select @param {[string, string][]} options */
function fill(select, options) {
  select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
}

function controls() {
  choice("split").value = state.split || usualSplit;
  if (document.activeElement !== part("text")) input("text").value = state.text;
  const [order, run] = [state.sort.replace("-", ""), state.run];
  fill(choice("sort"), orders());
  choice("sort").value = order === "score" ? `score-${run}` : order;
  part("descending").setAttribute("aria-pressed", String(state.sort.startsWith("-")));
  for (const id of /** @type {const} */ (["low", "high"])) if (document.activeElement !== part(id)) input(id).value = state[id] ? String(state[id]) : "";
  if (document.activeElement !== part("share")) input("share").value = state.share ? String(100 * state.share) : "";
  for (const id of /** @type {const} */ (["broken", "alike"])) input(id).checked = state[id];
  if (document.activeElement !== part("score")) input("score").value = state.score < 100 ? String(state.score) : "";
  part("more").toggleAttribute("data-on", isFiltered({ ...state, text: "", class: [] }));
  choice("layer").value = state.layer;
  choice("recipe").value = state.recipe;
  for (const id of /** @type {const} */ (["seed", "epoch"])) {
    if (document.activeElement !== part(id)) input(id).value = String(state[id]);
    part(`${id}-field`).hidden = !state.recipe;
  }
  input("opacity").value = String(state.opacity);
  part("outlines").setAttribute("aria-pressed", String(state.outlines));
  legend.mark(state.class, colors.off);
  problems?.mark(state.code);
  chips();
}

/** The filters in words, each a button that removes it. */
function chips() {
  const name = (/** @type {number} */ id) => (id === known.classes.length ? "not a class" : (colors.known.get(id)?.name ?? String(id)));
  /** @type {[string, Partial<import("./state.js").State>][]} */
  const found = [];
  if (state.text) found.push([`name has “${state.text}”`, { text: "" }]);
  for (const id of state.class) found.push([name(id), { class: state.class.filter((one) => one !== id) }]);
  if (state.share) found.push([`at least ${100 * state.share} %`, { share: 0 }]);
  if (state.low || state.high) found.push([`shorter side ${state.low || 0} to ${state.high || "any"}`, { low: 0, high: 0 }]);
  if (state.broken) found.push(["cannot be read", { broken: false }]);
  if (state.alike) found.push(["near duplicates", { alike: false }]);
  if (state.score < 100) found.push([`IoU of ${known.runs[state.run]?.name ?? "the run"} at most ${state.score} %`, { score: 100 }]);
  if (state.code) found.push([state.code, { code: "" }]);
  const [truth, predicted] = state.pair.split("-").map(Number);
  if (state.pair) found.push([`${name(truth)} predicted as ${name(predicted)}`, { pair: "" }]);
  const made = found.map(([text, without]) => {
    const button = Object.assign(document.createElement("button"), { className: "remove", textContent: text, title: "Remove this filter" });
    button.setAttribute("aria-label", `Remove the filter: ${text}`);
    button.addEventListener("click", () => change({ ...unfiltered({ ...state, ...without }, []) }, true));
    return button;
  });
  part("chips").hidden = !made.length;
  part("chips").replaceChildren(...made);
}

/** What entries can be ordered by. */
function orders() {
  /** @type {[string, string][]} */
  const out = [["number", "as listed"], ["name", "by name"], ["size", "by size"], ["classes", "by number of classes"], ["share", "by share of the class"]];
  if (known.objects) out.push(["objects", "by number of objects"]);
  if (!isOffline) out.push(["alike", "near duplicates first"]);
  for (const [k, run] of known.runs.entries()) out.push([`score-${k}`, known.runs.length > 1 ? `by IoU: ${run.name}` : "by IoU"]);
  if (known.runs.length > 1) out.push(["change", `by gain: ${known.runs[1].name} over ${known.runs[0].name}`]);
  if (state.pair) out.push(["pixels", "by confused pixels"]);
  return out;
}

function fillLegend() {
  const heads = shares ? ["share"] : ["images"];
  for (const run of runs) if (run.scores) heads.push(runs.length > 1 ? run.name : "IoU %");
  part("heads").replaceChildren(...heads.map((text) => Object.assign(document.createElement("span"), { textContent: text, title: text })));
  part("side").style.setProperty("--columns", String(heads.length));
  legend.fill((id) => {
    const count = counts.get(id);
    const share = shares?.get(id) ?? 0;
    const texts = shares ? [share ? percent(share) : ""] : [count ? count.images.toLocaleString("en") : ""];
    for (const run of runs) if (run.scores) texts.push(run.scores.iou[id] == null ? "" : (100 * run.scores.iou[id]).toFixed(1));
    return { texts, absent: shares ? !share : !count?.images };
  });
}

/** @param {string} text */
function quiet(text) {
  return Object.assign(document.createElement("span"), { className: "quiet", textContent: text });
}

/** @param {any} found */
function fillFacts(found) {
  /** @type {[string, string][]} */
  const facts = [];
  const { image = {}, label = {} } = found;
  const findings = found.findings ?? [];
  const told = findings.length || image.error || label.error;
  if (found.error && !told) facts.push(["error", found.error]);
  if (found.split) facts.push(["split", `${found.split}, entry ${found.number}`]);
  if (found.size) facts.push(["size", `${found.size[0]} × ${found.size[1]} (height × width)`]);
  if (image.path) facts.push(["image", image.path]);
  if (image.kind) facts.push(["", `${image.kind.toUpperCase()}, ${image.channels} × ${image.bits} bits, ${image.bytes}`]);
  if (image.orientation && image.orientation !== 1) facts.push(["", `EXIF orientation ${image.orientation}, not applied`]);
  for (const one of findings) facts.push([one.severity, `${one.what}${one.fix ? "; " + one.fix : ""} [${one.code}]`]);
  if (image.error && !findings.length) facts.push(["error", image.error]);
  if (label.path) facts.push(["label", label.path]);
  if (label.kind) facts.push(["", `${label.kind.toUpperCase()}${label.mode ? ", " + label.mode : ""}, ${label.bits} bits` + (label.palette ? `, ${label.palette} colors` : "")]);
  if (label.error && !findings.length) facts.push(["error", label.error]);
  for (const [k, run] of known.runs.entries()) {
    const score = found.scores?.[k];
    if (score != null) facts.push([run.name, `mean IoU ${(100 * score).toFixed(2)} %`]);
  }
  const list = document.createElement("dl");
  for (const [term, text] of facts) {
    const value = Object.assign(document.createElement("dd"), { textContent: text });
    if (term === "error" || term === "warning") value.className = "bad";
    list.append(Object.assign(document.createElement("dt"), { textContent: term }), value);
  }
  part("facts").replaceChildren(list);
}

/** Where the pointer is. @type {{x: number, y: number} | null} */
let last = null;

/** @param {{x: number, y: number} | null} at */
async function pointed(at) {
  const line = part("pointer");
  last = at;
  if (!at) return;
  const found = await sample.at(at.x, at.y);
  if (!found) return;
  if (last && last !== at && sample.large) pointed(last); // where the pointer went meanwhile
  const words = [`x ${at.x}  y ${at.y}`];
  const parts = [quiet(words[0])];
  for (const layer of new Set(["label", look.layer])) {
    const id = found[layer];
    if (typeof id !== "number" || !layer) continue;
    const one = colorsOf(layer).known.get(id);
    const name = one ? one.name : "not a class";
    parts.push(chip(layer, id, /^(errors|faulty|confused)/.test(layer) ? name : layer === "instances" ? `object ${id}` : `${layer === "label" ? "" : "predicted "}${name} (${id})`));
  }
  const { stored, image } = found;
  if (stored !== undefined) parts.push(quiet(`stored ${Array.isArray(stored) ? stored.join(", ") : stored}`));
  if (Array.isArray(image) && !isOffline) parts.push(quiet(`image ${image.join(", ")}`));
  line.dataset.at = `${at.x},${at.y}`;
  line.dataset.stored = String(stored ?? "");
  line.replaceChildren(...parts);
}

const TABS = ["classes", "charts", "confusion", "findings"];
let tab = "classes";

/** @param {string} name */
function openTab(name) {
  tab = name;
  for (const one of TABS) part(`tab-${one}`).setAttribute("aria-pressed", String(one === name));
  for (const [id, owner] of [["legend", "classes"], ["heads", "classes"], ["charts", "charts"], ["confusion", "confusion"], ["findings", "findings"]]) part(id).hidden = owner !== name;
  if (name === "charts") fillCharts();
  if (name === "confusion") progress();
}

/** Whether all is counted. */
async function fillConfusion() {
  const found = await data.json(`api/confusion/${confusionRun}`).catch(() => null);
  if (!found) return true;
  confusion.show(found, state.run === confusionRun ? state.pair : "");
  return found.counted === found.total;
}

async function fillCharts() {
  const found = await data.json("api/charts?" + new URLSearchParams({ split: splitName() })).catch(() => null);
  if (found) drawCharts(part("charts"), found, colors, (changes) => change({ ...unfiltered(state), ...changes, sample: null }, true));
}

// -- what is found in the background ----------------------------------------------------------------------------

let timer = 0;
/** @type {any} */
let legendFound = null;

async function progress() {
  clearTimeout(timer);
  const name = splitName();
  const found = await data.json("api/legend?" + new URLSearchParams({ split: name })).catch(() => null);
  if (!found) {
    part("status").textContent = "The server does not answer: it was closed.";
    timer = setTimeout(progress, 5000);
    return;
  }
  counts = new Map(found.classes.map((/** @type {any} */ one) => [one.id, one]));
  if (known.runs.length) runs = await data.json("api/runs").catch(() => runs);
  fillLegend();
  fillScores();
  if (tab === "charts") fillCharts();
  legendFound = found;
  tell();
  const counting = found.counted < found.total;
  document.body.dataset.counted = String(found.counted);
  document.body.dataset.scored = String(runs.filter((run) => run.scores || run.error).length);
  const confused = !known.runs.length || isOffline || (tab !== "confusion" && !state.pair) || (await fillConfusion());
  const looking = (found.looked ?? []).some((/** @type {[number, number]} */ [done, all]) => done < all);
  const more = counting || !confused || looking;
  if (more || refreshed !== asked) await refresh(!more);
  if (more || runs.some((run) => !run.scores && !run.error)) {
    clearTimeout(timer);
    timer = setTimeout(progress, 1000);
  }
}

/** How many samples there are, and how far they are counted. */
function tell() {
  const found = legendFound;
  if (!found) return;
  const shown = `${entries.length.toLocaleString("en")} ${isFiltered(state) ? `of ${found.total.toLocaleString("en")} ` : ""}samples`;
  const rest = found.counted < found.total ? ` · counted ${found.counted.toLocaleString("en")} so far` : "";
  const looked = (found.looked ?? []).filter((/** @type {[number, number]} */ [done, all]) => done < all).map((/** @type {[number, number]} */ [done]) => ` · looked at ${done.toLocaleString("en")} so far`);
  const broken = found.broken ? ` · ${found.broken.toLocaleString("en")} cannot be read` : "";
  part("status").textContent = shown + rest + looked.join("") + broken;
}

let refreshed = ""; // the query whose entries were found when all was counted

/** Ask again for what a filter finds while it is being counted, as long as that fits the window, and when all is. @param {boolean} last */
async function refresh(last) {
  const wanted = asked;
  if (last) refreshed = wanted;
  const usual = state.sort === "number" && !isFiltered(state);
  if (usual || isOffline || (!last && entries.length > grid.live.size)) return;
  const found = await data.select(wanted).catch(() => null);
  if (!found || asked !== wanted || found.equals(entries)) return;
  const number = position < entries.length ? entries.at(position) : -1;
  entries = found;
  position = Math.max(0, entries.indexOf(number));
  grid.show(entries, position);
  part("empty").hidden = entries.length > 0;
  if (state.sample === null) tell();
}

/** @param {string} layer @param {number} id @param {string} text */
function chip(layer, id, text) {
  const made = document.createElement("span");
  made.className = "chip";
  made.style.setProperty("--color", `rgb(${colorsOf(layer).of(id).join(" ")})`);
  made.textContent = text;
  made.dataset.layer = layer;
  made.dataset.id = String(id);
  return made;
}

function fillScores() {
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

// -- what the user does -----------------------------------------------------------------------------------------

/** @param {number} id */
function toggleClass(id) {
  const chosen = state.class.includes(id) ? state.class.filter((one) => one !== id) : [...state.class, id];
  change({ class: chosen, sample: null }, true);
}

/** @param {number} id @param {boolean} alone */
function toggleColor(id, alone) {
  const off = new Set(state.off);
  if (alone) {
    const others = classes.map((one) => one.id).filter((one) => one !== id);
    const only = others.every((one) => off.has(one)) && !off.has(id);
    return change({ off: only ? [] : others });
  }
  if (!off.delete(id)) off.add(id);
  change({ off: [...off].sort((a, b) => a - b) });
}

function toggleTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
}

function nextLayer() {
  const names = layers().map(([name]) => name);
  if (names.length) change({ layer: names[(names.indexOf(state.layer) + 1) % names.length] });
}

/** @param {number} by */
function fade(by) {
  change({ opacity: Math.round(100 * Math.max(0, Math.min(1, state.opacity + by))) / 100 });
}

function clearFilters() {
  change(unfiltered(state), true);
}

/** @type {Record<string, () => void>} */
const EVERYWHERE = {
  "/": () => (state.sample === null ? part("text").focus() : change({ sample: null }, true)),
  "?": () => /** @type {HTMLDialogElement} */ (part("keys")).showModal(),
  o: () => change({ outlines: !state.outlines }),
  a: () => change({ off: [] }),
  c: clearFilters,
  t: toggleTheme,
  v: nextLayer,
  "[": () => fade(-0.1),
  "]": () => fade(0.1),
};
/** @type {Record<string, () => void>} */
const IN_SAMPLE = {
  Escape: () => change({ sample: null }, true),
  ArrowLeft: () => step(-1), ArrowUp: () => step(-1), h: () => step(-1), k: () => step(-1),
  ArrowRight: () => step(1), ArrowDown: () => step(1), l: () => step(1), j: () => step(1),
  "+": () => sample.closer(1.5), "=": () => sample.closer(1.5), "-": () => sample.closer(1 / 1.5),
  0: () => sample.fit(),
  w: toggleWipe,
  " ": () => part("stage").setAttribute("data-bare", ""),
};

function toggleWipe() {
  sample.wipe(!sample.wiped);
  part("wipe").setAttribute("aria-pressed", String(sample.wiped));
}

document.addEventListener("keydown", (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  const typing = target.matches("input[type=search], input[type=number], select");
  if (event.key === "Escape" && typing) return target.blur();
  if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === " " && target.matches("button, summary, input")) return;
  if (target.matches("input[type=range]") && event.key.startsWith("Arrow")) return;
  const act = (state.sample !== null && IN_SAMPLE[event.key]) || EVERYWHERE[event.key];
  if (act) {
    event.preventDefault();
    act();
  } else if (/^[1-9]$/.test(event.key)) toggleColor(Number(event.key), false);
});
document.addEventListener("keyup", (event) => {
  if (event.key === " ") part("stage").removeAttribute("data-bare");
});

function listen() {
  choice("split").addEventListener("change", () => change({ split: choice("split").value, sample: null }, true));
  let typing = 0;
  input("text").addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => change({ text: input("text").value }), 120);
  });
  choice("sort").addEventListener("change", () => {
    const [order, run] = choice("sort").value.split("-");
    const down = ["share", "classes", "size", "objects"].includes(order) ? "-" : "";
    change({ sort: down + order, run: Number(run ?? 0) }, true);
  });
  part("descending").addEventListener("click", () => change({ sort: state.sort.startsWith("-") ? state.sort.slice(1) : "-" + state.sort }, true));
  for (const id of /** @type {const} */ (["low", "high"])) input(id).addEventListener("change", () => change({ [id]: Math.max(0, Number(input(id).value) || 0) }, true));
  input("share").addEventListener("change", () => change({ share: Math.max(0, Number(input("share").value) || 0) / 100 }, true));
  for (const id of /** @type {const} */ (["broken", "alike"])) input(id).addEventListener("change", () => change({ [id]: input(id).checked }, true));
  input("score").addEventListener("change", () => change({ score: input("score").value === "" ? 100 : Math.max(0, Math.min(100, Number(input("score").value))) }, true));
  part("clear").addEventListener("click", clearFilters);
  choice("layer").addEventListener("change", () => change({ layer: choice("layer").value }));
  input("opacity").addEventListener("input", () => change({ opacity: Number(input("opacity").value) }));
  choice("recipe").addEventListener("change", () => change({ recipe: choice("recipe").value, set: "" }));
  for (const id of /** @type {const} */ (["seed", "epoch"])) {
    input(id).addEventListener("input", () => change({ [id]: Math.max(0, Math.floor(Number(input(id).value) || 0)) }));
  }
  for (const [id, key] of Object.entries({ outlines: "o", theme: "t", help: "?" })) part(id).addEventListener("click", EVERYWHERE[key]);
  for (const [id, key] of Object.entries({ back: "Escape", previous: "ArrowLeft", next: "ArrowRight", fit: "0", wipe: "w" })) part(id).addEventListener("click", IN_SAMPLE[key]);
  part("classes").addEventListener("click", () => {
    const open = document.body.toggleAttribute("data-side");
    part("classes").setAttribute("aria-pressed", String(open));
  });
  addEventListener("popstate", () => {
    state = read(location.hash);
    render();
  });
}

document.title = `${known.title} · pixelwise`;
part("title").textContent = known.title;
part("title").title = `${known.format} dataset at ${known.root}`;
/** @type {[string, string][]} */
const splits = known.splits.map((/** @type {any} */ s) => [s.name, `${s.name} (${s.samples.toLocaleString("en")})`]);
if (splits.length > 1) splits.push([EVERY, "all splits"]);
fill(choice("split"), splits);
fill(choice("recipe"), [["", "no recipe"], ...known.recipes.map((/** @type {string} */ name) => [name, name])]);
part("recipe-field").hidden = !known.recipes.length;
if (known.findings) {
  const groups = await data.json("api/findings");
  const choose = (/** @type {string} */ code) => {
    const again = state.code === code;
    change({ ...unfiltered({ ...state, code: again ? "" : code, layer: again ? state.layer : "faulty" }, []), split: EVERY, sample: null }, true);
  };
  problems = new FindingsList(part("findings"), groups, choose, (entry) => change({ sample: entry }, true));
  part("tab-findings").hidden = false;
}
part("score-field").hidden = !known.runs.length || isOffline;
if (isOffline) /** @type {HTMLElement} */ (input("alike").parentElement).hidden = true;
part("tabs").hidden = !known.findings && !known.charts && !known.runs.length;
part("tab-confusion").hidden = !known.runs.length || isOffline;
const chosenRun = /** @type {HTMLSelectElement} */ (part("confusion-run").lastElementChild);
fill(chosenRun, known.runs.map((/** @type {any} */ run, /** @type {number} */ k) => [String(k), run.name]));
chosenRun.value = String(confusionRun);
part("confusion-run").hidden = known.runs.length < 2;
chosenRun.addEventListener("change", () => {
  confusionRun = Number(chosenRun.value);
  progress();
});
part("tab-charts").hidden = !known.charts;
for (const name of TABS) part(`tab-${name}`).addEventListener("click", () => openTab(name));
openTab(state.code ? "findings" : state.pair && known.runs.length ? "confusion" : "classes");
fillKeys(part("keys"));
listen();
await render();
document.body.dataset.ready = "yes";

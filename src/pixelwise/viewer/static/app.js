// The page: shows what the state says, in the grid or as one sample.
import { listen } from "./actions.js";
import { layers, showControls } from "./controls.js";
import * as data from "./data.js";
import { showFacts, showPointed } from "./facts.js";
import { Grid } from "./grid.js";
import { fillKeys } from "./keys.js";
import { isOffline } from "./offline.js";
import { EVERY, change, choice, colors, colorsOf, counted, fill, known, onChange, page, part, quiet, splitName } from "./page.js";
import { Plans } from "./plans.js";
import { SampleView, tally } from "./sample.js";
import { fillLegend, fillScores, markSide, progress, startSide, tell } from "./side.js";
import { isFiltered, query, read } from "./state.js";

const grid = new Grid(part("grid"), part("space"), part("cells"), (at) => change({ sample: page.entries.at(at) }, true), noteOf);
const sample = new SampleView(part("stage"), part("world"), part("divider"), part("problem"), (at) => showPointed(sample, at));
const plans = new Plans(part("world"), part("draws"), (set) => change({ set }));
let dressed = ""; // what the pictures show

async function render() {
  const { state } = page;
  colors.off = new Set(state.off);
  colors.seeThrough = state.opacity < 1;
  const offered = layers().some(([name]) => name === state.layer) ? state.layer : "";
  const full = offered === "faulty" ? `faulty-${state.code}` : offered === "confused" ? `confused-${state.run}-${state.pair}` : offered;
  const layer = state.opacity === 0 && !state.outlines ? "" : full;
  const now = JSON.stringify([layer, state.off, colors.seeThrough, state.outlines]);
  if (now !== dressed) {
    dressed = now;
    queueMicrotask(fillScores);
    page.look = { layer, colors: colorsOf(layer), lines: state.outlines };
    grid.dress(page.look);
    if (state.sample !== null && sample.number === state.sample) sample.dress(page.look);
  }
  document.documentElement.style.setProperty("--opacity", String(state.opacity));
  showControls();
  markSide();
  await choose();
  await showMode();
  await showPlans();
}

async function showPlans() {
  const { sample: number, recipe, seed, epoch, set } = page.state;
  const ready = number !== null && recipe && part("stage").dataset.state === "shown" && sample.number === number;
  if (!ready) return plans.clear();
  await plans.show(number, { name: recipe, seed, epoch, set }, [sample.height, sample.width], colors);
}

/** Find the entries of the state, and show them. */
async function choose() {
  const wanted = query({ ...page.state, split: splitName() });
  if (wanted === page.asked) return;
  page.asked = wanted;
  const started = performance.now();
  let why = "No sample fits these filters.";
  const found = await data.select(wanted).catch((error) => {
    why = error instanceof Error ? error.message : String(error);
    return new data.Entries(null, 0, 0);
  });
  if (page.asked !== wanted) return;
  page.entries = found;
  document.body.dataset.selectMs = (performance.now() - started).toFixed(0);
  page.position = page.state.sample === null ? 0 : Math.max(0, found.indexOf(page.state.sample));
  grid.top = 0;
  grid.show(found, page.position);
  part("empty").hidden = found.length > 0;
  part("empty").textContent = found.length ? "" : why;
  await progress();
}

/** Ask again for what a filter finds while it is being counted, as long as that fits the window, and when all is. @param {boolean} last */
async function refresh(last) {
  const wanted = page.asked;
  const usual = page.state.sort === "number" && !isFiltered(page.state);
  if (usual || isOffline || (!last && page.entries.length > grid.live.size)) return;
  const found = await data.select(wanted).catch(() => null);
  if (!found || page.asked !== wanted || found.equals(page.entries)) return;
  const number = page.position < page.entries.length ? page.entries.at(page.position) : -1;
  page.entries = found;
  page.position = Math.max(0, found.indexOf(number));
  grid.show(found, page.position);
  part("empty").hidden = found.length > 0;
  if (page.state.sample === null) tell();
}

async function showMode() {
  const number = page.state.sample;
  const was = document.body.dataset.mode;
  document.body.dataset.mode = number === null ? "grid" : "sample";
  for (const id of ["grid", "grid-tools"]) part(id).hidden = number !== null;
  for (const id of ["sample", "sample-tools", "facts"]) part(id).hidden = number === null;
  if (number !== null) await showSample(number);
  else if (was === "sample") {
    page.shares = null;
    sample.number = -1;
    fillLegend();
    grid.show(page.entries, page.position);
    part("grid").focus({ preventScroll: true });
  }
}

/** @param {number} number */
async function showSample(number) {
  if (sample.number === number) return;
  const position = page.entries.indexOf(number);
  page.position = Math.max(0, position);
  part("sample").focus({ preventScroll: true });
  part("pointer").replaceChildren(quiet("Point at a pixel to read it"));
  page.shares = null;
  const place = position < 0 ? `not among the ${counted(page.entries.length)} chosen` : `${counted(position + 1)} of ${counted(page.entries.length)}`;
  part("name").textContent = place;
  const shown = sample.show(number, page.look);
  const found = await data.json(`api/facts/${number}`).catch((error) => ({ error: String(error) }));
  if (page.state.sample !== number) return;
  part("name").textContent = `${found.name ?? ""} · ${place}`;
  part("name").title = part("name").textContent ?? "";
  showFacts(found);
  sample.inColors = String(found.label?.mode).startsWith("rgb");
  await shown;
  sample.reduced = found.reduced ?? 1;
  const label = found.labels && !found.tiled && !found.counts ? await sample.values("label") : null;
  if (page.state.sample !== number) return;
  showPlans();
  const pixels = label ? await tally(label) : new Map(Object.entries(found.counts ?? {}).map(([id, n]) => [Number(id), n]));
  if (page.state.sample !== number) return;
  const area = [...pixels.values()].reduce((all, n) => all + n, 0);
  page.shares = new Map([...pixels].map(([id, n]) => [id, n / area]));
  fillLegend();
}

/** What stands below a name in the grid. @param {data.Row} row */
function noteOf(row) {
  const scores = row.scores.filter((score) => score !== null).map((score) => (100 * score).toFixed(0));
  const words = [scores.length ? `IoU ${scores.join(" / ")} %` : "", row.size ? `${row.size[0]} × ${row.size[1]}` : ""];
  if (page.state.split === EVERY) words.unshift(row.split);
  return words.filter(Boolean).join(" · ");
}

history.replaceState(null, "", location.pathname + location.hash); // the token need not be seen or copied
document.title = `${known.title} · pixelwise`;
part("title").textContent = known.title;
part("title").title = `${known.format} dataset at ${known.root}`;
/** @type {[string, string][]} */
const splits = known.splits.map((/** @type {any} */ s) => [s.name, `${s.name} (${counted(s.samples)})`]);
fill(choice("split"), splits.length > 1 ? [...splits, [EVERY, "all splits"]] : splits);
fill(choice("recipe"), [["", "no recipe"], ...known.recipes.map((/** @type {string} */ name) => [name, name])]);
part("recipe-field").hidden = !known.recipes.length;
part("score-field").hidden = !known.runs.length;
fillKeys(part("keys"));
listen(sample);
addEventListener("popstate", () => {
  page.state = read(location.hash);
  render();
});
onChange(render);
await startSide(refresh);
await render();
document.body.dataset.ready = "yes";

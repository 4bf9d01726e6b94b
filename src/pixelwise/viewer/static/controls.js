// The bar: what there is to choose from, the state that its controls show, and the filters in words.
import { change, choice, colors, fill, input, known, page, part, usualSplit } from "./page.js";
import { isFiltered, unfiltered } from "./state.js";

/** What can be laid over an image. @returns {[string, string][]} */
export function layers() {
  const { state } = page;
  /** @type {[string, string][]} */
  const out = known.splits.some((/** @type {any} */ s) => s.labels) ? [["label", "label"]] : [];
  if (known.objects) out.push(["instances", "objects"]);
  for (const [k, run] of known.runs.entries()) out.push([`prediction-${k}`, `prediction: ${run.name}`], [`errors-${k}`, `errors: ${run.name}`]);
  if (state.code) out.push(["faulty", "what is faulty"]);
  if (state.pair) out.push(["confused", "what is confused"]);
  return out;
}

/** What entries can be ordered by. */
function orders() {
  /** @type {[string, string][]} */
  const out = [["number", "as listed"], ["name", "by name"], ["size", "by size"], ["classes", "by number of classes"], ["share", "by share of the class"]];
  if (known.objects) out.push(["objects", "by number of objects"]);
  out.push(["alike", "near duplicates first"]);
  for (const [k, run] of known.runs.entries()) out.push([`score-${k}`, known.runs.length > 1 ? `by IoU: ${run.name}` : "by IoU"]);
  if (page.state.class.length || page.state.sort.endsWith("iou")) {
    const name = colors.known.get(page.state.class[0] ?? 0)?.name;
    for (const [k, run] of known.runs.entries()) out.push([`iou-${k}`, `by IoU of ${name}${known.runs.length > 1 ? `: ${run.name}` : ""}`]);
  }
  if (known.runs.length > 1) out.push(["change", `by gain: ${known.runs[1].name} over ${known.runs[0].name}`]);
  if (page.state.pair) out.push(["pixels", "by confused pixels"]);
  return out;
}

/** Show the state in the controls; what is being typed in is left alone. */
export function showControls() {
  const { state } = page;
  const set = (/** @type {string} */ id, /** @type {string} */ value) => {
    if (document.activeElement !== part(id)) input(id).value = value;
  };
  fill(choice("layer"), layers());
  part("layer-field").hidden = layers().length < 2;
  choice("layer").value = state.layer;
  choice("split").value = state.split || usualSplit;
  set("text", state.text);
  const order = state.sort.replace("-", "");
  fill(choice("sort"), orders());
  choice("sort").value = ["score", "iou"].includes(order) ? `${order}-${state.run}` : order;
  part("descending").setAttribute("aria-pressed", String(state.sort.startsWith("-")));
  for (const id of /** @type {const} */ (["low", "high"])) set(id, state[id] ? String(state[id]) : "");
  set("share", state.share ? String(100 * state.share) : "");
  set("score", state.score < 100 ? String(state.score) : "");
  for (const id of /** @type {const} */ (["broken", "alike"])) input(id).checked = state[id];
  part("more").toggleAttribute("data-on", isFiltered({ ...state, text: "", class: [] }));
  choice("recipe").value = state.recipe;
  for (const id of /** @type {const} */ (["seed", "epoch"])) {
    set(id, String(state[id]));
    part(`${id}-field`).hidden = !state.recipe;
  }
  input("opacity").value = String(state.opacity);
  part("outlines").setAttribute("aria-pressed", String(state.outlines));
  showChips();
}

/** The filters in words, each a button that removes it. */
function showChips() {
  const { state } = page;
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
    button.addEventListener("click", () => change({ ...unfiltered({ ...page.state, ...without }, []) }, true));
    return button;
  });
  part("chips").hidden = !made.length;
  part("chips").replaceChildren(...made);
}

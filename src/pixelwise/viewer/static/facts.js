// What is said of the sample that is shown: what its files state, and what is under the pointer.
import { isOffline } from "./offline.js";
import { chip, colorsOf, known, page, part, quiet } from "./page.js";

/** @param {any} found as the server answers */
export function showFacts(found) {
  /** @type {[string, string][]} */
  const facts = [];
  const { image = {}, label = {} } = found;
  const findings = found.findings ?? [];
  const told = findings.length || image.error || label.error;
  if (found.error && !told) facts.push(["error", found.error]);
  if (found.split) facts.push(["split", `${found.split}, entry ${found.number}`]);
  if (found.size) facts.push(["size", `${found.size[0]} × ${found.size[1]} (height × width)`]);
  if (found.reduced > 1) facts.push(["", `shown here at 1/${found.reduced} of it`]);
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

/** Say what is at a pixel of the sample. @param {import("./sample.js").SampleView} sample @param {{x: number, y: number} | null} at */
export async function showPointed(sample, at) {
  last = at;
  if (!at) return;
  const found = await sample.at(at.x, at.y);
  if (!found) return;
  if (last && last !== at && sample.large) showPointed(sample, last); // where the pointer went meanwhile
  const parts = [quiet(`x ${at.x * sample.reduced}  y ${at.y * sample.reduced}`)];
  for (const layer of new Set(["label", page.look.layer])) {
    const id = found[layer];
    if (typeof id === "number" && layer) parts.push(chip(layer, id, named(layer, id)));
  }
  const { stored, image } = found;
  if (stored !== undefined) parts.push(quiet(`stored ${Array.isArray(stored) ? stored.join(", ") : stored}`));
  if (Array.isArray(image) && !isOffline) parts.push(quiet(`image ${image.join(", ")}`));
  const line = part("pointer");
  line.dataset.at = `${at.x},${at.y}`;
  line.dataset.stored = String(stored ?? "");
  line.replaceChildren(...parts);
}

/** @param {string} layer @param {number} id */
function named(layer, id) {
  if (layer === "instances") return `object ${id}`;
  const name = colorsOf(layer).known.get(id)?.name ?? "not a class";
  if (/^(errors|faulty|confused)/.test(layer)) return name;
  return `${layer === "label" ? "" : "predicted "}${name} (${id})`;
}

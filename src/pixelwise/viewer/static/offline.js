// An exported page has no server: what it would answer is in the page itself.

const element = document.getElementById("content");
/** @type {any} */
const content = element ? JSON.parse(element.textContent ?? "{}") : null;

/** Whether this is an exported page. */
export const isOffline = content !== null;

/** What the server would answer as JSON. @param {string} path @returns {any} */
export function answer(path) {
  const [place, query] = path.split("?");
  const given = new URLSearchParams(query);
  if (place === "api/dataset") return content.dataset;
  if (place === "api/runs") return content.runs;
  if (place === "api/rows") return (given.get("numbers") ?? "").split(",").map((number) => content.samples[Number(number)]);
  if (place.startsWith("api/confusion/")) return content.confusion[Number(place.slice(14))];
  if (place.startsWith("api/facts/")) return content.samples[Number(place.slice(10))];
  return legend(given.get("split") ?? "");
}

/** @param {string} split */
function within(split) {
  return content.samples.filter((/** @type {any} */ one) => !split || one.split === split);
}

/** @param {string} split */
function legend(split) {
  const samples = within(split);
  const classes = [...content.dataset.classes, ...(content.dataset.void ? [content.dataset.void] : [])];
  return {
    counted: samples.length, total: samples.length, broken: samples.filter((/** @type {any} */ one) => one.error).length,
    classes: classes.map(({ id }) => ({ id, images: samples.filter((/** @type {any} */ one) => one.counts[id]).length })).filter((one) => one.images),
  };
}

/** The numbers of the chosen samples, as the server chooses. @param {string} query */
export function choose(query) {
  const given = new URLSearchParams(query);
  const text = (given.get("text") ?? "").toLowerCase();
  const classes = (given.get("class") ?? "").split(",").filter(Boolean);
  const share = Number(given.get("share") ?? 0);
  const [low, high] = [Number(given.get("low") ?? 0), Number(given.get("high") ?? 0)];
  const [run, pair, score] = [Number(given.get("run") ?? 0), given.get("pair"), Number(given.get("score") ?? 100)];
  const found = within(given.get("split") ?? "").filter((/** @type {any} */ one) => {
    const side = one.size ? Math.min(...one.size) : 0;
    const area = one.size ? one.size[0] * one.size[1] : 0;
    return (
      one.name.toLowerCase().includes(text) && (!low || side >= low) && (!high || (side > 0 && side <= high)) &&
      (given.get("broken") !== "1" || one.error) && (given.get("alike") !== "1" || one.alike !== null) && (!pair || one.pairs[run][pair]) &&
      (score === 100 || (one.scores[run] != null && 100 * one.scores[run] <= score)) &&
      classes.every((id) => one.counts[id] && one.counts[id] >= share * area)
    );
  });
  const sort = given.get("sort") ?? "number";
  const down = sort.startsWith("-") ? -1 : 1;
  /** @param {any} one @returns {number | string | null} */
  const key = (one) => {
    const area = one.size ? one.size[0] * one.size[1] : null;
    switch (sort.replace("-", "")) {
      case "name": return one.name.toLowerCase();
      case "size": return area;
      case "classes": return Object.keys(one.counts).filter((id) => Number(id) !== content.dataset.void?.id).length;
      case "share": return (one.counts[classes[0] ?? 0] ?? 0) / (area ?? 1);
      case "alike": return one.alike;
      case "objects": return one.objects;
      case "pixels": return pair ? one.pairs[run][pair] : null;
      case "iou": return one.ious[run][classes[0] ?? 0] ?? null;
      case "score": return one.scores[run];
      case "change": return one.scores[0] == null || one.scores[1] == null ? null : one.scores[1] - one.scores[0];
      default: return one.number;
    }
  };
  found.sort((/** @type {any} */ a, /** @type {any} */ b) => {
    const [x, y] = [key(a), key(b)];
    if (x === null || y === null) return x === y ? 0 : x === null ? 1 : -1;
    return x < y ? -down : x > y ? down : a.number - b.number;
  });
  return found.map((/** @type {any} */ one) => one.number);
}

/** The class of a predicted value, or the number of classes. @param {number} id */
export function predicted(id) {
  return Math.min(id, content.dataset.classes.length);
}

/** A picture: its data or its error. @param {number} number @param {string} what @returns {{type?: string, data?: string, error?: string}} */
export function picture(number, what) {
  return content.samples[number].pictures[what] ?? { error: "the exported page has no such picture" };
}

// What the user does: keys, and the controls of the bar.
import { layers } from "./controls.js";
import { change, choice, input, page, part } from "./page.js";
import { toggleColor } from "./side.js";
import { unfiltered } from "./state.js";

/** @param {number} by */
function step(by) {
  const next = page.position + by;
  if (next < 0 || next >= page.entries.length) return;
  page.position = next;
  change({ sample: page.entries.at(next) });
}

function toggleTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
}

function nextLayer() {
  const names = layers().map(([name]) => name);
  if (names.length) change({ layer: names[(names.indexOf(page.state.layer) + 1) % names.length] });
}

/** @param {number} by */
function fade(by) {
  change({ opacity: Math.round(100 * Math.max(0, Math.min(1, page.state.opacity + by))) / 100 });
}

function clearFilters() {
  change(unfiltered(page.state), true);
}

/** Listen to keys and controls. @param {import("./sample.js").SampleView} sample */
export function listen(sample) {
  const toggleWipe = () => {
    sample.wipe(!sample.wiped);
    part("wipe").setAttribute("aria-pressed", String(sample.wiped));
  };
  /** @type {Record<string, () => void>} */
  const everywhere = {
    "/": () => (page.state.sample === null ? part("text").focus() : change({ sample: null }, true)),
    "?": () => /** @type {HTMLDialogElement} */ (part("keys")).showModal(),
    o: () => change({ outlines: !page.state.outlines }),
    a: () => change({ off: [] }),
    c: clearFilters,
    t: toggleTheme,
    v: nextLayer,
    "[": () => fade(-0.1),
    "]": () => fade(0.1),
  };
  /** @type {Record<string, () => void>} */
  const inSample = {
    Escape: () => change({ sample: null }, true),
    ArrowLeft: () => step(-1), ArrowUp: () => step(-1), h: () => step(-1), k: () => step(-1),
    ArrowRight: () => step(1), ArrowDown: () => step(1), l: () => step(1), j: () => step(1),
    "+": () => sample.closer(1.5), "=": () => sample.closer(1.5), "-": () => sample.closer(1 / 1.5),
    0: () => sample.fit(),
    w: toggleWipe,
    " ": () => part("stage").setAttribute("data-bare", ""),
  };
  document.addEventListener("keydown", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    const typing = target.matches("input[type=search], input[type=number], select");
    if (event.key === "Escape" && typing) return target.blur();
    if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.key === " " && target.matches("button, summary, input")) return;
    if (target.matches("input[type=range]") && event.key.startsWith("Arrow")) return;
    const act = (page.state.sample !== null && inSample[event.key]) || everywhere[event.key];
    if (act) {
      event.preventDefault();
      act();
    } else if (/^[1-9]$/.test(event.key)) toggleColor(Number(event.key), false);
  });
  document.addEventListener("keyup", (event) => {
    if (event.key === " ") part("stage").removeAttribute("data-bare");
  });
  for (const [id, key] of Object.entries({ outlines: "o", theme: "t", help: "?" })) part(id).addEventListener("click", everywhere[key]);
  for (const [id, key] of Object.entries({ back: "Escape", previous: "ArrowLeft", next: "ArrowRight", fit: "0", wipe: "w" })) part(id).addEventListener("click", inSample[key]);
  listenToFilters();
  choice("layer").addEventListener("change", () => change({ layer: choice("layer").value }));
  input("opacity").addEventListener("input", () => change({ opacity: Number(input("opacity").value) }));
  choice("recipe").addEventListener("change", () => change({ recipe: choice("recipe").value, set: "" }));
  for (const id of /** @type {const} */ (["seed", "epoch"])) {
    input(id).addEventListener("input", () => change({ [id]: Math.max(0, Math.floor(Number(input(id).value) || 0)) }));
  }
  part("classes").addEventListener("click", () => {
    const open = document.body.toggleAttribute("data-side");
    part("classes").setAttribute("aria-pressed", String(open));
  });
}

function listenToFilters() {
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
  part("descending").addEventListener("click", () => {
    const { sort } = page.state;
    change({ sort: sort.startsWith("-") ? sort.slice(1) : "-" + sort }, true);
  });
  const given = (/** @type {string} */ id) => Math.max(0, Number(input(id).value) || 0);
  for (const id of ["low", "high"]) input(id).addEventListener("change", () => change({ [id]: given(id) }, true));
  input("share").addEventListener("change", () => change({ share: given("share") / 100 }, true));
  input("score").addEventListener("change", () => change({ score: input("score").value === "" ? 100 : Math.min(100, given("score")) }, true));
  for (const id of ["broken", "alike"]) input(id).addEventListener("change", () => change({ [id]: input(id).checked }, true));
  part("clear").addEventListener("click", clearFilters);
}

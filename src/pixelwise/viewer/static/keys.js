// The keys, in one list: what they do, and what `?` shows.

/** @type {[string, string][]} */
export const KEYS = [
  ["← → ↑ ↓, h j k l", "another sample"],
  ["Enter", "open the current sample"],
  ["Esc", "back to the grid; close this"],
  ["/", "search names"],
  ["c", "clear all filters"],
  ["1 to 9", "color of the class with that id on or off"],
  ["a", "all colors on"],
  ["o", "outlines"],
  ["[ and ]", "less and more of the overlay"],
  ["Space", "in a sample, while held: the image alone"],
  ["w", "in a sample: wipe between image and overlay"],
  ["+ and -", "in a sample: closer, farther"],
  ["0", "in a sample: fit to the window"],
  ["v", "the next layer: label, predictions, errors"],
  ["t", "light or dark"],
  ["?", "these keys"],
];

/** @param {HTMLDialogElement} dialog */
export function fillKeys(dialog) {
  const title = document.createElement("h2");
  title.textContent = "Keys";
  const list = document.createElement("dl");
  for (const [keys, does] of KEYS) {
    const term = document.createElement("dt");
    const words = document.createElement("dd");
    term.textContent = keys;
    words.textContent = does;
    list.append(term, words);
  }
  const close = document.createElement("button");
  close.textContent = "Close";
  close.addEventListener("click", () => dialog.close());
  dialog.replaceChildren(title, list, close);
}

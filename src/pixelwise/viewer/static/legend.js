// The legend: every class with its color and its numbers; a click filters by it. Only the rows that are seen exist.

const ROW = 26; // pixels, as in the style sheet
const BEYOND = 30; // rows that exist above and below those that are seen
const FEW = 30; // classes that need no search

export class Legend {
  /**
   * @param {HTMLElement} list @param {HTMLInputElement} find @param {import("./colors.js").Class[]} classes
   * @param {(id: number) => void} filter @param {(id: number, alone: boolean) => void} hide
   */
  constructor(list, find, classes, filter, hide) {
    this.list = list;
    this.find = find;
    this.classes = classes;
    this.filter = filter;
    this.hide = hide;
    this.searched = classes.length > FEW;
    /** Those listed, in their order. @type {import("./colors.js").Class[]} */
    this.listed = classes;
    /** @type {Map<number, HTMLElement>} */
    this.rows = new Map();
    /** @type {Set<number>} */
    this.chosen = new Set();
    /** @type {Set<number>} */
    this.off = new Set();
    /** @type {(id: number) => boolean} */
    this.occurs = () => true;
    /** @type {(id: number) => string[]} */
    this.texts = () => [];
    this.present = false;
    this.space = document.createElement("li");
    this.space.className = "space";
    this.space.setAttribute("role", "presentation");
    list.append(this.space);
    let frame = 0;
    list.addEventListener("scroll", () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        this.draw();
      });
    });
    find.addEventListener("input", () => {
      list.scrollTop = 0;
      this.order();
    });
    new ResizeObserver(() => this.draw()).observe(list);
  }

  /** Which classes filter, and whose color is off. @param {number[]} chosen @param {Set<number>} off */
  mark(chosen, off) {
    this.chosen = new Set(chosen);
    this.off = off;
    for (const [id, row] of this.rows) this.markRow(id, row);
  }

  /**
   * The numbers of each class, one text per column. present: list those that occur first.
   * @param {(id: number) => boolean} occurs @param {(id: number) => string[]} texts @param {boolean} present
   */
  fill(occurs, texts, present) {
    this.present = present;
    this.occurs = occurs;
    this.texts = texts;
    this.order();
    for (const [id, row] of this.rows) this.fillRow(id, row);
  }

  /** Choose what is listed: what is searched for and, of many classes or in one sample, first those that occur. */
  order() {
    const wanted = this.find.value.trim().toLowerCase();
    const found = wanted ? this.classes.filter(({ id, name }) => String(id) === wanted || name.toLowerCase().includes(wanted)) : this.classes;
    this.listed = this.searched || this.present ? [...found.filter(({ id }) => this.occurs(id)), ...found.filter(({ id }) => !this.occurs(id))] : found;
    this.draw();
  }

  draw() {
    const { list } = this;
    if (!list.clientHeight) return; // hidden
    this.space.style.height = `${this.listed.length * ROW}px`;
    const first = Math.max(0, Math.floor(list.scrollTop / ROW) - BEYOND);
    const last = Math.min(this.listed.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW) + BEYOND);
    const seen = this.listed.slice(first, last);
    const ids = new Set(seen.map((one) => one.id));
    for (const [id, row] of this.rows) {
      if (ids.has(id)) continue;
      row.remove();
      this.rows.delete(id);
    }
    /** @type {Element | null} */
    let next = this.space.nextElementSibling;
    for (const [k, one] of seen.entries()) {
      const row = this.rows.get(one.id) ?? this.make(one);
      if (row === next) next = row.nextElementSibling;
      else list.insertBefore(row, next); // in their order, for the keyboard
      row.style.transform = `translateY(${(first + k) * ROW}px)`;
      row.setAttribute("aria-posinset", String(first + k + 1));
      row.setAttribute("aria-setsize", String(this.listed.length));
    }
    list.dataset.listed = String(this.listed.length);
  }

  /** @param {import("./colors.js").Class} one */
  make({ id, name, color }) {
    const row = document.createElement("li");
    row.dataset.id = String(id);
    row.innerHTML =
      '<button class="swatch"></button><button class="class"><span class="label"></span><span class="id"></span></button>' +
      '<span class="numbers"></span>';
    const [swatch, label] = row.querySelectorAll("button");
    swatch.style.setProperty("--color", `rgb(${color.join(" ")})`);
    swatch.setAttribute("aria-label", `Show the color of ${name}`);
    swatch.title = "Color on or off; with Shift, only this one";
    label.title = `${name}: only samples with this class`;
    /** @type {HTMLElement} */ (label.querySelector(".label")).textContent = name;
    /** @type {HTMLElement} */ (label.querySelector(".id")).textContent = String(id);
    swatch.addEventListener("click", (event) => this.hide(id, event.shiftKey));
    label.addEventListener("click", () => this.filter(id));
    this.rows.set(id, row);
    this.markRow(id, row);
    this.fillRow(id, row);
    return row;
  }

  /** @param {number} id @param {HTMLElement} row */
  markRow(id, row) {
    const [swatch, label] = row.querySelectorAll("button");
    label.setAttribute("aria-pressed", String(this.chosen.has(id)));
    swatch.setAttribute("aria-pressed", String(!this.off.has(id)));
  }

  /** @param {number} id @param {HTMLElement} row */
  fillRow(id, row) {
    const cells = this.texts(id).map((text) => Object.assign(document.createElement("span"), { textContent: text }));
    row.querySelector(".numbers")?.replaceChildren(...cells);
    row.toggleAttribute("data-absent", !this.occurs(id));
  }
}

/** A share as people read it: "12 %", "0.3 %", "<0.1 %". @param {number} share */
export function percent(share) {
  const value = 100 * share;
  if (value === 0) return "0 %";
  if (value < 0.1) return "<0.1 %";
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} %`;
}

/** A number of samples in words. @param {number} n */
export function samplesOf(n) {
  return `${n.toLocaleString("en")} sample${n === 1 ? "" : "s"}`;
}

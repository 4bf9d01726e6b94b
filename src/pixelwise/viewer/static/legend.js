// The legend: every class with its color, in how many samples it is, and its share; a click filters by it.

/** @typedef {{id: number, images: number, share: number}} Count */

export class Legend {
  /**
   * @param {HTMLElement} list @param {import("./colors.js").Class[]} classes
   * @param {(id: number) => void} filter @param {(id: number, alone: boolean) => void} hide
   */
  constructor(list, classes, filter, hide) {
    /** @type {Map<number, HTMLElement>} */
    this.rows = new Map();
    for (const { id, name, color } of classes) {
      const row = document.createElement("li");
      row.dataset.id = String(id);
      row.innerHTML =
        '<button class="swatch"></button><button class="class"><span class="label"></span><span class="id"></span></button>' +
        '<span class="numbers"></span>';
      const [swatch, label] = row.querySelectorAll("button");
      swatch.style.setProperty("--color", `rgb(${color.join(" ")})`);
      swatch.setAttribute("aria-label", `Show the color of ${name}`);
      swatch.title = "Color on or off; with Shift, only this one";
      label.title = "Only samples with this class";
      /** @type {HTMLElement} */ (label.querySelector(".label")).textContent = name;
      /** @type {HTMLElement} */ (label.querySelector(".id")).textContent = String(id);
      swatch.addEventListener("click", (event) => hide(id, event.shiftKey));
      label.addEventListener("click", () => filter(id));
      list.append(row);
      this.rows.set(id, row);
    }
  }

  /** Which classes filter, and whose color is off. @param {number[]} chosen @param {Set<number>} off */
  mark(chosen, off) {
    for (const [id, row] of this.rows) {
      const [swatch, label] = row.querySelectorAll("button");
      label.setAttribute("aria-pressed", String(chosen.includes(id)));
      swatch.setAttribute("aria-pressed", String(!off.has(id)));
    }
  }

  /** The numbers of each class, one text per column. @param {(id: number) => {texts: string[], absent: boolean}} of */
  fill(of) {
    for (const [id, row] of this.rows) {
      const { texts, absent } = of(id);
      const cells = texts.map((text) => {
        const cell = document.createElement("span");
        cell.textContent = text;
        return cell;
      });
      row.querySelector(".numbers")?.replaceChildren(...cells);
      row.toggleAttribute("data-absent", absent);
    }
  }
}

/** A share as people read it: "12 %", "0.3 %", "<0.1 %". @param {number} share */
export function percent(share) {
  const value = 100 * share;
  if (value === 0) return "0 %";
  if (value < 0.1) return "<0.1 %";
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} %`;
}

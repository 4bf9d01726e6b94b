// The findings of `check`: a list by problem; a click shows the samples of one, with its pixels marked.

/** @typedef {{where: string, what: string, fix: string, entry: number | null}} Finding */
/** @typedef {{code: string, severity: string, count: number, entries: number, text: string, findings: Finding[]}} Group */

const WRITTEN = 100;

export class FindingsList {
  /**
   * @param {HTMLElement} root @param {Group[]} groups
   * @param {(code: string) => void} choose @param {(entry: number) => void} open
   */
  constructor(root, groups, choose, open) {
    this.root = root;
    this.groups = groups;
    this.open = open;
    for (const group of groups) {
      const part = document.createElement("section");
      part.dataset.code = group.code;
      part.innerHTML = '<button class="problem"><i></i><span class="code"></span><b></b></button><div class="each" hidden></div>';
      const [button, dot] = [part.querySelector("button"), part.querySelector("i")];
      dot?.classList.add(group.severity);
      if (button) button.title = `${group.severity}: ${group.entries} samples here`;
      /** @type {HTMLElement} */ (part.querySelector(".code")).textContent = group.code;
      /** @type {HTMLElement} */ (part.querySelector("b")).textContent = group.count.toLocaleString("en");
      button?.addEventListener("click", () => choose(group.code));
      root.append(part);
    }
  }

  /** @param {string} code which is chosen, "" for none */
  mark(code) {
    for (const [k, part] of [...this.root.querySelectorAll("section")].entries()) {
      const on = part.dataset.code === code;
      part.querySelector(".problem")?.setAttribute("aria-pressed", String(on));
      const each = /** @type {HTMLElement} */ (part.querySelector(".each"));
      each.hidden = !on;
      if (on && !each.childElementCount) this.fill(each, this.groups[k]);
    }
  }

  /** @param {HTMLElement} each @param {Group} group */
  fill(each, group) {
    const fixes = new Set(group.findings.map((one) => one.fix));
    const copy = Object.assign(document.createElement("button"), { className: "copy", textContent: "Copy as text" });
    copy.addEventListener("click", async () => {
      await navigator.clipboard.writeText(group.text);
      copy.textContent = "Copied";
    });
    each.append(copy);
    if (fixes.size === 1 && group.findings[0]?.fix) each.append(line("fix", "→ " + group.findings[0].fix));
    for (const one of group.findings.slice(0, WRITTEN)) {
      const made = document.createElement(one.entry === null ? "p" : "button");
      made.className = "finding";
      made.append(line("where", one.where), line("what", one.what));
      if (fixes.size > 1 && one.fix) made.append(line("fix", "→ " + one.fix));
      if (one.entry !== null) made.addEventListener("click", () => this.open(/** @type {number} */ (one.entry)));
      each.append(made);
    }
    const rest = group.count - Math.min(group.findings.length, WRITTEN);
    if (rest) each.append(line("fix", `and ${rest.toLocaleString("en")} more`));
  }
}

/** @param {string} kind @param {string} text */
function line(kind, text) {
  return Object.assign(document.createElement("span"), { className: kind, textContent: text });
}

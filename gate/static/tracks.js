// @ts-check
/**
 * The menu of tracks: a button that opens a list of choices in a frame, and the
 * choices themselves below the video on a page of its own.
 *
 * @typedef {import("./hls-player.js").TrackGroup} TrackGroup
 */

/** @type {Record<string, string>} */
const names = { quality: "Quality", audio: "Audio", subtitles: "Subtitles" };

export class TracksMenu {
  #root;
  #button;
  #choices;
  #select;

  /** @param {HTMLElement} root @param {(kind: string, id: number) => void} select */
  constructor(root, select) {
    this.#root = root;
    this.#select = select;
    this.#button = /** @type {HTMLButtonElement} */ (root.querySelector("button"));
    this.#choices = /** @type {HTMLElement} */ (root.querySelector("[role=group]"));
    this.#button.addEventListener("click", () => this.#open(this.#button.ariaExpanded !== "true"));
    root.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || this.#button.ariaExpanded !== "true") return;
      this.#open(false);
      this.#button.focus();
    });
    document.addEventListener("pointerdown", (event) => {
      if (!root.contains(/** @type {Node} */ (event.target))) this.#open(false);
    });
  }

  /** @param {boolean} open */
  #open(open) {
    this.#button.ariaExpanded = String(open);
  }

  /** @param {TrackGroup[]} groups */
  show(groups) {
    this.#root.hidden = groups.length === 0;
    const wanted = groups.map(({ kind }) => String(kind));
    for (const label of this.#choices.querySelectorAll("label")) {
      if (!wanted.includes(label.dataset.kind ?? "")) label.remove();
    }
    for (const group of groups) this.#fill(group);
  }

  /** Fills the list in place, so that the focus stays where it is. @param {TrackGroup} group */
  #fill({ kind, current, options }) {
    const list = this.#list(kind);
    const same = list.length === options.length && options.every((o, i) => list.options[i].text === o.label && list.options[i].value === String(o.id));
    if (!same) list.replaceChildren(...options.map(({ id, label }) => new Option(label, String(id))));
    list.value = String(current);
  }

  /** @param {string} kind @returns {HTMLSelectElement} */
  #list(kind) {
    const known = this.#choices.querySelector(`label[data-kind="${kind}"] select`);
    if (known) return /** @type {HTMLSelectElement} */ (known);
    const label = document.createElement("label");
    label.dataset.kind = kind;
    const name = document.createElement("span");
    name.textContent = names[kind] ?? kind;
    const list = document.createElement("select");
    list.addEventListener("change", () => this.#select(kind, Number(list.value)));
    label.append(name, list);
    this.#choices.append(label);
    return list;
  }
}

// One place of the gallery's grid: it shows whichever sample is in view there.

import { h } from "../dom.js";
import { fixed, interval, percent, whole } from "../format.js";
import { decisionText } from "../parts/decision.js";
import { cut } from "../parts/tile.js";
import { COLUMNS } from "./pages.js";

/** @import { SampleScore, Suspect } from "../api.js" */
/** @import { Decided, Shown } from "../types.js" */

/**
 * Words and addresses for cells; `images` says whether there are any, `shape` is that of an image, `words` stand in its place, `selected` says
 * whether the reader has selected a sample.
 * @typedef {{
 *   name: (label: number) => string,
 *   decided: (index: number) => Decided | null,
 *   address: (index: number, position: number) => string,
 *   images: () => boolean,
 *   shape: number[],
 *   words: (index: number) => HTMLElement | null,
 *   selected: (index: number) => boolean,
 * }} Naming
 */

/** @param {number} value */
const inside = (value) => Math.min(1, Math.max(0, value));

export class Cell {
  position = -1;
  #dot = h("b", {});
  #index = h("span", { class: "soft" });
  #mark = h("span", {});
  #mem = h("strong", {});
  #name = h("span", {});
  #pick = h("button", { type: "button", class: "pick", tabindex: "-1" });
  #picture = h("span", { class: "picture" });
  #range = h("i", {});
  // what is shown
  #gone = false;
  /** @type {SampleScore | null | undefined} */
  #row;
  #total = -1;
  /** @type {Shown | null} */
  #pictured = null; // with its image

  constructor() {
    this.link = h(
      "a",
      { class: "card", tabindex: "-1" },
      this.#picture,
      h("span", { class: "line" }, this.#name, this.#mem),
      h("span", { class: "track" }, this.#range, this.#dot),
      h("span", { class: "line" }, this.#index, this.#mark),
    );
    this.element = h("div", { role: "gridcell", "aria-selected": "false" }, this.link, this.#pick);
  }

  /**
   * Show a sample of the list, or that it is on its way.
   * @param {number} position
   * @param {number} total
   * @param {Shown | null} sample
   * @param {Naming} naming
   */
  show(position, total, sample, naming) {
    const row = sample?.row ?? null;
    if (position !== this.position || row !== this.#row || total !== this.#total) {
      this.#text(position, total, row, naming);
    }
    this.#select(row !== null && naming.selected(row.index));
    const pictured = sample?.url ? sample : null;
    if (!same(pictured, this.#pictured)) this.#image(pictured);
    const gone = row !== null && !pictured && !naming.images();
    if (gone !== this.#gone) this.#picture.classList.toggle("gone", gone);
    this.#gone = gone;
  }

  /** @param {boolean} selected */
  #select(selected) {
    if (this.element.getAttribute("aria-selected") === String(selected)) return;
    this.element.setAttribute("aria-selected", String(selected));
    this.#pick.setAttribute("aria-pressed", String(selected));
  }

  /**
   * Mark the card as the one that is shown beside the list.
   * @param {boolean} marked
   */
  mark(marked) {
    if (this.link.hasAttribute("aria-current") === marked) return;
    if (marked) this.link.setAttribute("aria-current", "true");
    else this.link.removeAttribute("aria-current");
  }

  /** Take the place out of the list. */
  hide() {
    if (this.element.hidden) return;
    this.element.hidden = true;
    this.position = -1;
    delete this.link.dataset.index;
    this.#image(null);
  }

  /**
   * @param {number} position
   * @param {number} total
   * @param {SampleScore | null} row
   * @param {Naming} naming
   */
  #text(position, total, row, naming) {
    this.position = position;
    this.#total = total;
    this.#row = row;
    this.element.hidden = position >= total;
    this.link.classList.toggle("pending", row === null);
    if (row) this.#score(position, total, row, naming);
    else this.#pending(position, total);
  }

  /**
   * @param {number} position
   * @param {number} total
   */
  #pending(position, total) {
    this.link.removeAttribute("href");
    this.link.removeAttribute("data-index");
    this.#pick.hidden = true;
    this.#picture.replaceChildren();
    this.link.setAttribute("aria-label", `Sample ${whole(position + 1)} of ${whole(total)} is loading`);
    for (const text of [this.#name, this.#mem, this.#index, this.#mark]) text.textContent = "";
    this.#mark.className = "";
    this.#range.style.width = "0";
    this.#dot.style.left = "-1rem";
  }

  /**
   * @param {number} position
   * @param {number} total
   * @param {SampleScore} row
   * @param {Naming} naming
   */
  #score(position, total, row, naming) {
    const { index, name: called, label, mem, interval: ends, set } = row;
    const vote = "label_error" in row ? voted(/** @type {Suspect} */ (row), naming) : null;
    const decided = naming.decided(index);
    const judged = decided && decisionText(decided, naming.name);
    const { link } = this;
    const [low, high] = ends;
    const name = naming.name(label);
    link.href = naming.address(index, position);
    const words = naming.words(index);
    this.#picture.replaceChildren(...(words ? [words] : []));
    link.dataset.index = String(index);
    this.#pick.hidden = false;
    this.#pick.setAttribute("aria-label", `Select training sample ${index}`);
    const error = low === null ? "" : `, interval ${interval(ends)}`;
    const value = `mem ${fixed(mem)}${error}${vote ? `, ${vote.words}` : set ? `, ${set}` : ""}${judged ? `, reviewed: ${judged.words}` : ""}`;
    const place = `${whole(position + 1)} of ${whole(total)}`;
    link.setAttribute("aria-label", `${name}, ${value}, training sample ${index}, ${place}`);
    const range = low === null ? "" : `, 95 % interval ${interval(ends)}`;
    const said = `${vote ? `\n${vote.words}` : ""}${judged ? `\nreviewed: ${judged.words}` : ""}`;
    link.title = `${called ? `${called}\n` : ""}${name}, training sample ${index}\nmem ${fixed(mem, 3)}${range}${said}`;
    this.#name.textContent = name;
    this.#mem.textContent = vote?.number ?? fixed(mem);
    this.#index.textContent = called ?? String(index);
    this.#mark.textContent = judged?.mark ?? vote?.mark ?? set ?? "";
    this.#mark.className = judged ? "mark reviewed" : vote ? vote.kind : set ? `mark ${set}` : "";
    this.#dot.style.left = mem === null ? "-1rem" : `${100 * inside(mem)}%`;
    this.#range.style.left = `${100 * inside(low ?? 0)}%`;
    this.#range.style.width = low === null || high === null ? "0" : `${100 * (inside(high) - inside(low))}%`;
  }

  /** @param {Shown | null} sample */
  #image(sample) {
    this.#pictured = sample;
    if (sample?.url) {
      cut(this.#picture, sample.url, sample.place, COLUMNS, sample.lines);
      this.link.dataset.drawn = "";
    } else {
      this.#picture.style.backgroundImage = "none";
      delete this.link.dataset.drawn;
    }
  }
}

/**
 * What held-out trials say of a sample's label; null where they recorded no predictions or agree with it.
 * @param {Suspect} row
 * @param {Naming} naming
 */
function voted({ label_error: probability, suggested, share, suspected }, naming) {
  if (probability === null || suggested === null) return null;
  const name = naming.name(suggested);
  const says = `${percent(share, 0)} of held-out trials say ${name}`;
  return {
    mark: `→ ${name}`,
    number: percent(probability, 0), // in place of mem
    kind: suspected ? "mark suspect" : "soft",
    words: `label wrong with probability ${percent(probability, 0)}, ${says}${suspected ? "" : "; not suspected"}`,
  };
}

/**
 * Whether two samples show the same image.
 * @param {Shown | null} a
 * @param {Shown | null} b
 */
const same = (a, b) => a === b || (a?.url === b?.url && a?.row === b?.row && a?.lines === b?.lines);

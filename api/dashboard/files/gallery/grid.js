// A grid of any length of which only the rows in view, and a few beside them, are in the page.

import { h } from "../dom.js";
import { Cell } from "./cell.js";

const GAP = 12; // between cards, pixels
const LINES = 3.9; // of text and track below an image, in ems
const BESIDE = 1; // rows kept above and below those in view
const AHEAD = 2; // rows loaded above and below these

/** @import { Shown } from "../types.js" */
/** @import { Naming } from "./cell.js" */

/**
 * Where a grid stands: how far it is scrolled, the position that Tab leads to, and whether it has the focus.
 * @typedef {{ top: number, active: number, focused: boolean }} Place
 */

/**
 * A row of the page, and the line of the list that it shows.
 * @typedef {{ element: HTMLElement, cells: Cell[], line: number }} Row
 */

/**
 * `at` is Pages.at; `cardWidth` the least of a card, in pixels; `wanted` is called with the first and last position in
 * view, `moved` after scrolling, `activated` when another position becomes the one that Tab leads to.
 * @typedef {{
 *   at: (position: number) => Shown | null,
 *   wanted: (first: number, last: number) => void,
 *   naming: Naming,
 *   moved: () => void,
 *   activated: (position: number) => void,
 *   label: string,
 *   cardWidth: number,
 *   signal: AbortSignal,
 * }} Options
 */

export class Grid {
  element;
  #active = 0; // the position that Tab leads to
  #activated;
  #at;
  #cardWidth;
  #columns = 1;
  /** Whether the active card is marked, since something else shows its sample. */
  #marked = false;
  #first = 0; // row of the list in #rows[0]
  /** @type {number | null} */
  #frame = null;
  #height = h("div", { class: "gallery-rows", role: "rowgroup" });
  #naming;
  #rowHeight = 0; // pixels; 0 until it is measured
  /** @type {Row[]} */
  #rows = [];
  #total = 0;
  #viewHeight = 0;
  #wanted;
  #width = 0;

  /** @param {Options} options */
  constructor({ at, wanted, naming, moved, activated, label, cardWidth, signal }) {
    this.#at = at;
    this.#activated = activated;
    this.#cardWidth = cardWidth;
    this.#wanted = wanted;
    this.#naming = naming;
    this.element = h(
      "div",
      {
        class: "gallery waiting",
        role: "grid",
        "aria-label": label,
        "data-part": "gallery",
        tabindex: "-1",
        "aria-multiselectable": "true",
      },
      this.#height,
    );
    const scroll = () => {
      moved();
      this.#soon();
    };
    this.element.addEventListener("scroll", scroll, { signal, passive: true });
    this.element.addEventListener("keydown", (event) => this.#key(event), { signal });
    this.element.addEventListener("focusin", (event) => this.#focused(event), { signal });
    const observer = new ResizeObserver(() => this.#measure());
    observer.observe(this.element);
    window.addEventListener("resize", () => this.#measure(), { signal });
    signal.addEventListener("abort", () => {
      observer.disconnect();
      if (this.#frame !== null) cancelAnimationFrame(this.#frame);
    });
  }

  /**
   * Show a list of `total` samples.
   * @param {number} total
   */
  size(total) {
    if (total === this.#total) {
      this.#soon();
      return;
    }
    this.#total = total;
    this.element.classList.remove("waiting");
    if (!this.#rowHeight) this.#measure();
    this.#active = Math.min(this.#active, Math.max(0, total - 1));
    this.#resize();
  }

  /**
   * Make cards at least so wide.
   * @param {number} width
   */
  set cardWidth(width) {
    if (width === this.#cardWidth) return;
    this.#cardWidth = width;
    this.#width = 0; // measured again
    this.#measure();
  }

  /** Go back to the top. */
  reset() {
    this.#active = 0;
    this.element.scrollTop = 0;
  }

  /**
   * Where it stands, and how to get there again.
   * @returns {Place}
   */
  get place() {
    const focused = this.element.contains(document.activeElement);
    return { top: this.element.scrollTop, active: this.#active, focused };
  }

  set place({ top, active, focused }) {
    this.#active = Math.min(active, Math.max(0, this.#total - 1));
    this.element.scrollTop = top;
    this.draw();
    if (focused) this.#cell(this.#active)?.link.focus({ preventScroll: true });
  }

  /** Draw what is in view. */
  draw() {
    if (!this.#rowHeight) return;
    const { scrollTop: top } = this.element;
    const lines = Math.ceil(this.#total / this.#columns);
    const inView = Math.floor(top / this.#rowHeight);
    this.#turnTo(Math.max(0, Math.min(inView - BESIDE, lines - this.#rows.length)));
    const tabbable = this.#tabbable(inView);
    this.#rows.forEach((row, number) => {
      const line = this.#first + number;
      row.element.hidden = line >= lines;
      if (row.line !== line) {
        row.line = line;
        row.element.style.transform = `translateY(${line * this.#rowHeight}px)`;
        row.element.setAttribute("aria-rowindex", String(line + 1));
      }
      row.cells.forEach((cell, column) => {
        const position = line * this.#columns + column;
        if (position < this.#total) cell.show(position, this.#total, this.#at(position), this.#naming);
        else cell.hide();
        cell.mark(this.#marked && position === this.#active);
        const index = position === tabbable ? 0 : -1;
        if (cell.link.tabIndex !== index) cell.link.tabIndex = index;
      });
    });
    const from = Math.max(0, this.#first - AHEAD) * this.#columns;
    const to = (this.#first + this.#rows.length + AHEAD) * this.#columns;
    if (this.#total) this.#wanted(from, Math.min(this.#total, to) - 1);
  }

  /**
   * The position that Tab leads to: the active one if it is there, or the first in view.
   * @param {number} inView
   */
  #tabbable(inView) {
    const line = Math.floor(this.#active / this.#columns);
    return line >= this.#first && line < this.#first + this.#rows.length ? this.#active : inView * this.#columns;
  }

  /**
   * Let the rows begin at a row of the list: those that leave at one end come in at the other.
   * @param {number} first
   */
  #turnTo(first) {
    const by = first - this.#first;
    if (Math.abs(by) < this.#rows.length) {
      for (let step = 0; step < by; step += 1) this.#toEnd();
      for (let step = 0; step > by; step -= 1) this.#toTop();
    } else if (this.#height.contains(document.activeElement)) {
      this.element.focus({ preventScroll: true });
    }
    this.#first = first;
  }

  /** The first row becomes the last. */
  #toEnd() {
    const row = this.#rows.shift();
    if (!row) return;
    this.#keepFocus(row);
    this.#rows.push(row);
    this.#height.append(row.element);
  }

  /** The last row becomes the first. */
  #toTop() {
    const row = this.#rows.pop();
    if (!row) return;
    this.#keepFocus(row);
    this.#rows.unshift(row);
    this.#height.prepend(row.element);
  }

  /**
   * Keep the focus in the grid while the row that has it moves.
   * @param {Row} row
   */
  #keepFocus(row) {
    if (row.element.contains(document.activeElement)) this.element.focus({ preventScroll: true });
  }

  /** Draw in the next frame, however many reasons there are. */
  #soon() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      this.draw();
    });
  }

  /** Take over the size of the element. */
  #measure() {
    const { clientWidth: width } = this.element;
    const style = getComputedStyle(this.element);
    const height = Number.parseFloat(style.maxHeight);
    if (!width || (width === this.#width && height === this.#viewHeight)) return;
    const focused = this.#height.contains(document.activeElement);
    const top = this.#rowHeight ? (this.element.scrollTop / this.#rowHeight) * this.#columns : 0; // position at the top
    this.#width = width;
    this.#viewHeight = height;
    this.#columns = Math.max(2, Math.floor((width + GAP) / (this.#cardWidth + GAP)));
    const card = (width - GAP * (this.#columns - 1)) / this.#columns;
    const letter = Number.parseFloat(style.fontSize);
    const [tall, wide] = this.#naming.shape;
    this.#rowHeight = Math.round((card * tall) / wide + LINES * letter + GAP);
    const count = Math.ceil(height / this.#rowHeight) + 1 + 2 * BESIDE;
    this.element.style.setProperty("--columns", String(this.#columns));
    this.element.style.setProperty("--aspect", `${wide} / ${tall}`);
    this.element.setAttribute("aria-colcount", String(this.#columns));
    this.#rows = Array.from({ length: count }, () => this.#row());
    this.#first = 0;
    this.#height.replaceChildren(...this.#rows.map((row) => row.element));
    this.#resize();
    if (top) this.element.scrollTop = (top / this.#columns) * this.#rowHeight;
    this.draw();
    if (focused) this.go(this.#active); // its row was made again
  }

  /** @returns {Row} */
  #row() {
    const cells = Array.from({ length: this.#columns }, () => new Cell());
    const element = h(
      "div",
      { class: "gallery-row", role: "row", style: { height: `${this.#rowHeight - GAP}px` } },
      cells.map((cell) => cell.element),
    );
    return { cells, element, line: -1 };
  }

  #resize() {
    if (!this.#rowHeight) return;
    const lines = Math.ceil(this.#total / this.#columns);
    this.#height.style.height = `${Math.max(0, lines * this.#rowHeight - GAP)}px`;
    this.element.setAttribute("aria-rowcount", String(lines));
    this.draw();
  }

  /** @param {number} position */
  #cell(position) {
    return this.#rows[Math.floor(position / this.#columns) - this.#first]?.cells[position % this.#columns];
  }

  /** @param {FocusEvent} event */
  #focused(event) {
    for (const row of this.#rows) {
      const cell = row.cells.find((one) => one.link === event.target);
      if (cell && cell.position !== this.#active) {
        this.#active = cell.position;
        this.draw();
        this.#activated(this.#active);
      }
    }
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || !this.#total) return;
    const screen = Math.max(1, Math.floor(this.element.clientHeight / this.#rowHeight)) * this.#columns;
    /** @type {Record<string, number | undefined>} */
    const steps = {
      ArrowRight: 1,
      ArrowLeft: -1,
      ArrowDown: this.#columns,
      ArrowUp: -this.#columns,
      PageDown: screen,
      PageUp: -screen,
      Home: -this.#total,
      End: this.#total,
    };
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const to = this.#active + step;
    const beyond = to < 0 || to >= this.#total;
    if (beyond && (event.key === "ArrowUp" || event.key === "ArrowDown") && this.#sameRow(event.key)) return;
    this.go(to);
  }

  /** The position that Tab leads to. */
  get active() {
    return this.#active;
  }

  /** The length of the list. */
  get total() {
    return this.#total;
  }

  /** @param {boolean} marked */
  set marked(marked) {
    this.#marked = marked;
    this.draw();
  }

  /**
   * Make a position the active one, in view and, unless the reader is elsewhere, with the focus.
   * @param {number} to
   * @param {boolean} [focused]
   */
  go(to, focused = true) {
    if (!this.#total) return;
    this.#active = Math.max(0, Math.min(this.#total - 1, to));
    const above = Math.floor(this.#active / this.#columns) * this.#rowHeight;
    const { scrollTop } = this.element;
    const below = above + this.#rowHeight - this.element.clientHeight;
    if (above < scrollTop) this.element.scrollTop = above;
    else if (below > scrollTop) this.element.scrollTop = below;
    this.draw();
    const link = this.#cell(this.#active)?.link;
    if (focused) {
      link?.focus({ preventScroll: true });
      link?.scrollIntoView({ block: "nearest" }); // the grid itself may be out of view
    }
    this.#activated(this.#active);
  }

  /**
   * Whether there is no further row in this direction.
   * @param {string} key
   */
  #sameRow(key) {
    const line = Math.floor(this.#active / this.#columns);
    return key === "ArrowUp" ? line === 0 : line === Math.ceil(this.#total / this.#columns) - 1;
  }
}

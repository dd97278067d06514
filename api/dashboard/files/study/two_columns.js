// How many samples have which values of two columns: a heat map whose cells answer, and filter the list.

import { axes, Chart, d3 } from "../charts.js";
import { fill, h } from "../dom.js";
import { counted } from "../format.js";
import { get, path } from "../http.js";
import { choice } from "../parts/fields.js";
import { problem } from "../parts/problem.js";
import { bound, COLUMNS, shown } from "./columns.js";

/** @import { ColumnDensity, StudyMessage } from "../api.js" */
/** @import { Group, Size } from "../charts.js" */
/** @import { Page } from "../types.js" */
/** @import { Choices } from "./choices.js" */

const HEIGHT = 380;
const STEPS = 5; // of colour, from style/charts.css: d1 palest, d5 strongest
const AIM = "Point at a cell to read it, click to list its samples; by keyboard, arrow keys and Enter.";

/** @typedef {{ column: number, row: number, count: number }} Cell */

/** A section that asks for its numbers once it is opened. */
export class TwoColumns {
  element;
  /** @type {Cell | null} */
  #at = null;
  /** @type {Cell[]} */
  #cells = [];
  #chart;
  #choices;
  /** @type {ColumnDensity | null} */
  #found = null;
  #move = () => {};
  #page;
  #place = h("div", { class: "two-columns" });
  #readout = h("output", { class: "number small readout" }, AIM);
  #study;
  #x;
  #y;

  /**
   * @param {Page} page
   * @param {StudyMessage} study
   * @param {Choices} choices
   * @param {() => void} chosen called once a cell has been chosen
   */
  constructor(page, study, choices, chosen) {
    this.#page = page;
    this.#study = study;
    this.#choices = choices;
    this.chosen = chosen;
    this.#chart = new Chart(this.#place, {
      height: HEIGHT,
      margin: { left: 58, bottom: 40 },
      role: "group",
      signal: page.signal,
    });
    /** @type {[string, string][]} */
    const options = Object.entries(COLUMNS).flatMap(([name, { text, counted: one }]) => (one ? [[name, text]] : []));
    this.#x = choice(options, page.query.get("x") ?? "p_out");
    this.#y = choice(options, page.query.get("y") ?? "p_in");
    for (const [name, select] of /** @type {const} */ ([
      ["x", this.#x],
      ["y", this.#y],
    ])) {
      select.addEventListener("change", () => {
        page.keep({ [name]: select.value });
        this.refresh();
      });
    }
    this.#place.tabIndex = 0;
    this.#place.setAttribute("role", "application");
    this.#place.setAttribute("aria-label", "Cells of two columns: arrow keys move, Enter lists the samples");
    this.#place.addEventListener("keydown", (event) => this.#key(event));
    const open = page.query.has("x") || page.query.has("y");
    this.element = h(
      "details",
      { "data-part": "two-columns", open },
      h("summary", {}, "Two columns at once"),
      h("div", { class: "filters" }, h("label", {}, "From left to right", this.#x), h("label", {}, "Upwards", this.#y)),
      this.#place,
      this.#readout,
    );
    this.element.addEventListener("toggle", () => this.element.open && !this.#found && this.refresh());
    choices.listeners.push((changed) => {
      if (changed.includes("label") && this.#found) this.refresh();
    });
    if (open) this.refresh();
  }

  /** Ask for the counts, and draw them. @returns {Promise<void>} */
  async refresh() {
    const { signal } = this.#page;
    const query = { x: this.#x.value, y: this.#y.value, label: this.#choices.label };
    try {
      /** @type {ColumnDensity} */
      const found = await get(path`/v1/studies/${this.#study.name}/density`, query, { signal });
      if (found.x !== this.#x.value || found.y !== this.#y.value) return;
      this.#found = found;
      this.#at = null;
      this.#cells = found.counts.flatMap((line, column) =>
        line.flatMap((count, row) => (count ? [{ column, row, count }] : [])),
      );
      if (!this.#cells.length) fill(this.#place, h("p", { class: "soft" }, "No sample has values of both columns."));
      else this.#chart.show(this.#words(), (group, size) => this.#draw(group, size));
      this.#readout.textContent = AIM + this.#undefined();
    } catch (error) {
      if (!signal.aborted) fill(this.#place, problem(error, { retry: () => this.refresh(), compact: true }));
    }
  }

  #undefined() {
    const missing = this.#found?.undefined ?? 0;
    return missing ? ` ${counted(missing, "sample")} without both values.` : "";
  }

  #words() {
    const most = this.#cells.reduce((best, one) => (one.count > best.count ? one : best));
    return `Samples by ${this.#x.value} and ${this.#y.value}; most, ${this.#described(most)}`;
  }

  /** @param {Cell} cell */
  #described({ column, row, count }) {
    const { x, y, x_edges: across, y_edges: up } = /** @type {ColumnDensity} */ (this.#found);
    const range = (/** @type {string} */ name, /** @type {number[]} */ edges, /** @type {number} */ at) =>
      `${name} ${shown(edges[at])} to ${shown(edges[at + 1])}`;
    return `${range(x, across, column)}, ${range(y, up, row)}: ${counted(count, "sample")}`;
  }

  /**
   * @param {Group} group
   * @param {Size} size
   */
  #draw(group, { width, height }) {
    const { x_edges: across, y_edges: up, x: left, y: bottom } = /** @type {ColumnDensity} */ (this.#found);
    const x = d3.scaleLinear(
      span(
        across,
        this.#cells.map(({ column }) => column),
      ),
      [0, width],
    );
    const y = d3.scaleLinear(
      span(
        up,
        this.#cells.map(({ row }) => row),
      ),
      [height, 0],
    );
    axes(group, { x, y, width, height, xTitle: left, yTitle: bottom, yTitleAt: 44 });
    const most = Math.max(...this.#cells.map((one) => one.count));
    const step = (/** @type {number} */ count) =>
      1 + Math.min(STEPS - 1, Math.floor((STEPS * Math.log(count)) / Math.log(most + 1)));
    for (const cell of this.#cells) {
      const mark = group.append("rect").attr("class", `d${step(cell.count)}`);
      mark
        .attr("x", x(across[cell.column]))
        .attr("width", Math.max(1, x(across[cell.column + 1]) - x(across[cell.column])));
      mark.attr("y", y(up[cell.row + 1])).attr("height", Math.max(1, y(up[cell.row]) - y(up[cell.row + 1])));
    }
    const cursor = group.append("rect").attr("class", "cell-cursor");
    this.#move = () => {
      const at = this.#at;
      cursor.attr("visibility", at ? "visible" : "hidden");
      if (!at) return;
      cursor.attr("x", x(across[at.column])).attr("width", x(across[at.column + 1]) - x(across[at.column]));
      cursor.attr("y", y(up[at.row + 1])).attr("height", y(up[at.row]) - y(up[at.row + 1]));
    };
    this.#move();
    const cover = group.append("rect").attr("class", "cover").attr("width", width).attr("height", height);
    /** @param {PointerEvent} event */
    const cellAt = (event) => {
      const [px, py] = d3.pointer(event);
      const column = d3.bisectRight(across, x.invert(px)) - 1;
      const row = d3.bisectRight(up, y.invert(py)) - 1;
      return this.#cells.find((one) => one.column === column && one.row === row) ?? null;
    };
    cover.on("pointermove pointerdown", (event) => this.#read(cellAt(event)));
    cover.on("click", (event) => this.#choose(cellAt(event)));
  }

  /** @param {Cell | null} cell */
  #read(cell) {
    this.#at = cell;
    this.#move();
    this.#readout.textContent = cell ? this.#described(cell) : AIM + this.#undefined();
  }

  /** @param {Cell | null} cell */
  #choose(cell) {
    if (!cell || !this.#found) return;
    const { x, y, x_edges: across, y_edges: up } = this.#found;
    this.#choices.bound({ [x]: ends(across, cell.column), [y]: ends(up, cell.row) });
    this.chosen();
  }

  /**
   * Arrow keys move to the nearest cell that way, Enter chooses.
   * @param {KeyboardEvent} event
   */
  #key(event) {
    /** @type {Record<string, [number, number]>} */
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const way = ways[event.key];
    if (event.key === "Enter" && this.#at) this.#choose(this.#at);
    if (!way || !this.#cells.length) return;
    event.preventDefault();
    const at = this.#at;
    if (!at) {
      this.#read(this.#cells.reduce((best, one) => (one.count > best.count ? one : best)));
      return;
    }
    const [right, upwards] = way;
    const ahead = this.#cells.filter((one) => (one.column - at.column) * right + (one.row - at.row) * upwards > 0);
    const far = (/** @type {Cell} */ one) => {
      const along = Math.abs(right ? one.column - at.column : one.row - at.row);
      const aside = Math.abs(right ? one.row - at.row : one.column - at.column);
      return along + 3 * aside;
    };
    if (ahead.length) this.#read(ahead.reduce((best, one) => (far(one) < far(best) ? one : best)));
  }
}

/**
 * The ends of the bins that have samples.
 * @param {number[]} edges
 * @param {number[]} filled
 */
const span = (edges, filled) => [edges[Math.min(...filled)], edges[Math.max(...filled) + 1]];

/**
 * The bounds of a bin; a value at its upper edge belongs to the next one.
 * @param {number[]} edges
 * @param {number} at
 * @returns {[string, string]}
 */
function ends(edges, at) {
  const last = at === edges.length - 2;
  return [bound(edges[at]), bound(last ? edges[at + 1] : edges[at + 1] - 2e-6)];
}

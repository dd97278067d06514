// What the charts share: D3, a frame that follows the width of its place, axes, and colours by meaning.

import "./vendor/d3.js"; // a script, which leaves `d3` in the global scope

/** @import { AxisScale, Selection } from "d3" */

export const d3 = /** @type {typeof import("d3")} */ (Reflect.get(globalThis, "d3"));

export const TYPICAL = 0.02; // mem below it: typical, as Xu et al. (2021) set it
export const ATYPICAL = 0.15; // mem above it: atypical

/** @typedef {"typical" | "between" | "atypical"} Kind */
/** @typedef {Selection<SVGGElement, any, null, undefined>} Group */
/** @typedef {{ width: number, height: number }} Size */
/** @typedef {(group: Group, size: Size) => void} Draw */

/** @type {Kind[]} */
export const KINDS = ["typical", "between", "atypical"];

/**
 * A small drawing within a row of a table, for which its label stands.
 * @param {number} width
 * @param {number} height
 * @param {string} label
 */
export const spark = (width, height, label) =>
  d3
    .create("svg")
    .attr("class", "chart spark")
    .attr("role", "img")
    .attr("aria-label", label)
    .attr("width", width)
    .attr("height", height);

/**
 * The kind of a value of mem, which is also the class that colours its marks (style/charts.css).
 * @param {number} mem
 */
export const kind = (mem, low = TYPICAL, high = ATYPICAL) =>
  mem < low ? "typical" : mem > high ? "atypical" : "between";

/**
 * A chart in a place, drawn again whenever the width of the place changes. Make one chart for each place, and call
 * `show` again for other data: a chart observes its place until the view is left.
 */
export class Chart {
  /** In pixels, margins included. @type {number} */
  height;
  #place;
  #edge;
  #svg;
  #width = 0;
  /** @type {Draw} */
  #draw = () => {};

  /**
   * `role` is "group" where marks in the chart are controls.
   * @param {HTMLElement} place
   * @param {{
   *   height: number,
   *   margin?: { top?: number, right?: number, bottom?: number, left?: number },
   *   role?: "img" | "group",
   *   signal: AbortSignal,
   * }} options
   */
  constructor(place, { height, margin = {}, role = "img", signal }) {
    this.height = height;
    this.#place = place;
    this.#edge = { top: 8, right: 12, bottom: 36, left: 48, ...margin };
    this.#svg = d3.create("svg").attr("class", "chart").attr("role", role);
    const observer = new ResizeObserver(() => {
      if (place.clientWidth !== this.#width) this.#redraw();
    });
    observer.observe(place);
    signal.addEventListener("abort", () => observer.disconnect());
  }

  /**
   * Draw it, now and at each later width. `draw` gets a group inside the margins; screen readers hear `label` instead.
   * @param {string} label
   * @param {Draw} draw
   */
  show(label, draw) {
    const svg = this.#svg.attr("aria-label", label).node();
    if (svg && svg.parentNode !== this.#place) this.#place.replaceChildren(svg);
    this.#draw = draw;
    this.#redraw();
  }

  #redraw() {
    const width = this.#place.clientWidth;
    if (!width) return;
    this.#width = width;
    const { height } = this;
    const { top, right, bottom, left } = this.#edge;
    this.#svg.attr("width", width).attr("height", height).attr("viewBox", `0 0 ${width} ${height}`);
    this.#svg.selectAll("*").remove();
    const group = this.#svg.append("g").attr("transform", `translate(${left},${top})`);
    this.#draw(group, { width: Math.max(40, width - left - right), height: height - top - bottom });
  }
}

/**
 * Axes at the foot and on the left of a chart, with their titles.
 * @param {Group} group
 * @param {Size & {
 *   x: AxisScale<number>,
 *   y: AxisScale<number>,
 *   xTitle: string,
 *   yTitle: string,
 *   xTicks?: number,
 *   yTicks?: number,
 *   yFormat?: (value: number) => string,
 *   yValues?: number[],
 *   yTitleAt?: number,
 * }} options
 */
export function axes(
  group,
  { x, y, width, height, xTitle, yTitle, xTicks = 8, yTicks = 5, yFormat, yValues, yTitleAt = 36 },
) {
  const room = Math.max(2, Math.min(xTicks, Math.floor(width / 50)));
  const bottom = d3.axisBottom(x).ticks(room).tickSizeOuter(0);
  const left = d3.axisLeft(y).ticks(yTicks).tickSizeOuter(0);
  if (yFormat) left.tickFormat((value) => yFormat(value));
  if (yValues) left.tickValues(yValues);
  group.append("g").attr("class", "axis").attr("transform", `translate(0,${height})`).call(bottom);
  group.append("g").attr("class", "axis").call(left);
  const title = () => group.append("text").attr("class", "axis-title").attr("text-anchor", "middle");
  title()
    .attr("x", width / 2)
    .attr("y", height + 32)
    .text(xTitle);
  title()
    .attr("transform", "rotate(-90)")
    .attr("x", -height / 2)
    .attr("y", -yTitleAt)
    .text(yTitle);
}

/**
 * A dashed line across a chart at each threshold of mem.
 * @param {Group} group
 * @param {(mem: number) => number} x
 * @param {number} height
 * @param {number[]} thresholds
 */
export function drawThresholds(group, x, height, thresholds, top = 0) {
  for (const threshold of thresholds) {
    const line = group.append("line").attr("class", "threshold").attr("x1", x(threshold)).attr("x2", x(threshold));
    line.attr("y1", top).attr("y2", height);
  }
}

/**
 * Counts from 0 on a scale that is logarithmic in count + 1, so that rare values can be seen, or linear, and its ticks.
 * @param {number} most
 * @param {number} height
 */
export function countScale(most, height, linear = false) {
  if (linear) {
    const scale = d3
      .scaleLinear()
      .domain([0, 1.08 * Math.max(1, most)])
      .range([height, 0]);
    return { scale, ticks: scale.ticks(5).filter(Number.isInteger) };
  }
  const end = 1.15 * (Math.max(10, most) + 1) - 1;
  const scale = d3.scaleSymlog().domain([0, end]).range([height, 0]);
  const ticks = [0, 10, 100, 1000, 10_000, 100_000, 1_000_000].filter((tick) => tick <= most * 1.05);
  return { scale, ticks: ticks.length > 2 ? ticks : [0, Math.round(most / 2), most] };
}

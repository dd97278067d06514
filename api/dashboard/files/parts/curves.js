// Shares over epochs or trials as lines, and their values at one of them, which mouse, touch or keyboard choose.

import { axes, Chart, d3 } from "../charts.js";
import { fill, h } from "../dom.js";
import { known } from "../format.js";
import { points } from "../runs/words.js";

/** @import { Group, Size } from "../charts.js" */

const HEIGHT = 300;

/**
 * A value after a number of epochs or trials as a share, with its 95 % interval if there is one.
 * @typedef {{ at: number, value: number | null, low?: number | null, high?: number | null }} Point
 */

/**
 * What the curves go along: the title of the axis, and how a place on it is named.
 * @typedef {{ title: string, label: string, after: (at: number) => string }} Along
 */

/** @type {Along} */
const EPOCHS = { title: "epoch", label: "Epoch", after: (at) => `After epoch ${at}` };

/**
 * A line: `colour` is one of c1 to c8 (style/charts.css), or the name of a group of samples; `thin` is one of several
 * that belong together.
 * @typedef {{ name: string, colour: string, dashed?: boolean, thin?: boolean, points: Point[] }} Series
 */

/** A chart with its legend and the values at one place along it. */
export class Curves {
  element;
  #chart;
  #legend = h("ul", { class: "legend" });
  #readout = h("output", { class: "readout number small" });
  #slider = h("input", { type: "range", step: "1" });
  #along;
  /** @type {Series[]} */
  #series = [];
  /** @type {((at: number) => void) | null} */
  #move = null;

  /**
   * @param {AbortSignal} signal
   * @param {string} title what the values are, such as "accuracy in per cent"
   * @param {Along} along
   */
  constructor(signal, title, along = EPOCHS) {
    this.title = title;
    this.#along = along;
    const place = h("div", { class: "curves" });
    this.#slider.addEventListener("input", () => this.#choose(Number(this.#slider.value)));
    this.element = h(
      "figure",
      { class: "curve-figure" },
      this.#legend,
      place,
      h("label", { class: "small" }, along.label, this.#slider),
      this.#readout,
    );
    this.#chart = new Chart(place, { height: HEIGHT, margin: { top: 10, left: 56 }, signal });
  }

  /** @param {Series[]} series */
  show(series) {
    this.#series = series.filter((one) => one.points.some(({ value }) => known(value)));
    const places = this.#places();
    this.element.hidden = !places.length;
    if (!places.length) return;
    this.#slider.min = String(places[0]);
    this.#slider.max = String(places[places.length - 1]);
    this.#slider.value = this.#slider.max;
    const named = this.#series.filter((one, place, all) => all.findIndex(({ name }) => name === one.name) === place);
    fill(
      this.#legend,
      named.map((one) => h("li", {}, h("i", { class: `${one.colour}${one.dashed ? " dashed" : ""}` }), one.name)),
    );
    const ends = this.#series.map((one) => `${one.name} ${points(one.points.at(-1)?.value)}`);
    this.#chart.show(`${this.title} by ${this.#along.title}, at the end: ${ends.join(", ")}`, (group, size) =>
      this.#draw(group, size),
    );
    this.#choose(places[places.length - 1]);
  }

  #places() {
    const all = new Set(this.#series.flatMap((one) => one.points.map(({ at }) => at)));
    return [...all].sort((a, b) => a - b);
  }

  /** @param {number} wanted */
  #choose(wanted) {
    const at = this.#places().reduce((best, one) => (Math.abs(one - wanted) < Math.abs(best - wanted) ? one : best));
    this.#slider.value = String(at);
    this.#slider.setAttribute("aria-valuetext", this.#along.after(at));
    /** @type {Map<string, string[]>} */
    const texts = new Map();
    for (const one of this.#series) {
      const point = one.points.find((each) => each.at === at);
      if (!point || !known(point.value)) continue;
      const interval = known(point.low) && known(point.high) ? ` (${points(point.low)} to ${points(point.high)})` : "";
      texts.set(one.name, [...(texts.get(one.name) ?? []), points(point.value) + interval]);
    }
    const values = [...texts].map(([name, each]) => `${name} ${each.join(" / ")}`);
    this.#readout.textContent = `${this.#along.after(at)}: ${values.join("; ") || "nothing was measured"}`;
    this.#move?.(at);
  }

  /**
   * @param {Group} group
   * @param {Size} size
   */
  #draw(group, { width, height }) {
    const every = this.#series.flatMap((one) => one.points);
    const values = every.flatMap(({ value, low, high }) => [value, low, high]).filter(known);
    const places = this.#places();
    const ends = [Math.min(...values), Math.max(...values)];
    const x = d3.scaleLinear().domain([places[0], Math.max(places[places.length - 1], places[0] + 1)]);
    const y = d3.scaleLinear().domain([100 * ends[0], Math.max(100 * ends[1], 100 * ends[0] + 1)]);
    x.range([0, width]);
    y.range([height, 0]).nice();
    const xTicks = Math.min(10, places[places.length - 1] - places[0]); // at most one for each place
    axes(group, { x, y, width, height, xTitle: this.#along.title, yTitle: this.title, yTitleAt: 42, xTicks });
    for (const one of this.#series) this.#line(group, one, x, y);
    const rule = group.append("line").attr("class", "threshold").attr("y1", 0).attr("y2", height);
    this.#move = (at) => rule.attr("x1", x(at)).attr("x2", x(at));
    this.#move(Number(this.#slider.value));
    const cover = group.append("rect").attr("class", "cover").attr("width", width).attr("height", height);
    cover.on("pointermove pointerdown", (event) => this.#choose(Math.round(x.invert(d3.pointer(event)[0]))));
  }

  /**
   * @param {Group} group
   * @param {Series} one
   * @param {(at: number) => number} x
   * @param {(value: number) => number} y
   */
  #line(group, { colour, dashed, thin, points: all }, x, y) {
    const drawn = all.filter(({ value }) => known(value));
    const banded = drawn.filter(({ low, high }) => known(low) && known(high));
    if (banded.length > 1) {
      const area = d3.area(
        (/** @type {Point} */ { at }) => x(at),
        ({ low }) => y(100 * (low ?? 0)),
        ({ high }) => y(100 * (high ?? 0)),
      );
      group.append("path").attr("class", `band ${colour}`).attr("d", area(banded));
    }
    const line = d3.line(
      (/** @type {Point} */ { at }) => x(at),
      ({ value }) => y(100 * (value ?? 0)),
    );
    const look = `curve ${colour}${dashed ? " dashed" : ""}${thin ? " thin" : ""}`;
    group.append("path").attr("class", look).attr("d", line(drawn));
    if (drawn.length === 1) {
      const dot = group.append("circle").attr("class", `spot ${colour}`).attr("r", 3);
      dot.attr("cx", x(drawn[0].at)).attr("cy", y(100 * (drawn[0].value ?? 0)));
    }
  }
}

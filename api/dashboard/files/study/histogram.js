// The histogram of mem, whose brush chooses the range that the gallery shows.

import { ATYPICAL, axes, Chart, countScale, d3, drawThresholds, TYPICAL } from "../charts.js";
import { debounce, fill, h } from "../dom.js";
import { className, counted, fixed, whole } from "../format.js";
import { get, path } from "../http.js";
import { choice } from "../parts/fields.js";
import { problem } from "../parts/problem.js";
import { barsOf, drawBars, plan } from "./bars.js";

/** @import { BrushBehavior, D3BrushEvent, ScaleLinear, Selection } from "d3" */
/** @import { Histogram as HistogramMessage, StudyMessage } from "../api.js" */
/** @import { Group, Size } from "../charts.js" */
/** @import { Page, WithClasses } from "../types.js" */
/** @import { Bar } from "./bars.js" */
/** @import { Choices, Range } from "./choices.js" */

const HEIGHT = 230;
const AIM = "Point at a bar to read it, click to list its samples, drag to list a range.";
const STILL = 3; // pixels that a pointer may move in a click
const CALM_MILLISECONDS = 120; // of a brush on the move

/** @typedef {"mem_min" | "mem_max"} Bound */

/** @param {number} value */
const inRange = (value) => Math.max(-1, Math.min(1, value));

/** @param {number} value */
const text = (value) => String(Number(inRange(value).toFixed(3)));

/**
 * Draws into `place` (height kept from the start); `refresh()` asks the service again. `answers` says what lies where a
 * reader points, and has the choice of a scale.
 */
export class Histogram {
  answers;
  /** @type {Bar[]} */
  #bars = [];
  #bins;
  #chart;
  #choices;
  #choose;
  #dataset;
  #page;
  #place;
  #study;
  /** @type {Drawn | null} */
  #drawn = null;
  #dragged = false;
  #linear;
  #moving = false;
  #pressed = 0; // where the pointer went down
  #readout = h("output", { class: "number small" }, AIM);

  /**
   * @param {Page} page
   * @param {HTMLElement} place
   * @param {StudyMessage} study
   * @param {WithClasses} dataset
   * @param {Choices} choices
   */
  constructor(page, place, study, dataset, choices) {
    this.#page = page;
    this.#place = place;
    this.#study = study;
    this.#dataset = dataset;
    this.#choices = choices;
    this.#bins = plan(study);
    const margin = { top: 22, left: 66 };
    // the handles of the brush are controls, so the chart is a group with a name rather than one image
    this.#chart = new Chart(place, { height: HEIGHT, margin, role: "group", signal: page.signal });
    this.#linear = page.query.get("scale") === "linear";
    this.answers = h("div", { class: "filters" }, this.#scale(), this.#readout);
    /** @param {Partial<Record<Bound, string | null>>} changes */
    const change = (changes) => choices.change(changes);
    this.#choose = debounce(CALM_MILLISECONDS, change, page.signal);
    choices.listeners.push((changed) => {
      if (changed.includes("label")) this.refresh();
      else this.#showRange();
    });
  }

  /** Whether the bars are as high as their counts, or logarithmic: kept in the address. */
  #scale() {
    const select = choice(
      [
        ["", "logarithmic"],
        ["linear", "linear"],
      ],
      this.#linear ? "linear" : "",
    );
    select.addEventListener("change", () => {
      this.#linear = select.value === "linear";
      this.#page.keep({ scale: select.value });
      if (this.#bars.length) this.#chart.show(this.#words(), (group, size) => this.#draw(group, size));
    });
    return h("label", {}, "Scale", select);
  }

  /** Ask for the counts, and draw them. */
  async refresh() {
    const { label } = this.#choices;
    const { signal } = this.#page;
    try {
      const query = { bins: this.#bins.bins, label };
      /** @type {HistogramMessage} */
      const found = await get(path`/v1/studies/${this.#study.name}/histogram`, query, { signal });
      if (label !== this.#choices.label) return;
      this.#bars = barsOf(found, this.#bins);
      if (!this.#bars.length) fill(this.#place, h("p", { class: "soft" }, "No sample of this class has a mem value."));
      else this.#chart.show(this.#words(), (group, size) => this.#draw(group, size));
    } catch (error) {
      if (!signal.aborted) fill(this.#place, problem(error, { retry: () => this.refresh(), compact: true }));
    }
  }

  #words() {
    const { label } = this.#choices;
    const of = label === null ? "" : ` of class ${className(this.#dataset, label)}`;
    /** @param {"count" | "typical" | "atypical"} name */
    const sum = (name) => whole(d3.sum(this.#bars, (bar) => bar[name]));
    const edges = this.#edges();
    const range = `${fixed(edges[0])} to ${fixed(inRange(edges[edges.length - 1]))}`;
    const sets = `about ${sum("typical")} below ${TYPICAL} and ${sum("atypical")} above ${ATYPICAL}`;
    return `Histogram of mem${of}: ${sum("count")} training samples from ${range}, ${sets}`;
  }

  /**
   * @param {Group} group
   * @param {Size} size
   */
  #draw(group, { width, height }) {
    const edges = this.#edges();
    const ends = [Math.min(-0.06, edges[0]), Math.max(1.02, edges[edges.length - 1])];
    const x = d3.scaleLinear().domain(ends).range([0, width]);
    const { scale: y, ticks } = countScale(d3.max(this.#bars, (bar) => bar.count) ?? 0, height, this.#linear);
    const yTitle = this.#linear ? "samples" : "samples (log scale)";
    const titles = { xTitle: "memorization value mem", yTitle, yTitleAt: 52 };
    axes(group, { x, y, width, height, ...titles, yValues: ticks, yFormat: whole, xTicks: 11 });
    const marks = drawBars(group, this.#bars, x, y);
    drawThresholds(group, x, height, [TYPICAL, ATYPICAL], -12);
    const value = () => group.append("text").attr("class", "threshold-value").attr("y", -4);
    value()
      .attr("x", x(TYPICAL) - 5)
      .attr("text-anchor", "end")
      .text(TYPICAL);
    value()
      .attr("x", x(ATYPICAL) + 5)
      .attr("text-anchor", "start")
      .text(ATYPICAL);
    this.#drawn = { x, marks, ...this.#brush(group, x, width, height) };
    this.#showRange();
  }

  /**
   * @param {Group} group
   * @param {ScaleLinear<number, number>} x
   * @param {number} width
   * @param {number} height
   */
  #brush(group, x, width, height) {
    /** @type {BrushBehavior<unknown>} */
    const brush = d3.brushX();
    brush
      .extent([
        [0, 0],
        [width, height],
      ])
      .on("start brush end", (event) => this.#brushed(event, x));
    const brushed = group.append("g").attr("class", "brush").call(brush);
    brushed.selectAll(".overlay, .handle, .selection").attr("aria-hidden", "true");
    brushed.on("pointermove.answer pointerdown.answer", (event) => {
      this.#answer(x.invert(d3.pointer(event, brushed.node())[0]));
    });
    brushed.on("pointerleave.answer", ({ pointerType }) => pointerType === "mouse" && this.#answer(null));
    /**
     * @param {Bound} name
     * @param {string} label
     */
    const grip = (name, label) =>
      group
        .append("path")
        .attr("class", "grip")
        .attr("d", `M-4,${height / 2 - 14}h8v28h-8z`)
        .attr("tabindex", 0)
        .attr("role", "slider")
        .attr("aria-label", label)
        .attr("aria-valuemin", -1)
        .attr("aria-valuemax", 1)
        .on("keydown", (event) => this.#key(event, name));
    return { brush, brushed, grips: [grip("mem_min", "Smallest mem"), grip("mem_max", "Largest mem")] };
  }

  /** @param {number} value */
  #barAt(value) {
    return this.#bars.find((one) => one.from <= value && value < one.to);
  }

  /**
   * Say what lies at a value of mem.
   * @param {number | null} value
   */
  #answer(value) {
    const bar = value === null ? undefined : this.#barAt(value);
    this.#readout.textContent = bar ? described(bar) : AIM;
  }

  /**
   * A reader moved the brush: its ends go to those of bars, so that no bar is shown in part.
   * @param {D3BrushEvent<unknown>} event
   * @param {ScaleLinear<number, number>} x
   */
  #brushed({ selection, sourceEvent, type }, x) {
    if (!sourceEvent || this.#moving) return;
    this.#dragged = type !== "end";
    const pointed = sourceEvent.changedTouches?.[0] ?? sourceEvent;
    const [place] = d3.pointer(pointed, this.#drawn?.brushed.node());
    if (type === "start") this.#pressed = place;
    if (type === "start") return;
    if (type === "end" && Math.abs(place - this.#pressed) < STILL) {
      this.#click(x.invert(place));
      return;
    }
    if (!selection) return;
    const [from, to] = selection.map((place) => this.#nearest(x.invert(Number(place))));
    if (from < to) this.#choose({ mem_min: text(from), mem_max: text(to) });
    if (type === "end") this.#move(from < to ? [from, to] : this.#choices.memRange);
  }

  /**
   * A click chooses the bar that it hits; on the one that is chosen, or beside all, it ends the choice.
   * @param {number} value
   */
  #click(value) {
    const bar = this.#barAt(value);
    const [from, to] = this.#choices.memRange;
    const again = bar && text(bar.from) === String(from) && text(bar.to) === String(to);
    const none = { mem_min: null, mem_max: null };
    const chosen = bar?.count && !again ? [bar.from, bar.to] : null;
    this.#choose(chosen ? { mem_min: text(chosen[0]), mem_max: text(chosen[1]) } : none);
    this.#move(/** @type {Range} */ (chosen ?? [null, null]));
  }

  #edges() {
    return [...this.#bars.map((bar) => bar.from), this.#bars[this.#bars.length - 1].to];
  }

  /** @param {number} value */
  #nearest(value) {
    const edges = this.#edges();
    return edges.reduce((best, edge) => (Math.abs(edge - value) < Math.abs(best - value) ? edge : best), edges[0]);
  }

  /**
   * Arrow keys on a handle go from bar to bar.
   * @param {KeyboardEvent} event
   * @param {Bound} name
   */
  #key(event, name) {
    const edges = this.#edges();
    const [from, to] = this.#shown();
    const now = name === "mem_min" ? from : to;
    const up = edges.find((edge) => edge > now + 1e-3);
    const down = edges.findLast((edge) => edge < now - 1e-3);
    /** @type {Record<string, number | undefined>} */
    const goals = { ArrowRight: up, ArrowUp: up, ArrowLeft: down, ArrowDown: down, Home: edges[0], End: edges.at(-1) };
    const goal = goals[event.key];
    if (goal === undefined) return;
    event.preventDefault();
    if (name === "mem_min" ? goal >= to : goal <= from) return;
    this.#choices.change({ [name]: text(goal) });
    this.#answer(name === "mem_min" ? goal : goal - 1e-6);
  }

  /** The range that is shown, with the chart's ends where there is no bound. */
  #shown() {
    const [from, to] = this.#choices.memRange;
    const [low, high] = this.#drawn?.x.domain() ?? [-1, 1];
    return [from ?? low, to ?? high];
  }

  /** Let the brush, its handles and the bars show the choice. */
  #showRange() {
    const drawn = this.#drawn;
    if (!drawn || !this.#place.contains(drawn.brushed.node())) return;
    const { memRange: range } = this.#choices;
    const some = range[0] !== null || range[1] !== null;
    const [from, to] = this.#shown();
    /** @type {Selection<SVGRectElement, Bar, SVGGElement, unknown>} */
    const marks = drawn.marks.selectAll("rect");
    marks.classed("faint", (bar) => some && ((bar.from + bar.to) / 2 < from || (bar.from + bar.to) / 2 > to));
    const { x } = drawn;
    const [low, high] = x.domain();
    [from, to].forEach((value, side) => {
      drawn.grips[side]
        .attr("transform", `translate(${x(Math.max(low, Math.min(high, value)))},0)`)
        .attr("aria-valuenow", fixed(inRange(value), 3))
        .classed("open", range[side] === null);
    });
    if (!this.#dragged) this.#move(range); // while it is dragged it follows the pointer
  }

  /**
   * Move the brush without calling listeners.
   * @param {Range} range
   */
  #move(range) {
    if (!this.#drawn) return;
    const { brush, brushed, x } = this.#drawn;
    const some = range[0] !== null || range[1] !== null;
    const [low, high] = x.domain();
    const [from, to] = [range[0] ?? low, range[1] ?? high].map((value) => x(Math.max(low, Math.min(high, value))));
    this.#moving = true;
    brush.move(brushed, some && from < to ? [from, to] : null);
    this.#moving = false;
  }
}

/** @param {Bar} bar */
function described({ from, to, count, typical, between, atypical }) {
  const kinds = { typical, "in between": between, atypical };
  const parts = Object.entries(kinds).filter(([, each]) => each);
  const of = parts.length > 1 ? ` (${parts.map(([name, each]) => `${whole(each)} ${name}`).join(", ")})` : "";
  return `mem ${fixed(inRange(from), 3)} to ${fixed(inRange(to), 3)}: ${counted(count, "sample")}${of}`;
}

/**
 * What the last drawing left for the choice to move.
 * @typedef {{
 *   x: ScaleLinear<number, number>,
 *   marks: Group,
 *   brush: BrushBehavior<unknown>,
 *   brushed: Group,
 *   grips: Selection<SVGPathElement, unknown, null, undefined>[],
 * }} Drawn
 */

// The histogram of mem, whose brush chooses the range that the gallery shows.

import { ATYPICAL, axes, chart, countScale, d3, TYPICAL } from "../charts.js";
import { calm, fill, h } from "../dom.js";
import { className, fixed, whole } from "../format.js";
import { get, path } from "../http.js";
import { problem } from "../parts/problem.js";
import { barsOf, plan } from "./bars.js";

const HEIGHT = 230;
const CALM_MILLISECONDS = 120; // of a brush on the move
const KINDS = ["typical", "between", "atypical"];
const inRange = (value) => Math.max(-1, Math.min(1, value));

/** Draws into `place` (height kept from the start); `refresh()` asks anew. */
export class Histogram {
  constructor(page, place, study, dataset, choices) {
    Object.assign(this, { page, place, study, dataset, choices });
    this.bins = plan(heldOut(study));
    this.choose = calm(CALM_MILLISECONDS, (changes) => choices.change(changes), page.signal);
    choices.listeners.push((changed) => {
      if (changed.includes("label")) this.refresh();
      else this.#showRange();
    });
  }

  /** Ask for the counts, and draw them. */
  async refresh() {
    const { label } = this.choices;
    try {
      const found = await get(
        path`/v1/studies/${this.study.name}/histogram`,
        { bins: this.bins.bins, label },
        { signal: this.page.signal },
      );
      if (label !== this.choices.label) return;
      this.bars = barsOf(found, this.bins);
      this.undefined = found.undefined;
      if (!this.bars.length) fill(this.place, h("p", { class: "soft" }, "No sample of it has a value of mem."));
      else this.#begin();
    } catch (error) {
      if (!this.page.signal.aborted) fill(this.place, problem(error, { retry: () => this.refresh(), compact: true }));
    }
  }

  #begin() {
    const label = this.#words();
    if (this.redraw && this.place.querySelector("svg")) {
      this.redraw();
    } else {
      fill(this.place);
      this.redraw = chart(this.place, {
        height: HEIGHT,
        margin: { top: 22, left: 66 },
        label,
        draw: (group, size) => this.#draw(group, size),
        signal: this.page.signal,
      });
    }
    // the handles of the brush are controls, so the chart is a group with a name rather than one image
    d3.select(this.place).select("svg").attr("role", "group").attr("aria-label", label);
  }

  #words() {
    const of = this.choices.label === null ? "" : ` of class ${className(this.dataset, this.choices.label)}`;
    const sum = (name) => whole(d3.sum(this.bars, (bar) => bar[name]));
    return `Histogram of mem${of}: ${sum("count")} training samples from ${fixed(this.bars[0].from)} to ${fixed(inRange(this.bars[this.bars.length - 1].to))}, about ${sum("typical")} below ${TYPICAL} and ${sum("atypical")} above ${ATYPICAL}`;
  }

  #draw(group, { width, height }) {
    const { bars } = this;
    const ends = [Math.min(-0.06, bars[0].from), Math.max(1.02, bars[bars.length - 1].to)];
    const x = d3.scaleLinear().domain(ends).range([0, width]);
    const { scale: y, ticks } = countScale(
      d3.max(bars, (bar) => bar.count),
      height,
    );
    axes(group, {
      x,
      y,
      width,
      height,
      xTitle: "memorization value mem",
      yTitle: "samples (log scale)",
      yValues: ticks,
      yFormat: whole,
      xTicks: 11,
      yTitleAt: 52,
    });
    const marks = group.append("g");
    for (const bar of bars) {
      let below = 0;
      for (const kind of KINDS) {
        if (!bar[kind]) continue;
        marks
          .append("rect")
          .datum(bar)
          .attr("class", kind)
          .attr("x", x(bar.from) + 0.5)
          .attr("width", Math.max(1, x(bar.to) - x(bar.from) - 1))
          .attr("y", y(below + bar[kind]))
          .attr("height", y(below) - y(below + bar[kind]));
        below += bar[kind];
      }
    }
    for (const [value, side, gap] of [
      [TYPICAL, "end", -5],
      [ATYPICAL, "start", 5],
    ]) {
      const at = x(value);
      group.append("line").attr("class", "threshold").attr("x1", at).attr("x2", at).attr("y1", -12).attr("y2", height);
      group
        .append("text")
        .attr("class", "threshold-value")
        .attr("x", at + gap)
        .attr("y", -4)
        .attr("text-anchor", side)
        .text(value);
    }
    this.x = x;
    this.marks = marks;
    this.#brush(group, width, height);
    this.#showRange();
  }

  #brush(group, width, height) {
    this.brush = d3
      .brushX()
      .extent([
        [0, 0],
        [width, height],
      ])
      .on("brush end", () => this.#brushed());
    this.brushed = group.append("g").attr("class", "brush").call(this.brush);
    this.brushed.selectAll(".overlay, .handle, .selection").attr("aria-hidden", "true");
    this.tip = this.brushed.select(".overlay").append("title");
    this.brushed.on("mousemove.tip", () => this.#tell());
    this.grips = ["mem_min", "mem_max"].map((name, side) =>
      group
        .append("path")
        .attr("class", "grip")
        .attr("d", `M-4,${height / 2 - 14}h8v28h-8z`)
        .attr("tabindex", 0)
        .attr("role", "slider")
        .attr("aria-label", side ? "Largest mem" : "Smallest mem")
        .attr("aria-valuemin", -1)
        .attr("aria-valuemax", 1)
        .on("keydown", () => this.#key(name)),
    );
  }

  /** What the pointer is over, as a tip of the browser. */
  #tell() {
    const value = this.x.invert(d3.mouse(this.brushed.node())[0]);
    const bar = this.bars.find((one) => one.from <= value && value < one.to);
    this.tip.text(
      bar ? `mem ${fixed(inRange(bar.from), 3)} to ${fixed(inRange(bar.to), 3)}: ${whole(bar.count)} samples` : "",
    );
  }

  /** A reader moved the brush: its ends go to those of bars, so that no bar is shown in part. */
  #brushed() {
    const { selection, sourceEvent, type } = d3.event;
    if (!sourceEvent || this.moving) return;
    if (!selection) {
      this.choose({ mem_min: null, mem_max: null });
      return;
    }
    const [from, to] = selection.map((place) => this.#nearest(this.x.invert(place)));
    if (from < to) this.choose({ mem_min: text(from), mem_max: text(to) });
    if (type === "end") this.#move(from < to ? [from, to] : this.choices.range);
  }

  #edges() {
    return [...this.bars.map((bar) => bar.from), this.bars[this.bars.length - 1].to];
  }

  #nearest(value) {
    const edges = this.#edges();
    return edges.reduce((best, edge) => (Math.abs(edge - value) < Math.abs(best - value) ? edge : best), edges[0]);
  }

  /** Arrow keys on a handle go from bar to bar. */
  #key(name) {
    const { key } = d3.event;
    const edges = this.#edges();
    const [first, last] = [edges[0], edges[edges.length - 1]];
    const [from, to] = this.#shown();
    const now = name === "mem_min" ? from : to;
    const ascending = edges.filter((edge) => edge > now + 1e-3);
    const descending = edges.filter((edge) => edge < now - 1e-3);
    const goal = {
      ArrowRight: ascending[0],
      ArrowUp: ascending[0],
      ArrowLeft: descending[descending.length - 1],
      ArrowDown: descending[descending.length - 1],
      Home: first,
      End: last,
    }[key];
    if (goal === undefined) return;
    d3.event.preventDefault();
    if (name === "mem_min" ? goal >= to : goal <= from) return;
    this.choices.change({ [name]: text(goal) });
  }

  /** The range that is shown, with the chart's ends where there is no bound. */
  #shown() {
    const [from, to] = this.choices.range;
    const [low, high] = this.x.domain();
    return [from ?? low, to ?? high];
  }

  /** Let the brush, its handles and the bars show the choice. */
  #showRange() {
    if (!this.x || !this.place.contains(this.brushed?.node())) return;
    const { range } = this.choices;
    const some = range[0] !== null || range[1] !== null;
    const [from, to] = this.#shown();
    this.marks
      .selectAll("rect")
      .classed("faint", (bar) => some && ((bar.from + bar.to) / 2 < from || (bar.from + bar.to) / 2 > to));
    [from, to].forEach((value, side) => {
      this.grips[side]
        .attr("transform", `translate(${this.x(Math.max(this.x.domain()[0], Math.min(this.x.domain()[1], value)))},0)`)
        .attr("aria-valuenow", fixed(inRange(value), 3))
        .classed("open", range[side] === null);
    });
    const held = d3.event?.type === "brush"; // while it is dragged it follows the pointer
    if (!held) this.#move(range);
  }

  #move(range) {
    this.moving = true;
    const some = range[0] !== null || range[1] !== null;
    const [low, high] = this.x.domain();
    const ends = [range[0] ?? low, range[1] ?? high].map((value) => this.x(Math.max(low, Math.min(high, value))));
    this.brush.move(this.brushed, some && ends[0] < ends[1] ? ends : null);
    this.moving = false;
  }
}

/** Trials that held a sample out, about; 0 for imported scores. */
export function heldOut(study) {
  if (study.imported || !study.design) return 0;
  return Math.round(study.table.trials * (1 - study.design.subset_ratio));
}

const text = (value) => String(Number(inRange(value).toFixed(3)));

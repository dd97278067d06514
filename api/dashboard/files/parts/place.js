// Where one sample stands among all: a small histogram of mem in which its place is marked.

import { ATYPICAL, axes, Chart, countScale, d3, drawThresholds, TYPICAL } from "../charts.js";
import { fill, h } from "../dom.js";
import { fixed, whole } from "../format.js";
import { get, path } from "../http.js";
import { barsOf, drawBars, plan } from "../study/bars.js";
import { problem } from "./problem.js";

/** @import { Histogram, Interval, StudyMessage } from "../api.js" */
/** @import { Group, Size } from "../charts.js" */
/** @import { Bar } from "../study/bars.js" */
/** @import { Page } from "../types.js" */

/**
 * A value of mem and its interval.
 * @typedef {{ mem: number, interval: Interval }} Here
 */

/**
 * Ask how mem is distributed, and draw it into `place` with a mark at `mem` and its interval.
 * @param {Page} page
 * @param {HTMLElement} place
 * @param {StudyMessage} study
 * @param {Here} here
 */
export async function drawPlace(page, place, study, here) {
  const bins = plan(study);
  try {
    /** @type {Histogram} */
    const found = await get(path`/v1/studies/${study.name}/histogram`, { bins: bins.bins }, { signal: page.signal });
    const bars = barsOf(found, bins);
    const chart = new Chart(place, { height: 150, margin: { top: 20, left: 66 }, signal: page.signal });
    const label = `Histogram of mem of all training samples; this one is at ${fixed(here.mem, 3)}`;
    chart.show(label, (group, size) => draw(group, size, bars, here));
  } catch (error) {
    const retry = () => drawPlace(page, place, study, here);
    if (!page.signal.aborted) fill(place, problem(error, { compact: true, retry }));
  }
}

/**
 * @param {Group} group
 * @param {Size} size
 * @param {Bar[]} bars
 * @param {Here} here
 */
function draw(group, { width, height }, bars, { mem, interval: [low, high] }) {
  const ends = [Math.min(-0.06, bars[0].from), Math.max(1.02, bars[bars.length - 1].to)];
  const x = d3.scaleLinear().domain(ends).range([0, width]);
  const { scale: y, ticks } = countScale(d3.max(bars, (bar) => bar.count) ?? 0, height);
  drawBars(group, bars, x, y);
  drawThresholds(group, x, height, [TYPICAL, ATYPICAL]);
  if (low !== null && high !== null) {
    const interval = group.append("rect").attr("class", "here-interval").attr("height", height);
    interval.attr("x", x(low)).attr("width", x(high) - x(low));
  }
  group
    .append("path")
    .attr("class", "here")
    .attr("d", `M${x(mem)},-1l-6,-11h12z`);
  group.append("line").attr("class", "here").attr("x1", x(mem)).attr("x2", x(mem)).attr("y2", height);
  const titles = { xTitle: "mem of all training samples", yTitle: "samples (log)", yTitleAt: 54 };
  axes(group, { x, y, width, height, ...titles, yValues: ticks, yFormat: whole });
}

/** The place for it, of the height that it will have. */
export const placeFor = () => h("div", { class: "place" });

// How many samples have which mem in two studies, as a square heat map.

import { axes, Chart, d3, drawThresholds } from "../charts.js";
import { fill, h } from "../dom.js";
import { counted, whole } from "../format.js";

/** @import { Density } from "../api.js" */
/** @import { Group, Size } from "../charts.js" */

const SIDE = 420;
const STEPS = 5; // of colour, from style/charts.css: d1 palest, d5 strongest

/**
 * What is drawn: the density of mem in studies `a` (from left to right) and `b` (upwards), and a threshold of both.
 * @typedef {{ density: Density, a: string, b: string, threshold: number }} Compared
 */

export class DensityChart {
  #chart;
  #legend = h("ul", { class: "legend", "aria-label": "Samples in a cell" });

  /** @param {AbortSignal} signal */
  constructor(signal) {
    this.element = h("div", { class: "density", style: { "max-width": `${SIDE}px` } });
    this.#chart = new Chart(this.element, {
      height: SIDE,
      margin: { top: 8, right: 8, bottom: 40, left: 52 },
      signal,
    });
  }

  /**
   * Draw it, once its element is in the page.
   * @param {Compared} compared
   */
  show(compared) {
    const { density, a, b } = compared;
    const most = d3.max(density.counts.flat()) || 1;
    this.#chart.height = Math.min(SIDE, this.element.clientWidth || SIDE);
    const label = `Heat map of mem in ${a} against mem in ${b}; most samples in one cell: ${most}`;
    this.#chart.show(label, (group, size) => draw(group, size, compared, most));
    fill(this.#legend, steps(most));
    this.element.append(this.#legend);
  }
}

/**
 * The step of colour of a count.
 * @param {number} count
 * @param {number} most
 */
const step = (count, most) => 1 + Math.min(STEPS - 1, Math.floor((STEPS * Math.log(count)) / Math.log(most + 1)));

/**
 * @param {Group} group
 * @param {Size} size
 * @param {Compared} compared
 * @param {number} most
 */
function draw(group, { width, height }, { density: { edges, counts }, a, b, threshold }, most) {
  const cells = counts.flatMap((row, i) => row.map((count, j) => ({ count, i, j }))).filter((cell) => cell.count);
  const x = d3.scaleLinear().domain([edges[0], 1]).range([0, width]);
  const y = d3.scaleLinear().domain([edges[0], 1]).range([height, 0]);
  /** @param {number} at */
  const bin = (at) => `${edges[at].toFixed(2)} to ${edges[at + 1].toFixed(2)}`;
  group
    .selectAll("rect")
    .data(cells)
    .enter()
    .append("rect")
    .attr("class", ({ count }) => `d${step(count, most)}`)
    .attr("x", ({ i }) => x(edges[i]))
    .attr("y", ({ j }) => y(edges[j + 1]))
    .attr("width", ({ i }) => x(edges[i + 1]) - x(edges[i]) + 0.3)
    .attr("height", ({ j }) => y(edges[j]) - y(edges[j + 1]) + 0.3)
    .append("title")
    .text(({ count, i, j }) => `${counted(count, "sample")}: ${bin(i)} in ${a}, ${bin(j)} in ${b}`);
  const diagonal = group.append("line").attr("class", "reference");
  diagonal.attr("x1", x(edges[0])).attr("y1", y(edges[0])).attr("x2", x(1)).attr("y2", y(1));
  drawThresholds(group, x, height, [threshold]);
  group.append("line").attr("class", "threshold").attr("y1", y(threshold)).attr("y2", y(threshold)).attr("x2", width);
  axes(group, { x, y, width, height, xTitle: `mem in ${a}`, yTitle: `mem in ${b}` });
}

/**
 * The counts that each step of colour covers, as items of a list.
 * @param {number} most
 */
function steps(most) {
  /** @type {Map<number, number>} */
  const lowest = new Map(); // of each step, the least count
  for (let count = 1; count <= most; count = Math.max(count + 1, Math.floor(count * 1.02))) {
    const one = step(count, most);
    if (!lowest.has(one)) lowest.set(one, count);
  }
  const found = [...lowest];
  return found.map(([name, least], at) => {
    const largest = at + 1 < found.length ? found[at + 1][1] - 1 : most;
    return h(
      "li",
      {},
      h("i", { class: `d${name}` }),
      largest > least ? `${whole(least)} to ${whole(largest)}` : whole(least),
    );
  });
}

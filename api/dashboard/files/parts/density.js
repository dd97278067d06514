// How many samples have which mem in two studies, as a square heat map.

import { axes, chart, d3 } from "../charts.js";
import { h } from "../dom.js";
import { whole } from "../format.js";

const SIDE = 420;
const STEPS = 5; // of colour, from style/charts.css: d1 palest, d5 strongest

/** Draw `density` ({edges, counts}) in `place`: a from left to right, b upwards. */
export function densityChart(place, { edges, counts }, { a, b, threshold, signal }) {
  const cells = counts.flatMap((row, i) => row.map((count, j) => ({ count, i, j }))).filter((cell) => cell.count);
  const most = d3.max(cells, (cell) => cell.count) ?? 1;
  const step = (count) => 1 + Math.min(STEPS - 1, Math.floor((STEPS * Math.log(count)) / Math.log(most + 1)));
  const side = Math.min(SIDE, place.clientWidth || SIDE);
  place.style.maxWidth = `${SIDE}px`;
  chart(place, {
    height: side,
    margin: { top: 8, right: 8, bottom: 40, left: 52 },
    label: `Heat map of mem in ${a} against mem in ${b}; most samples lie in one cell: ${most}`,
    signal,
    draw(svg, { width, height }) {
      const x = d3.scaleLinear().domain([edges[0], 1]).range([0, width]);
      const y = d3.scaleLinear().domain([edges[0], 1]).range([height, 0]);
      svg
        .selectAll("rect")
        .data(cells)
        .enter()
        .append("rect")
        .attr("class", (cell) => `d${step(cell.count)}`)
        .attr("x", (cell) => x(edges[cell.i]))
        .attr("y", (cell) => y(edges[cell.j + 1]))
        .attr("width", (cell) => x(edges[cell.i + 1]) - x(edges[cell.i]) + 0.3)
        .attr("height", (cell) => y(edges[cell.j]) - y(edges[cell.j + 1]) + 0.3)
        .append("title")
        .text(
          (cell) =>
            `${cell.count} samples: ${edges[cell.i].toFixed(2)} to ${edges[cell.i + 1].toFixed(2)} in ${a}, ${edges[cell.j].toFixed(2)} to ${edges[cell.j + 1].toFixed(2)} in ${b}`,
        );
      svg
        .append("line")
        .attr("class", "reference")
        .attr("x1", x(edges[0]))
        .attr("y1", y(edges[0]))
        .attr("x2", x(1))
        .attr("y2", y(1));
      svg
        .append("line")
        .attr("class", "threshold")
        .attr("x1", x(threshold))
        .attr("x2", x(threshold))
        .attr("y2", height);
      svg.append("line").attr("class", "threshold").attr("y1", y(threshold)).attr("y2", y(threshold)).attr("x2", width);
      axes(svg, { x, y, width, height, xTitle: `mem in ${a}`, yTitle: `mem in ${b}` });
    },
  });
  legend(place, most, step);
}

/** The counts that each step of colour stands for. */
function legend(place, most, step) {
  const lowest = new Map(); // of each step, the least count
  for (let count = 1; count <= most; count = Math.max(count + 1, Math.floor(count * 1.02))) {
    if (!lowest.has(step(count))) lowest.set(step(count), count);
  }
  const steps = [...lowest];
  const items = steps.map(([name, least], at) => {
    const largest = at + 1 < steps.length ? steps[at + 1][1] - 1 : most;
    return h(
      "li",
      {},
      h("i", { class: `d${name}` }),
      largest > least ? `${whole(least)} to ${whole(largest)}` : whole(least),
    );
  });
  place.append(h("ul", { class: "legend", "aria-label": "Samples in a cell" }, items));
}

// Where one sample stands among all: a small histogram of mem in which its place is marked.

import { ATYPICAL, axes, chart, countScale, d3, TYPICAL } from "../charts.js";
import { fill, h } from "../dom.js";
import { fixed, whole } from "../format.js";
import { get, path } from "../http.js";
import { barsOf, plan } from "../study/bars.js";
import { heldOut } from "../study/histogram.js";
import { problem } from "./problem.js";

const KINDS = ["typical", "between", "atypical"];

/** Ask how mem is distributed, and draw it into `place` with a mark at `mem` and its interval. */
export async function drawPlace(page, place, study, { mem, interval: [low, high] }) {
  const bins = plan(heldOut(study));
  try {
    const found = await get(path`/v1/studies/${study.name}/histogram`, { bins: bins.bins }, { signal: page.signal });
    const bars = barsOf(found, bins);
    fill(place);
    chart(place, {
      height: 150,
      margin: { top: 20, left: 66 },
      signal: page.signal,
      label: `Histogram of mem of all training samples, in which this one stands at ${fixed(mem, 3)}`,
      draw(svg, { width, height }) {
        const x = d3
          .scaleLinear()
          .domain([Math.min(-0.06, bars[0].from), Math.max(1.02, bars[bars.length - 1].to)])
          .range([0, width]);
        const { scale: y, ticks } = countScale(
          d3.max(bars, (bar) => bar.count),
          height,
        );
        for (const bar of bars) {
          let below = 0;
          for (const kind of KINDS.filter((one) => bar[one])) {
            svg
              .append("rect")
              .attr("class", kind)
              .attr("x", x(bar.from) + 0.5)
              .attr("width", Math.max(1, x(bar.to) - x(bar.from) - 1))
              .attr("y", y(below + bar[kind]))
              .attr("height", y(below) - y(below + bar[kind]));
            below += bar[kind];
          }
        }
        for (const threshold of [TYPICAL, ATYPICAL]) {
          svg
            .append("line")
            .attr("class", "threshold")
            .attr("x1", x(threshold))
            .attr("x2", x(threshold))
            .attr("y2", height);
        }
        if (low !== null && high !== null) {
          svg
            .append("rect")
            .attr("class", "here-interval")
            .attr("x", x(low))
            .attr("width", x(high) - x(low))
            .attr("height", height);
        }
        svg
          .append("path")
          .attr("class", "here")
          .attr("d", `M${x(mem)},-1l-6,-11h12z`);
        svg.append("line").attr("class", "here").attr("x1", x(mem)).attr("x2", x(mem)).attr("y2", height);
        axes(svg, {
          x,
          y,
          width,
          height,
          xTitle: "mem of all training samples",
          yTitle: "samples (log)",
          yValues: ticks,
          yFormat: whole,
          yTitleAt: 54,
        });
      },
    });
  } catch (error) {
    if (!page.signal.aborted)
      fill(
        place,
        problem(error, { compact: true, retry: () => drawPlace(page, place, study, { mem, interval: [low, high] }) }),
      );
  }
}

/** The place for it, of the height that it will have. */
export const placeFor = () => h("div", { class: "place" });

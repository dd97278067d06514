// How far a study's scores can be trusted: the checks with what to do, and whether standard errors are right.

import { axes, chart, d3 } from "../charts.js";
import { fill, h } from "../dom.js";
import { fixed } from "../format.js";

const SIGNS = { pass: ["pass", "✓"], "look at it": ["look", "!"], "cannot be told": ["", "?"] };

/** Checks and chart in `place`. */
export function drawQuality(page, place, { checks, calibration }) {
  const figure = h("div", {});
  const points = calibration.predicted.length;
  fill(
    place,
    h(
      "div",
      { class: points ? "quality charted" : "quality" },
      h("ul", { class: "list" }, checks.map(check)),
      points > 0 &&
        h(
          "figure",
          {},
          figure,
          h(
            "figcaption",
            { class: "soft small" },
            "How far two halves of the trials differ on mem, against what the standard errors predict. On the dashed line they are right; above it too small.",
          ),
        ),
    ),
  );
  if (points) drawCalibration(page, figure, calibration);
}

function check({ key, name, verdict, value, meaning, advice }) {
  const [kind, sign] = SIGNS[verdict];
  return h(
    "li",
    { class: "check", "data-check": key, "data-verdict": verdict },
    h("span", { class: `sign ${kind}`, "aria-hidden": "true" }, sign),
    h(
      "div",
      {},
      h("h3", {}, name, h("span", { class: "soft" }, ` (${verdict})`)),
      h("p", { class: "number" }, value),
      h("p", { class: "soft small" }, meaning),
      verdict !== "pass" && h("p", { class: "advice" }, advice),
    ),
  );
}

function drawCalibration(page, place, { predicted, observed, low, high }) {
  const most = 1.08 * Math.max(...predicted, ...high);
  const label = `Calibration: ${predicted.map((value, at) => `predicted ${fixed(value, 3)}, observed ${fixed(observed[at], 3)}`).join("; ")}`;
  chart(place, {
    height: 300,
    margin: { top: 8, left: 58 },
    label,
    signal: page.signal,
    draw(group, { width, height }) {
      const x = d3.scaleLinear().domain([0, most]).range([0, width]);
      const y = d3.scaleLinear().domain([0, most]).range([height, 0]);
      axes(group, {
        x,
        y,
        width,
        height,
        xTitle: "difference predicted",
        yTitle: "difference observed",
        xTicks: 5,
        yTitleAt: 46,
      });
      group.append("line").attr("class", "reference").attr("x1", 0).attr("y1", height).attr("x2", width).attr("y2", 0);
      predicted.forEach((value, at) => {
        const bar = group
          .append("line")
          .attr("x1", x(value))
          .attr("x2", x(value))
          .attr("y1", y(low[at]))
          .attr("y2", y(high[at]));
        bar.attr("class", "error-bar");
        group.append("circle").attr("class", "dot").attr("r", 3.5).attr("cx", x(value)).attr("cy", y(observed[at]));
      });
    },
  });
}

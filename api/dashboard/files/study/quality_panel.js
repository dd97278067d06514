// How far a study's scores can be trusted: the checks with what to do, and whether standard errors are right.

import { axes, Chart, d3 } from "../charts.js";
import { fill, h } from "../dom.js";
import { fixed } from "../format.js";

/** @import { Calibration, Quality, QualityCheck } from "../api.js" */
/** @import { Group, Size } from "../charts.js" */

const SIGNS = { pass: ["pass", "✓"], "look at it": ["look", "!"], "cannot be told": ["", "?"] };

/** Checks and chart in `place`. */
export class QualityPanel {
  #chart;
  #figure = h("div", {});
  #place;

  /**
   * @param {HTMLElement} place
   * @param {AbortSignal} signal
   */
  constructor(place, signal) {
    this.#place = place;
    this.#chart = new Chart(this.#figure, { height: 300, margin: { top: 8, left: 58 }, signal });
  }

  /** @param {Quality} quality */
  show({ checks, calibration }) {
    const points = calibration.predicted.length;
    const list = h("ul", { class: "list" }, checks.map(check));
    fill(
      this.#place,
      h("div", { class: points ? "quality charted" : "quality" }, list, points > 0 && this.#captioned()),
    );
    if (points) this.#chart.show(words(calibration), (group, size) => draw(group, size, calibration));
  }

  #captioned() {
    const caption =
      "Difference in mem between two halves of the trials, against the difference that the standard errors predict. " +
      "On the dashed line the standard errors are right; above it they are too small.";
    return h("figure", {}, this.#figure, h("figcaption", { class: "soft small" }, caption));
  }
}

/** @param {QualityCheck} check */
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

/** @param {Calibration} calibration */
function words({ predicted, observed }) {
  const points = predicted.map((value, at) => `predicted ${fixed(value, 3)}, observed ${fixed(observed[at], 3)}`);
  return `Calibration: ${points.join("; ")}`;
}

/**
 * @param {Group} group
 * @param {Size} size
 * @param {Calibration} calibration
 */
function draw(group, { width, height }, { predicted, observed, low, high }) {
  const most = 1.08 * Math.max(...predicted, ...high);
  const x = d3.scaleLinear().domain([0, most]).range([0, width]);
  const y = d3.scaleLinear().domain([0, most]).range([height, 0]);
  const titles = { xTitle: "difference predicted", yTitle: "difference observed", yTitleAt: 46 };
  axes(group, { x, y, width, height, ...titles, xTicks: 5 });
  group.append("line").attr("class", "reference").attr("x1", 0).attr("y1", height).attr("x2", width).attr("y2", 0);
  predicted.forEach((value, at) => {
    const bar = group.append("line").attr("class", "error-bar").attr("x1", x(value)).attr("x2", x(value));
    bar.attr("y1", y(low[at])).attr("y2", y(high[at]));
    group.append("circle").attr("class", "dot").attr("r", 3.5).attr("cx", x(value)).attr("cy", y(observed[at]));
  });
}

// Runs in a table, with the curve of each, and a choice of some to compare.

import { d3, spark } from "../charts.js";
import { h } from "../dom.js";
import { known, moment, whole } from "../format.js";
import { accuracyCell } from "./accuracies.js";
import { comparisonUrl, runUrl } from "./addresses.js";
import { lastPart, methodOf, onTest } from "./words.js";

/** @import { RunSummary } from "../api.js" */

export const MOST_COMPARED = 10;
const [WIDTH, HEIGHT] = [90, 22];

/** A table of runs. The choice outlives the rows: it is by path. */
export class RunList {
  element = h("div", {});
  /** @type {Set<string>} */
  #chosen = new Set();
  #compare = h("a", { class: "button" }, "Compare");

  /** @param {{ within?: string }} options `within`: the folder whose name is left out */
  constructor({ within = "" } = {}) {
    this.within = within;
  }

  /** @param {RunSummary[]} runs */
  show(runs) {
    const heads = [
      "Run",
      "Method",
      "Data",
      "Seed",
      "Epochs",
      "Adversarial",
      "Clean",
      "Worst",
      "Atypical, worst",
      "Changed",
    ];
    const body = runs.map((run) => this.#row(run));
    const there = new Set(runs.map((run) => run.path));
    for (const path of this.#chosen) if (!there.has(path)) this.#chosen.delete(path);
    this.element.replaceChildren(
      h(
        "p",
        { class: "actions" },
        this.#compare,
        h("span", { class: "soft small" }, `Mark 2 to ${MOST_COMPARED} runs to compare them.`),
      ),
      h(
        "div",
        { class: "wide", tabindex: "0", role: "region", "aria-label": "Table of runs" },
        h(
          "table",
          { class: "accuracies runs" },
          h(
            "thead",
            {},
            h(
              "tr",
              {},
              heads.map((text, at) => h("th", { scope: "col", class: at < 3 ? "text" : undefined }, text)),
            ),
          ),
          h("tbody", {}, body),
        ),
      ),
      h(
        "p",
        { class: "soft small" },
        "Accuracies in per cent on test samples, of the last network, with 95 % intervals over samples: they leave out how " +
          "much networks of other seeds would differ. The curve is adversarial accuracy in training, on the samples for selection.",
      ),
    );
    this.#changed();
  }

  /** @param {RunSummary} run */
  #row(run) {
    const box = h("input", {
      type: "checkbox",
      "aria-label": `Compare ${run.path}`,
      checked: this.#chosen.has(run.path),
    });
    box.addEventListener("change", () => {
      if (box.checked) this.#chosen.add(run.path);
      else this.#chosen.delete(run.path);
      this.#changed();
    });
    const name =
      this.within && run.path.startsWith(`${this.within}/`) ? run.path.slice(this.within.length + 1) : run.path;
    const epochs = known(run.epochs) ? `${whole(run.epoch)} of ${whole(run.epochs)}` : whole(run.epoch);
    return h(
      "tr",
      { "data-run": run.path, "data-state": run.state },
      h(
        "th",
        { scope: "row", class: "break" },
        h("span", { class: "chooser" }, box, h("a", { href: runUrl(run.path) }, name)),
        run.problem && h("small", { class: "wrong" }, run.problem),
        run.alarms > 0 &&
          h("span", { class: "mark suspect" }, `${run.alarms} ${run.alarms === 1 ? "alarm" : "alarms"}`),
      ),
      h("td", { class: "text" }, methodOf(run)),
      h("td", { class: "text" }, run.dataset ?? "–", h("small", { class: "soft" }, run.network ?? "")),
      h("td", {}, whole(run.seed)),
      h("td", {}, run.state === "finished" ? whole(run.epoch) : epochs),
      h("td", {}, sparkline(run)),
      accuracyCell(onTest(run, "all", "clean")),
      accuracyCell(onTest(run, "all", "worst")),
      accuracyCell(onTest(run, "atypical", "worst")),
      h("td", { class: "small" }, moment(run.updated)),
    );
  }

  #changed() {
    const count = this.#chosen.size;
    const fits = count >= 2 && count <= MOST_COMPARED;
    this.#compare.textContent = count ? `Compare ${count}` : "Compare";
    if (fits) this.#compare.setAttribute("href", comparisonUrl([...this.#chosen]));
    else this.#compare.removeAttribute("href");
    this.#compare.toggleAttribute("aria-disabled", !fits);
  }
}

/**
 * Adversarial accuracy over epochs, small.
 * @param {RunSummary} run
 */
function sparkline({ curve, path }) {
  const values = curve.filter(known);
  if (values.length < 2) return "–";
  const ends = [Math.round(100 * values[0]), Math.round(100 * values[values.length - 1])];
  const svg = spark(WIDTH, HEIGHT, `Adversarial accuracy of ${lastPart(path)}: from ${ends[0]} to ${ends[1]} %`);
  const x = d3.scaleLinear([0, curve.length - 1], [1, WIDTH - 1]);
  const y = d3.scaleLinear([0, Math.max(...values, 0.01)], [HEIGHT - 2, 2]);
  const line = d3
    .line(
      (/** @type {number | null} */ _, at) => x(at),
      (value) => y(value ?? 0),
    )
    .defined(known);
  svg.append("path").attr("class", "curve typical").attr("d", line(curve));
  return svg.node();
}

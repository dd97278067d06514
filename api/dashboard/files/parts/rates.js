// p_in and p_out of a sample as two bars: mem is the gap between them.

import { h } from "../dom.js";
import { counted, fixed, percent } from "../format.js";

/** @import { SampleScore } from "../api.js" */

/**
 * The bars of a score; nothing for imported scores, which do not say.
 * @param {SampleScore} score
 */
export function rates({ p_in: pIn, p_out: pOut, n_in: nIn, n_out: nOut, mem }) {
  if (pIn === null || pOut === null) return null;
  /**
   * @param {string} text
   * @param {number} rate
   * @param {number} trials
   * @param {string} kind
   */
  const bar = (text, rate, trials, kind) =>
    h(
      "div",
      { class: "rate" },
      h("span", {}, text),
      h(
        "span",
        { class: "rate-bar", "aria-hidden": "true" },
        h("i", { class: kind, style: { width: `${100 * rate}%` } }),
      ),
      h("span", { class: "number" }, `${percent(rate)} of ${counted(trials, "trial")}`),
    );
  return h(
    "div",
    { class: "rates" },
    h("h2", {}, "Accuracy with and without it"),
    bar("trained on it (p_in)", pIn, nIn, "with"),
    bar("held out (p_out)", pOut, nOut, "without"),
    h("p", { class: "soft small" }, `mem is the difference: ${fixed(pIn, 3)} − ${fixed(pOut, 3)} = ${fixed(mem, 3)}.`),
  );
}

// What a membership-inference attack on whole models achieves, and which attacker is meant.

import { fill, h } from "../dom.js";
import { counted, fixed, percent } from "../format.js";

/** @import { Estimate, Privacy, Risks } from "../api.js" */

/** @type {[keyof Omit<Privacy, "targets">, string, string, (value: number) => string][]} */
const ROWS = [
  ["tpr_at_0_001", "Recognized at 0.1 % false alarms", "0.1 %", percent],
  ["tpr_at_0_01", "Recognized at 1 % false alarms", "1 %", percent],
  ["auc", "Area under the curve", "0.5", (value) => fixed(value, 3)],
];

/**
 * Rates with their intervals in `place`.
 * @param {HTMLElement} place
 * @param {Risks} risks
 */
export function drawPrivacy(place, { privacy, note }) {
  fill(place, privacy && rates(privacy), h("p", { class: "soft small" }, note));
}

/** @param {Privacy} privacy */
function rates(privacy) {
  const heads = ["Of the samples a model trained on", "Attack", "95 % interval", "By guessing"];
  const body = ROWS.map(([name, text, chance, shown]) => {
    /** @type {Estimate} */
    const { value, low, high } = privacy[name];
    const cells = [shown(value), `${shown(low)} to ${shown(high)}`, chance];
    const numbers = cells.map((cell) => h("td", { class: "number" }, cell));
    return h("tr", { "data-rate": name }, h("th", { scope: "row" }, text), numbers);
  });
  const head = h(
    "tr",
    {},
    heads.map((text) => h("th", { scope: "col" }, text)),
  );
  const table = h("table", {}, h("thead", {}, head), h("tbody", {}, body));
  const models = `${counted(privacy.targets, "model")} attacked; the intervals are over models.`;
  return h(
    "div",
    {},
    h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Rates of the attack" }, table),
    h("p", { class: "soft small" }, models),
  );
}

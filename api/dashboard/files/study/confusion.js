// The suspected samples by the label they have and the class that held-out trials predict.

import { h } from "../dom.js";
import { className, counted, whole } from "../format.js";

/** @import { DatasetDetail, Suspects } from "../api.js" */

const SHOWN = 12; // the most frequent pairs of classes

/**
 * How many look mislabelled, and the table; nothing without predictions.
 * @param {DatasetDetail} dataset
 * @param {Suspects} found
 */
export function confusion(dataset, { suspected, confusion: pairs }) {
  if (!suspected) return [];
  const rows = pairs
    .slice(0, SHOWN)
    .map(({ given, predicted, count }) =>
      h(
        "tr",
        {},
        h("td", {}, className(dataset, given)),
        h("td", {}, className(dataset, predicted)),
        h("td", { class: "number" }, whole(count)),
      ),
    );
  const left = pairs.length - rows.length;
  const heads = ["Label", "Predicted", "Suspected samples"].map((text) => h("th", { scope: "col" }, text));
  return [
    h("summary", {}, `Given against predicted class of ${counted(suspected, "suspected sample")}`),
    h("table", {}, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, rows)),
    left > 0 && h("p", { class: "soft small" }, `And ${counted(left, "rarer pair")} of classes.`),
  ];
}

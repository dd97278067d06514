// What a training sample's page and the gallery's drawer say of it.

import { h } from "../dom.js";
import { className, fixed, interval, known, ofShares, percent, plusMinus, whole } from "../format.js";
import { decisionText } from "./decision.js";
import { image, setMark, track } from "./tile.js";

/** @import { DatasetDetail, Decisions, Explanation, Score } from "../api.js" */
/** @import { Child } from "../types.js" */

const RISK = "chance that an attacker who knows the recipe and such data recognizes it, at 0.1 % false alarms";

/**
 * Its image, large, or its words.
 * @param {DatasetDetail} dataset
 * @param {Score} score
 */
export function picture(dataset, score) {
  const large = image(dataset.name, "train", score.index, { label: className(dataset, score.label), scale: 8 });
  large.classList.add("large");
  if (large instanceof HTMLImageElement) large.loading = "eager";
  return large;
}

/**
 * Its scores, its label, what models and reviewers say of that, and its rank.
 * @param {DatasetDetail} dataset
 * @param {Explanation} found
 * @param {Decisions} decided
 */
export function measures(dataset, found, decided) {
  const { score, rank, rank_in_class: inClass, samples, samples_in_class: ofClass } = found;
  const flipped = dataset.flipped_indices.includes(score.index);
  const error = h("span", { class: "soft" }, ofShares(score.se, 3));
  const ranks = `${whole(rank)} of ${whole(samples)}, ${whole(inClass)} of ${whole(ofClass)} in its class`;
  /** @type {[string, Child][]} */
  const rows = [
    ["mem", [h("strong", {}, fixed(score.mem, 3)), error, " ", setMark(score.set)]],
    ["95 % interval", [interval(score.interval, 3), track(score.mem, score.interval)]],
    ...byMargins(score),
    ["Label", [className(dataset, score.label), flipped && h("strong", {}, " (deliberately flipped)")]],
    ...voted(dataset, found),
    ...reviewed(dataset, decided),
    ["Rank", rank === null ? "none: mem is undefined" : ranks],
  ];
  return h(
    "dl",
    { class: "measure" },
    rows.map(([term, value]) => [h("dt", {}, term), h("dd", {}, value)]),
  );
}

/**
 * What trials say of its label that did not train on it, where they recorded predictions.
 * @param {DatasetDetail} dataset
 * @param {Explanation} explanation
 * @returns {[string, Child][]}
 */
function voted(dataset, { score, suggested, share, label_error: error, suspected }) {
  if (suggested === null || share === null) return [];
  const { label, p_out: right } = score;
  /** @type {[number, number | null][]} */
  const said = [
    [suggested, share],
    [label, right],
  ];
  const rest = 1 - share - (right ?? 0);
  const bars = [
    ...said.map(([one, part]) => bar(className(dataset, one), part ?? 0)),
    rest > 0.005 && bar("others", rest),
  ];
  const wrong =
    error !== null && `Label wrong with a probability of ${percent(error, 0)}${suspected ? ": suspected" : ""}`;
  return [
    [
      "Without it, models say",
      [h("span", { class: "votes" }, bars), wrong && h("span", { class: "soft small" }, wrong)],
    ],
  ];
}

/**
 * What reviewers decide on it.
 * @param {DatasetDetail} dataset
 * @param {Decisions} decided
 * @returns {[string, Child][]}
 */
function reviewed(dataset, { decision: [decision], label: [label] }) {
  if (decision === undefined) return [];
  const { words } = decisionText({ decision, label }, (one) => className(dataset, one));
  return [["Reviewed", h("span", { class: "mark reviewed" }, words)]];
}

/**
 * @param {string} name
 * @param {number} part
 */
const bar = (name, part) =>
  h(
    "span",
    { class: "vote" },
    h("span", {}, name),
    h("span", { class: "share-bar", "aria-hidden": "true" }, h("i", { style: { width: `${100 * part}%` } })),
    h("span", { class: "number" }, percent(part, 0)),
  );

/**
 * What the margins of the trials say, where trials recorded them.
 * @param {Score} score
 * @returns {[string, Child][]}
 */
function byMargins({ mem_margin: mem, se_margin: error, margin_interval: ends, risk, se_risk: riskError }) {
  /** @param {number | null | undefined} value */
  const within = (value) => h("span", { class: "soft" }, plusMinus(value, 3));
  /** @type {[string, Child][]} */
  const rows = [];
  if (known(mem)) rows.push(["mem by margins", [fixed(mem, 3), within(error), known(ends) && track(mem, ends)]]);
  if (known(mem) && known(ends)) rows.push(["95 % interval by margins", interval(ends, 3)]);
  if (known(risk))
    rows.push(["Privacy risk", [fixed(risk, 3), within(riskError), h("span", { class: "soft small" }, ` ${RISK}`)]]);
  return rows;
}

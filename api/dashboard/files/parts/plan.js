// What a job would cost and give, as the service plans it.

import { h } from "../dom.js";
import { bytes, counted, duration, fixed, whole } from "../format.js";

/** @import { Plan } from "../api.js" */
/** @import { Child } from "../types.js" */

/**
 * A row: a name, a value, and a note beside it.
 * @typedef {[string, string, string]} Row
 */

/**
 * A plan as rows of a list, with a sentence before it where there is one to say.
 * @param {Plan} plan
 * @returns {Child[]}
 */
export function planned(plan) {
  const rows = [trials(plan), ...(plan.at_most ? [forecast(plan)] : []), time(plan), disk(plan), precision(plan)];
  return [
    plan.new_trials === 0 && h("p", {}, "The study already has all of this; the job would end at once."),
    h(
      "dl",
      { class: "measure plan" },
      rows.map(([name, value, note]) => [h("dt", {}, name), h("dd", {}, value, h("small", { class: "soft" }, note))]),
    ),
  ];
}

/**
 * @param {Plan} plan
 * @returns {Row}
 */
function trials({ new_trials: more, trials: all, at_most: bound }) {
  const then = `the study then has ${bound ? "up to " : ""}${whole(all)}, not counting full trials`;
  return ["New trials", whole(more), `${bound ? "at most; " : ""}${then}`];
}

/**
 * @param {Plan} plan
 * @returns {Row}
 */
function forecast({ expected_trials: expected, by_margins: margins }) {
  if (expected === null) return ["Probably", "unknown", "a forecast needs scores and a target within reach"];
  const judged = margins ? "; precision is judged by margins" : "";
  return ["Probably", `about ${counted(expected, "trial")}`, `forecast from the study's scores${judged}`];
}

/**
 * @param {Plan} plan
 * @returns {Row}
 */
function time({ device_seconds: seconds, seconds_a_trial: each, timed_on: place }) {
  if (seconds === null || each === null) {
    return ["Time", "unknown", "no trial of this study has been timed yet; known after the first block"];
  }
  const brief = each < 10 ? `${Number(each.toPrecision(2))} s` : duration(each);
  return ["Time", duration(seconds), `on one worker, ${brief} a trial, from ${place}`];
}

/**
 * @param {Plan} plan
 * @returns {Row}
 */
const disk = (plan) => ["Disk", bytes(plan.disk_bytes), "evidence"];

/**
 * @param {Plan} plan
 * @returns {Row}
 */
function precision({ typical_standard_error: typical, worst_standard_error: worst }) {
  return ["Precision", `± ${fixed(typical, 3)}`, `typical standard error of mem; ${fixed(worst, 3)} at worst`];
}

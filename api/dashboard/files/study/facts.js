// The most important numbers of a study in a row, and its warnings.

import { ATYPICAL, TYPICAL } from "../charts.js";
import { fill, h } from "../dom.js";
import { percent, whole } from "../format.js";

/** @import { ClassScores, DatasetDetail, StudyMessage } from "../api.js" */
/** @import { Child } from "../types.js" */

/**
 * The numbers; `classes` is null until they are known.
 * @param {HTMLElement} place
 * @param {StudyMessage} study
 * @param {DatasetDetail} dataset
 * @param {ClassScores[] | null} classes
 */
export function drawFacts(place, study, dataset, classes) {
  /** @param {"atypical" | "typical" | "undefined"} name */
  const sum = (name) => classes?.reduce((total, one) => total + one[name], 0) ?? 0;
  /**
   * @param {"atypical" | "typical" | "undefined"} name
   * @returns {Child}
   */
  const share = (name) =>
    classes ? [whole(sum(name)), h("small", {}, ` ${percent(sum(name) / dataset.train_samples)}`)] : "…";
  /**
   * @param {string} term
   * @param {Child} value
   */
  const row = (term, value) => h("div", {}, h("dt", {}, term), h("dd", {}, value));
  /**
   * @param {string} term
   * @param {number | null | undefined} value
   */
  const accuracy = (term, value) => value !== null && row(term, percent(value));
  fill(
    place,
    row(`Atypical (mem > ${ATYPICAL})`, share("atypical")),
    row(`Typical (mem < ${TYPICAL})`, share("typical")),
    sum("undefined") > 0 && row("Without a score", share("undefined")),
    accuracy("In-sample accuracy", study.table?.in_sample_accuracy),
    accuracy("Held-out accuracy", study.table?.held_out_accuracy),
    accuracy("Test accuracy", study.table?.test_accuracy),
  );
}

/**
 * What the service warns of.
 * @param {StudyMessage} study
 */
export function warnings({ table }) {
  if (!table?.warnings.length) return null;
  const items = table.warnings.map((text) => h("li", {}, text));
  return h("ul", { class: "notice warnings", "aria-label": "Warnings" }, items);
}

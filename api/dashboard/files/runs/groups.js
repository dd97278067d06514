// Accuracies by group of samples, and the choice of a group.

import { choice } from "../parts/fields.js";
import { GROUPS } from "./words.js";

/** @import { RunDetail } from "../api.js" */
/** @import { Page } from "../types.js" */
/** @import { Point } from "../parts/curves.js" */

/**
 * A select of test samples, all, typical or atypical, which the address keeps; `draw` is called with another choice.
 * @param {Page} page
 * @param {() => void} draw
 */
export function groupChoice(page, draw) {
  const select = choice(
    GROUPS.map((name) => [name, `${name} test samples`]),
    page.query.get("group") ?? "all",
  );
  select.addEventListener("change", () => {
    page.keep({ group: select.value === "all" ? null : select.value });
    draw();
  });
  return select;
}

/**
 * Accuracies of the networks that a run kept along the way, with their intervals.
 * @param {RunDetail} run
 * @param {string} split
 * @param {string} group
 * @param {string} attack
 * @returns {Point[]}
 */
export const along = ({ groups }, split, group, attack) =>
  groups
    .filter(({ network }) => network === "network")
    .map(({ epoch, rows }) => {
      const found = rows.find((row) => row.split === split && row.group === group)?.accuracy[attack];
      return { at: epoch, value: found?.share ?? null, low: found?.low, high: found?.high };
    });

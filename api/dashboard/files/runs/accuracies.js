// Tables of accuracies with their intervals, and what the checks of an evaluation found.

import { h } from "../dom.js";
import { known, whole } from "../format.js";
import { attackName, points, range, selectedBy } from "./words.js";

/** @import { CheckpointEvaluation, EvaluationRow, RunAccuracy, RunFinding } from "../api.js" */

const LEVELS = { green: ["pass", "✓"], amber: ["look", "!"], red: ["bad", "✕"] };

/**
 * An accuracy in per cent above its interval.
 * @param {RunAccuracy | undefined} accuracy
 */
export function accuracyCell(accuracy) {
  if (!accuracy || !known(accuracy.share)) return h("td", {}, "–");
  return h("td", {}, points(accuracy.share), h("small", { class: "soft" }, range(accuracy)));
}

/**
 * The attacks that any of these rows has, without one first.
 * @param {EvaluationRow[]} rows
 */
export function attacksOf(rows) {
  const all = [...new Set(rows.flatMap((row) => Object.keys(row.accuracy)))];
  return all.sort((a, b) => place(a) - place(b));
}

/** @param {string} attack */
const place = (attack) => (attack === "clean" ? 0 : attack === "worst" ? 2 : 1);

/**
 * A table with rows named by their first cells.
 * @param {string} label
 * @param {string[]} heads
 * @param {(HTMLElement | null)[][]} rows
 */
export function accuracyTable(label, heads, rows) {
  const head = heads.map((text, at) => h("th", { scope: "col", class: at ? undefined : "text" }, text));
  return h(
    "div",
    { class: "wide", tabindex: "0", role: "region", "aria-label": label },
    h(
      "table",
      { class: "accuracies" },
      h("thead", {}, h("tr", {}, head)),
      h(
        "tbody",
        {},
        rows.map((cells) => h("tr", {}, cells)),
      ),
    ),
  );
}

/**
 * An evaluation: its table, its notes, and what its checks found.
 * @param {CheckpointEvaluation} checkpoint
 */
export function evaluation(checkpoint) {
  const { name, rows, findings, notes, attacked } = checkpoint;
  const attacks = attacksOf(rows);
  const lines = rows.map((row) => [
    h(
      "th",
      { scope: "row", class: "text" },
      `${row.split}, ${row.group} `,
      h("small", { class: "soft" }, whole(row.count)),
    ),
    ...attacks.map((attack) => accuracyCell(row.accuracy[attack])),
  ]);
  const title = attacked ? `${name}, under slow attacks` : name;
  return h(
    "section",
    { "data-checkpoint": attacked ? `attacks/${name}` : name },
    h("h3", {}, title),
    h("p", { class: "soft small" }, selectedBy(checkpoint)),
    accuracyTable(`Accuracies of ${title}`, ["Samples", ...attacks.map(attackName)], lines),
    notes.length > 0 &&
      h(
        "ul",
        { class: "small" },
        notes.map((note) => h("li", {}, note)),
      ),
    checks(findings),
  );
}

/**
 * The checks that found something, and how many did not.
 * @param {RunFinding[]} findings
 */
function checks(findings) {
  const found = findings.filter(({ level }) => level !== "green");
  const passed = findings.length - found.length;
  if (!findings.length) return null;
  return h(
    "div",
    { "data-part": "checks" },
    h(
      "ul",
      { class: "list" },
      found.map(({ check, level, found: what, meaning }) => {
        const [kind, sign] = LEVELS[level];
        return h(
          "li",
          { class: "check", "data-level": level },
          h("span", { class: `sign ${kind}`, "aria-hidden": "true" }, sign),
          h("div", {}, h("strong", {}, check), `: ${what}`, h("p", { class: "soft small" }, meaning)),
        );
      }),
    ),
    h("p", { class: "soft small" }, `${passed} of ${findings.length} checks found nothing.`),
  );
}

// Removing a study for good: what would go, and its name typed once more.

import { fill, h } from "../dom.js";
import { bytes, counted } from "../format.js";
import { address, path, send } from "../http.js";
import { confirmed } from "../parts/confirm.js";
import { problem } from "../parts/problem.js";
import { session } from "../session.js";

/** @import { StudyMessage, StudyRemoved } from "../api.js" */
/** @import { Page } from "../types.js" */

/**
 * The section with the button, for those who may; null for others.
 * @param {Page} page
 * @param {StudyMessage} study
 */
export function removal(page, study) {
  if (!session.may("admin")) return null;
  const trouble = h("div", {});
  const click = async () => {
    try {
      fill(trouble);
      if (await remove(page, study)) page.go(address("/"));
    } catch (error) {
      if (!page.signal.aborted) fill(trouble, problem(error, { compact: true }));
    }
  };
  const button = h("button", { type: "button", "data-action": "remove", on: { click } }, "Remove this study …");
  return h(
    "section",
    { "aria-labelledby": "removal" },
    h("h2", { id: "removal" }, "Removal"),
    trouble,
    h("p", { class: "actions" }, button),
  );
}

/**
 * Whether the study was removed. Throws Problem.
 * @param {Page} page
 * @param {StudyMessage} study
 */
async function remove({ signal }, { id }) {
  const where = path`/v1/studies/${id}`;
  /** @type {StudyRemoved} */
  const would = await send("DELETE", where, undefined, { query: { dry_run: true }, signal });
  const yes = await confirmed({
    title: `Remove ${would.name} for good?`,
    text: `${goes(would)} Trials can only be trained again. The dataset stays.`,
    typed: would.name,
    yes: "Remove the study",
    no: "Keep it",
    signal,
  });
  if (yes) await send("DELETE", where, undefined, { query: { confirm: would.name, evidence: true }, signal });
  return yes;
}

/** @param {StudyRemoved} would */
function goes({ trials, full_trials: full, tables, published, jobs, bytes: size }) {
  const parts = [
    counted(trials, "trial"),
    full > 0 && counted(full, "full trial"),
    counted(tables, "table"),
    published > 0 && counted(published, "published row"),
    counted(jobs, "job"),
  ];
  return `This removes ${parts.filter(Boolean).join(", ")}: ${bytes(size)}.`;
}

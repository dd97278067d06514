// The warnings of a study.

import { h } from "../dom.js";

/** @import { StudyMessage } from "../api.js" */

/**
 * What the service warns of.
 * @param {StudyMessage} study
 */
export function warnings({ table }) {
  if (!table?.warnings.length) return null;
  const items = table.warnings.map((text) => h("li", {}, text));
  return h("ul", { class: "notice warnings", "aria-label": "Warnings" }, items);
}

// Renaming a study, and removing it for good.

import { h } from "../dom.js";
import { address, path } from "../http.js";
import { actionButton } from "../parts/act.js";
import { removeStudy, renameStudy } from "../parts/administer.js";
import { session } from "../session.js";

/** @import { StudyMessage } from "../api.js" */
/** @import { Page } from "../types.js" */

/**
 * The section with the buttons, for those who may; null for others.
 * @param {Page} page
 * @param {StudyMessage} study
 */
export function removal(page, study) {
  if (!session.may("admin")) return null;
  const trouble = h("div", {});
  const rename = async () => {
    const renamed = await renameStudy(study, page.signal);
    if (renamed) page.go(address(path`/studies/${renamed.name}`));
  };
  const remove = async () => {
    if (await removeStudy(study.id, page.signal)) page.go(address("/"));
  };
  return h(
    "section",
    { "aria-labelledby": "removal" },
    h("h2", { id: "removal" }, "Name and removal"),
    trouble,
    h(
      "p",
      { class: "actions" },
      actionButton(page, { text: "Rename this study …", action: "rename", trouble }, rename),
      actionButton(page, { text: "Remove this study …", action: "remove", trouble }, remove),
    ),
  );
}

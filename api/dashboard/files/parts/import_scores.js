// A form for scores that were made elsewhere: a published file, or a study's tables.

import { fill, h, say } from "../dom.js";
import { address, Problem, path, send } from "../http.js";
import { actionButton } from "./act.js";

/** @import { StudyMessage } from "../api.js" */
/** @import { Page } from "../types.js" */

/**
 * @param {Page} page
 * @param {string} dataset
 */
export function importScores(page, dataset) {
  const trouble = h("div", {});
  const files = h("input", { type: "file", accept: ".npz", multiple: true });
  const name = h("input", { type: "text", maxlength: 63, autocomplete: "off", spellcheck: "false" });
  const send = async () => {
    const chosen = [...(files.files ?? [])];
    if (!chosen.length) {
      fill(trouble, h("p", { class: "wrong", role: "alert" }, "Choose a file that ends in .npz."));
      return;
    }
    const study = await brought(page, dataset, name.value.trim(), chosen);
    say(`Imported ${study.name}`);
    page.go(address(path`/studies/${study.name}`));
  };
  const button = actionButton(page, { text: "Import", action: "import-scores", trouble }, send);
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    button.click();
  };
  return h(
    "details",
    {},
    h("summary", {}, "Import scores made elsewhere"),
    h(
      "p",
      { class: "soft" },
      "A score table that memscore exported (.npz), with its pairs table if there is one; or a file in the layout of Feldman " +
        "and Zhang. Their samples must be those of this dataset, in its order.",
    ),
    h(
      "form",
      { class: "actions", novalidate: true, on: { submit } },
      h("label", {}, "Files", files),
      h("label", {}, "Name of the study", name),
      button,
    ),
    trouble,
  );
}

/**
 * The study of these files. A pairs table has to come after its scores, whatever their order is. Throws Problem.
 * @param {Page} page
 * @param {string} dataset
 * @param {string} name
 * @param {File[]} files
 * @returns {Promise<StudyMessage>}
 */
async function brought(page, dataset, name, files) {
  /** @type {StudyMessage | null} */
  let study = null;
  /** @type {File[]} */
  const early = [];
  /** @param {File} file */
  const bring = async (file) => {
    const options = { query: { dataset, name }, signal: page.signal };
    study = await send("POST", "/v1/studies/import", file, options);
  };
  for (const file of files) {
    try {
      await bring(file);
    } catch (error) {
      if (!(error instanceof Problem && error.status === 409 && files.length > 1)) throw error;
      early.push(file);
    }
  }
  for (const file of early) await bring(file);
  return /** @type {StudyMessage} */ (/** @type {unknown} */ (study));
}

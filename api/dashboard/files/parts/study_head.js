// What stands at the top of every page of a study: its name, what it is made of, and its views.

import { h } from "../dom.js";
import { whole } from "../format.js";
import { address, get, path } from "../http.js";
import { empty } from "./problem.js";

const VIEWS = [
  ["scores", "Scores", (study) => address(path`/studies/${study.name}`)],
  ["pairs", "Pairs", (study) => address(path`/studies/${study.name}/pairs`)],
  ["sets", "Sets", (study) => address(path`/studies/${study.name}/sets`)],
  ["compare", "Compare", (study) => address("/compare", { a: study.name })],
];

const datasets = new Map(); // a name stands for one dataset for good

/** The study of a page and its dataset. Throws Problem. */
export async function load(page) {
  const study = await get(path`/v1/studies/${page.params.study}`, {}, { signal: page.signal });
  return { study, dataset: await loadDataset(study.dataset, page.signal) };
}

/** A dataset, asked for once. */
export async function loadDataset(name, signal) {
  if (!datasets.has(name)) datasets.set(name, await get(path`/v1/datasets/${name}`, {}, { signal }));
  return datasets.get(name);
}

/** The head of a study's page; `view` is the present one of "scores", "pairs", "sets", "compare" (null: below them). */
export function head(study, dataset, view, title = study.name) {
  const links = VIEWS.map(([name, text, to]) =>
    h("a", { href: to(study), "aria-current": name === view ? "page" : null }, text),
  );
  return h(
    "header",
    { class: "head" },
    view !== "scores" &&
      h("p", { class: "crumbs" }, h("a", { href: address(path`/studies/${study.name}`) }, study.name)),
    h("h1", {}, title),
    h("p", { class: "soft", "data-part": "described" }, described(study, dataset)),
    h("nav", { class: "tabs", "aria-label": "Views of this study" }, links),
  );
}

/** What a study is, in a sentence. */
export function described(study, dataset) {
  const samples = `${whole(dataset.train_samples)} training and ${whole(dataset.test_samples)} test images of ${dataset.name}`;
  if (study.imported) return `Imported scores of ${samples}.`;
  const trials = `${whole(study.trials)} trials of ${study.recipe_name ?? study.recipe.network}`;
  const ratio = study.design ? `, each trained on ${Math.round(100 * study.design.subset_ratio)} %` : "";
  return `${trials} on ${samples}${ratio}.`;
}

/** What stands in place of the scores of a study that has none yet. */
export function noScores(study) {
  return empty(
    "No scores yet",
    h(
      "p",
      {},
      "They appear when the study's first block of trials has finished, and grow more precise while its job runs.",
    ),
    h(
      "p",
      {},
      h("a", { href: address("/jobs", { study: study.name }) }, "See its jobs"),
      ", or ",
      h("a", { href: address("/jobs/new", { dataset: study.dataset }) }, "start one"),
      ".",
    ),
  );
}

// What stands at the top of every page of a study: its name, what it is made of, and its views.

import { h } from "../dom.js";
import { counted, whole } from "../format.js";
import { address, get, path } from "../http.js";
import { empty } from "./problem.js";
import { learnKind } from "./words.js";

/** @import { DatasetDetail, StudyMessage } from "../api.js" */
/** @import { Loaded, Named, Page } from "../types.js" */

/** @typedef {"scores" | "review" | "pairs" | "duplicates" | "sets" | "compare"} ViewName */

/** @type {{ view: ViewName, text: string, to: (study: Named) => string }[]} */
const VIEWS = [
  { view: "scores", text: "Scores", to: (study) => address(path`/studies/${study.name}`) },
  { view: "review", text: "Review", to: (study) => address(path`/studies/${study.name}/review`) },
  { view: "pairs", text: "Pairs", to: (study) => address(path`/studies/${study.name}/pairs`) },
  { view: "duplicates", text: "Duplicates", to: (study) => address(path`/studies/${study.name}/duplicates`) },
  { view: "sets", text: "Sets", to: (study) => address(path`/studies/${study.name}/sets`) },
  { view: "compare", text: "Compare", to: (study) => address("/compare", { a: study.name }) },
];

/** @type {Map<string, DatasetDetail>} */
const datasets = new Map();

/**
 * The study of a page and its dataset. Throws Problem.
 * @param {Page} page
 * @returns {Promise<Loaded>}
 */
export async function load(page) {
  /** @type {StudyMessage} */
  const study = await get(path`/v1/studies/${page.params.study}`, {}, { signal: page.signal });
  return { study, dataset: await loadDataset(study, page.signal) };
}

/**
 * The dataset of a study, asked for once, as long as its name means the same.
 * @param {Pick<StudyMessage, "dataset" | "fingerprint">} study
 * @param {AbortSignal} signal
 * @returns {Promise<DatasetDetail>}
 */
export async function loadDataset({ dataset: name, fingerprint }, signal) {
  const known = datasets.get(name);
  const same = known?.fingerprint === fingerprint;
  /** @type {DatasetDetail} */
  const dataset = known && same ? known : await get(path`/v1/datasets/${name}`, {}, { signal });
  datasets.set(name, dataset);
  learnKind(dataset);
  return dataset;
}

/**
 * The head of a study's page; `view` is the present one, null below them.
 * @param {StudyMessage} study
 * @param {DatasetDetail} dataset
 * @param {ViewName | null} view
 */
export function head(study, dataset, view, title = study.name) {
  const links = VIEWS.map((one) =>
    h("a", { href: one.to(study), "aria-current": one.view === view ? "page" : null }, one.text),
  );
  const home = h("a", { href: address(path`/studies/${study.name}`) }, study.name);
  return h(
    "header",
    { class: "head" },
    view !== "scores" && h("p", { class: "crumbs" }, home),
    h("h1", {}, title),
    h("p", { class: "soft", "data-part": "described" }, described(study, dataset)),
    h("nav", { class: "tabs", "aria-label": "Views of this study" }, links),
  );
}

/**
 * What a study is, in a sentence.
 * @param {StudyMessage} study
 * @param {DatasetDetail} dataset
 */
export function described(study, dataset) {
  const { name, train_samples: train, test_samples: test } = dataset;
  const noun = dataset.kind === "images" ? "test image" : "test sample";
  const samples = `${whole(train)} training and ${test ? counted(test, noun) : `no ${noun}s`} of ${name}`;
  const from = study.table?.trials ? ` from ${counted(study.table.trials, "trial")} elsewhere,` : "";
  if (study.imported) return `Imported scores${from} of ${samples}.`;
  const trials = `${counted(study.trials, "trial")} of ${study.recipe_name ?? study.recipe?.network}`;
  const ratio = study.design ? `, each trained on ${Math.round(100 * study.design.subset_ratio)} %` : "";
  return `${trials} on ${samples}${ratio}.`;
}

/**
 * What stands in place of the scores of a study that has none yet.
 * @param {StudyMessage} study
 */
export function noScores(study) {
  const text = "They appear after the study's first block of trials and become more precise while its job runs.";
  const jobs = h("a", { href: address("/jobs", { study: study.name }) }, "See its jobs");
  const start = h("a", { href: address("/jobs/new", { dataset: study.dataset }) }, "start one");
  return empty("No scores yet", h("p", {}, text), h("p", {}, jobs, ", or ", start, "."));
}

// One test sample: its image, how often models are right on it, and which training samples it rests on.

import { fill, focusIn, h, put } from "../dom.js";
import { className, counted, fixed, percent } from "../format.js";
import { get, path } from "../http.js";
import { about, nearest } from "../parts/about_sample.js";
import { DISCOVERY_RATE, Influences, influenceText } from "../parts/influence.js";
import { empty, problem } from "../parts/problem.js";
import { byKeys, sampleUrl, stepLinks } from "../parts/sample.js";
import { head, load } from "../parts/study_head.js";
import { image, setMark } from "../parts/tile.js";
import { enlarger } from "../parts/zoom.js";

/** @import { DatasetDetail, Pair, Pairs, StudyMessage, TestScore } from "../api.js" */
/** @import { Child, Loaded, Page, Picture } from "../types.js" */

const SHOWN = 24; // at first, and again each time the reader wants more

/**
 * What the parts of the page draw from.
 * @typedef {Loaded & { page: Page, score: TestScore, label: string }} View
 */

/** @param {Page} page */
export async function show(page) {
  const { study: name, index } = page.params;
  page.title(`Test sample ${index} of ${name}`);
  byKeys(page, "test");
  /** @type {[Loaded, TestScore]} */
  const [{ study, dataset }, score] = await Promise.all([
    load(page),
    get(path`/v1/studies/${name}/test-scores/${index}`, {}, { signal: page.signal }),
  ]);
  const label = className(dataset, score.label);
  const view = { page, study, dataset, score, label };
  const found = await pairsOf(view, null);
  const large = image(dataset.name, "test", score.index, { label, scale: 8 });
  large.classList.add("large");
  if (large instanceof HTMLImageElement) large.loading = "eager";
  const near = await nearest(page, study, dataset, "test", score.index);
  put(
    page.main,
    head(study, dataset, null, `Test sample ${score.index}: ${label}`),
    h(
      "section",
      { class: "sample", "aria-label": "Score" },
      h("div", {}, large, about(dataset, "test", score.index), steps(study, dataset, score)),
      h("div", {}, h("p", {}, sentence(score)), h("p", {}, fromMemory(study, score, found)), measures(view, found)),
    ),
    rests(view, found),
    near,
  );
}

/**
 * The pairs of a test sample behind a cursor, those that hold first.
 * @param {View} view
 * @param {string | null} cursor
 * @returns {Promise<Pairs>}
 */
function pairsOf({ page, study, score }, cursor) {
  const query = { test_index: score.index, order: "holds", limit: SHOWN, cursor };
  return get(path`/v1/studies/${study.name}/pairs`, query, { signal: page.signal });
}

/** @param {TestScore} score */
function sentence(score) {
  if (score.p === null) return "Imported scores do not include the accuracy of models on it.";
  const right = `Correct in ${percent(score.p)} of ${counted(score.trials, "trial")}`;
  if (score.p_full === null) return `${right}.`;
  return `${right}, and in ${percent(score.p_full)} of those that trained on all samples.`;
}

/**
 * Whether models answer it from memory, as far as these trials tell.
 * @param {StudyMessage} study
 * @param {TestScore} score
 * @param {Pairs} found
 * @returns {Child[]}
 */
function fromMemory(study, score, { pairs, matching, holding }) {
  if (!matching) return ["No single training sample matters for it: models learn it from many similar ones."];
  if (!holding)
    return [`Whether single training samples matter for it cannot be told after ${counted(score.trials, "trial")}.`];
  const { train_index: first } = pairs[0];
  const link = h("a", { href: sampleUrl(study, "train", first) }, `training sample ${first}`);
  const others = holding > 1 ? ` and ${counted(holding - 1, "other")}` : "";
  return ["Partly answered from memory: models depend on ", link, `${others}, beyond chance.`];
}

/**
 * @param {View} view
 * @param {Pairs} found
 */
function measures({ study, score, label }, { pairs, holding }) {
  const { infl_index: strongest } = score;
  const largest = fixed(score.infl_max, 3);
  const beyond = pairs.slice(0, holding ?? 0).some((one) => one.train_index === strongest); // those that hold come first
  /** @param {number} index */
  const link = (index) => h("a", { href: sampleUrl(study, "train", index) }, `training sample ${index}`);
  /** @type {[string, Child][]} */
  const rows = [
    ["Label", label],
    ["Correct in trials", fixed(score.p, 3)],
    ["Correct in full trials", fixed(score.p_full, 3)],
    [
      "Largest influence",
      strongest === null ? largest : [`${largest}, of `, link(strongest), !beyond && " (not beyond chance)"],
    ],
    ["Set", setMark(score.set) ?? "in between"],
  ];
  return h(
    "dl",
    { class: "measure" },
    rows.map(([term, value]) => [h("dt", {}, term), h("dd", {}, value)]),
  );
}

/**
 * @param {StudyMessage} study
 * @param {DatasetDetail} dataset
 * @param {TestScore} score
 */
function steps(study, dataset, { index }) {
  return stepLinks(study, "test", [
    index > 0 && { to: index - 1, text: `← sample ${index - 1}`, key: "k" },
    index < dataset.test_samples - 1 && { to: index + 1, text: `sample ${index + 1} →`, key: "j" },
  ]);
}

/**
 * @param {View} view
 * @param {Pairs} found
 */
function rests(view, { pairs, matching: all, holding, floor, strong, next }) {
  const title = h("h2", { id: "rests" }, "Training samples it depends on");
  if (!pairs.length) {
    const text = `No training sample influences it by ${floor} or more: models learn it from many similar ones.`;
    return h("section", { "aria-labelledby": "rests" }, title, empty("None", h("p", {}, text)));
  }
  const about =
    `Without one of these in training, models classify it correctly less often, by infl. Pairs with an infl of at ` +
    `least ${floor} are stored; a q-value up to ${DISCOVERY_RATE}${strong === null ? "" : ", weighted where there is one,"} means ` +
    "more than chance.";
  const draw = (/** @type {Pair} */ one) => row(view, one, strong);
  const list = new Influences(draw, { all, holding, trials: view.score.trials });
  list.add(pairs);
  const more = h("p", {});
  offerMore(view, list, more, next);
  const words = h("p", { class: "soft small" }, about);
  return h("section", { "aria-labelledby": "rests" }, title, words, list.element);
}

/**
 * A button that appends the pairs behind a cursor; nothing where there are none.
 * @param {View} view
 * @param {Influences<Pair>} list
 * @param {HTMLElement} more
 * @param {string | null} cursor
 */
function offerMore(view, list, more, cursor) {
  const append = async () => {
    try {
      const { pairs, next } = await pairsOf(view, cursor);
      const [first] = list.add(pairs);
      offerMore(view, list, more, next);
      const folded = first.closest("details");
      if (folded) folded.open = true;
      focusIn(first, "a");
    } catch (error) {
      if (!view.page.signal.aborted) fill(more, problem(error, { compact: true, retry: append }));
    }
  };
  list.follow(more);
  fill(more, cursor && h("button", { type: "button", on: { click: append } }, "More training samples"));
}

/**
 * @param {View} view
 * @param {Pair} one
 * @param {number | null} strong
 */
function row({ page, study, dataset, score, label }, one, strong) {
  const { train_index: train, mem } = one;
  const href = sampleUrl(study, "train", train);
  /** @type {Picture[]} */
  const both = [
    { split: "train", index: train, href },
    { split: "test", index: score.index, label },
  ];
  return h(
    "li",
    { class: "influence" },
    h("a", { href }, image(dataset.name, "train", train)),
    h(
      "div",
      {},
      h("p", {}, h("a", { href }, `train ${train}`)),
      influenceText(one, strong),
      mem !== null && h("p", { class: "soft" }, `its mem ${fixed(mem)}`),
      enlarger(page, dataset, both, influenceText(one, strong)),
    ),
  );
}

// One training sample: its image, why its mem is what it is, whom it influences, and which samples are like it.

import { h, put } from "../dom.js";
import { className, fixed, whole } from "../format.js";
import { get, path } from "../http.js";
import { about, nearest } from "../parts/about_sample.js";
import { Influences, influenceText } from "../parts/influence.js";
import { inList } from "../parts/listed.js";
import { drawPlace, placeFor } from "../parts/place.js";
import { empty } from "../parts/problem.js";
import { rates } from "../parts/rates.js";
import { byKeys, neighbours, sampleCard, sampleUrl, stepLinks } from "../parts/sample.js";
import { head, load } from "../parts/study_head.js";
import { image } from "../parts/tile.js";
import { measures, picture } from "../parts/train_facts.js";
import { enlarger } from "../parts/zoom.js";

/** @import { DatasetDetail, Decisions, Explanation, Influence, InfluencedTest, Score, StudyMessage } from "../api.js" */
/** @import { Loaded, Page, Picture } from "../types.js" */

const SHOWN = 24;

/** @param {Page} page */
export async function show(page) {
  const { study: name, index } = page.params;
  page.title(`Training sample ${index} of ${name}`);
  byKeys(page, "train");
  /** @type {[Loaded, Explanation, Decisions]} */
  const [{ study, dataset }, found, decided] = await Promise.all([
    load(page),
    get(path`/v1/studies/${name}/explain/${index}`, { limit: SHOWN, holding: true }, { signal: page.signal }),
    get(path`/v1/studies/${name}/decisions`, { index }, { signal: page.signal }),
  ]);
  const { score } = found;
  const { mem } = score;
  const list = await inList(page, study, score.index);
  const links = await steps(page, study, found, list === null);
  const near = await nearest(page, study, dataset, "train", score.index);
  const place = placeFor();
  put(
    page.main,
    head(study, dataset, null, `Training sample ${score.index}: ${className(dataset, score.label)}`),
    h(
      "section",
      { class: "sample", "aria-label": "Score" },
      h("div", {}, picture(dataset, score), about(dataset, "train", score.index), list, links),
      h("div", {}, h("p", {}, found.sentence), measures(dataset, found, decided), mem !== null && place, rates(score)),
    ),
    influences(page, study, dataset, found),
    alike(study, dataset, found),
    near,
  );
  if (mem !== null) await drawPlace(page, place, study, { mem, interval: score.interval });
}

/**
 * @param {Page} page
 * @param {StudyMessage} study
 * @param {Explanation} explanation
 * @param {boolean} keyed whether j and k step by index: in a list they step through that
 */
async function steps(page, study, { score: { index }, position, samples }, keyed) {
  const { more, less } = await neighbours(page, study, position);
  return stepLinks(study, "train", [
    index > 0 && { to: index - 1, text: `← sample ${index - 1}`, key: keyed ? "k" : undefined },
    index < samples - 1 && { to: index + 1, text: `sample ${index + 1} →`, key: keyed ? "j" : undefined },
    more !== null && { to: more, text: "more memorized", key: "p" },
    less !== null && { to: less, text: "less memorized", key: "n" },
  ]);
}

/**
 * @param {Page} page
 * @param {StudyMessage} study
 * @param {DatasetDetail} dataset
 * @param {Explanation} explanation
 */
function influences(page, study, dataset, { score, influences: found, influenced: all, holding, floor, strong }) {
  const title = h("h2", { id: "influences" }, "Test samples it influences");
  if (!found.length) {
    const nothing = dataset.test_samples
      ? `It influences no test sample by ${floor} or more.`
      : "The dataset has no test part, which influences need.";
    const none = empty("None", h("p", {}, nothing));
    return h("section", { "aria-labelledby": "influences" }, title, none);
  }
  const about =
    "infl is the probability that a model classifies the test sample correctly when trained on this one, minus the " +
    `probability when not. Pairs with an infl of at least ${floor} are stored. The small images influence the same ` +
    "test sample.";
  const draw = (/** @type {InfluencedTest} */ one) => influence({ page, study, dataset, score, strong }, one);
  const list = new Influences(draw, { all, holding, trials: score.trials });
  list.add(found);
  const strongest = found.length < all && `The first ${whole(found.length)} of ${whole(all)} are listed.`;
  const words = h("p", { class: "soft small" }, about);
  const listed = h("p", { class: "soft small" }, strongest);
  return h("section", { "aria-labelledby": "influences" }, title, words, list.element, strongest && listed);
}

/**
 * @param {Loaded & { page: Page, score: Score, strong: number | null }} view
 * @param {InfluencedTest} one
 */
function influence({ page, study, dataset, score, strong }, one) {
  const { test_index: test, others } = one;
  const href = sampleUrl(study, "test", test);
  /** @type {Picture[]} */
  const both = [
    { split: "train", index: score.index, label: className(dataset, score.label) },
    { split: "test", index: test, href }, // of any class, where a study has all pairs
  ];
  return h(
    "li",
    { class: "influence" },
    h("a", { href }, image(dataset.name, "test", test)),
    h(
      "div",
      {},
      h("p", {}, h("a", { href }, `test ${test}`)),
      influenceText(one, strong),
      enlarger(page, dataset, both, influenceText(one, strong)),
      others.length > 0 &&
        h(
          "div",
          { class: "rests" },
          others.map((other) => rest(study, dataset, other)),
        ),
    ),
  );
}

/**
 * Another training sample that influences the same test sample.
 * @param {StudyMessage} study
 * @param {DatasetDetail} dataset
 * @param {Influence} other
 */
function rest(study, dataset, { train_index: train, infl }) {
  const title = `training sample ${train}: infl ${fixed(infl)}`;
  return h("a", { class: "rest", href: sampleUrl(study, "train", train), title }, image(dataset.name, "train", train));
}

/**
 * @param {StudyMessage} study
 * @param {DatasetDetail} dataset
 * @param {Explanation} explanation
 */
function alike(study, dataset, { rivals }) {
  if (!rivals.length) return null;
  const cards = rivals.map((one) => {
    const below = `${one.shared} shared, ${fixed(one.overlap)}`;
    return sampleCard(study, dataset, "train", one, { right: fixed(one.mem), below });
  });
  return h(
    "section",
    { "aria-labelledby": "rivals" },
    h("h2", { id: "rivals" }, "Training samples that influence the same test samples"),
    h("div", { class: "cards" }, cards),
  );
}

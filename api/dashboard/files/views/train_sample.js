// One training sample: its image, why its mem is what it is, whom it influences, and which samples are like it.

import { h, put } from "../dom.js";
import { className, fixed, interval, known, ofShares, percent, plusMinus, whole } from "../format.js";
import { get, path } from "../http.js";
import { about, nearest } from "../parts/about_sample.js";
import { decisionText } from "../parts/decision.js";
import { Influences, influenceText } from "../parts/influence.js";
import { inList } from "../parts/listed.js";
import { drawPlace, placeFor } from "../parts/place.js";
import { empty } from "../parts/problem.js";
import { rates } from "../parts/rates.js";
import { byKeys, neighbours, sampleCard, sampleUrl, stepLinks } from "../parts/sample.js";
import { head, load } from "../parts/study_head.js";
import { image, setMark, track } from "../parts/tile.js";
import { enlarger } from "../parts/zoom.js";

/** @import { DatasetDetail, Decisions, Explanation, Influence, InfluencedTest, Score, StudyMessage } from "../api.js" */
/** @import { Child, Loaded, Page, Picture } from "../types.js" */

const SHOWN = 24;
const RISK = "chance that an attacker who knows the recipe and such data recognizes it, at 0.1 % false alarms";

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
 * @param {DatasetDetail} dataset
 * @param {Score} score
 */
function picture(dataset, score) {
  const large = image(dataset.name, "train", score.index, { label: className(dataset, score.label), scale: 8 });
  large.classList.add("large");
  if (large instanceof HTMLImageElement) large.loading = "eager";
  return large;
}

/**
 * @param {DatasetDetail} dataset
 * @param {Explanation} found
 * @param {Decisions} decided
 */
function measures(dataset, found, decided) {
  const { score, rank, rank_in_class: inClass, samples, samples_in_class: ofClass } = found;
  const flipped = dataset.flipped_indices.includes(score.index);
  const error = h("span", { class: "soft" }, ofShares(score.se, 3));
  const ranks = `${whole(rank)} of ${whole(samples)}, ${whole(inClass)} of ${whole(ofClass)} in its class`;
  /** @type {[string, Child][]} */
  const rows = [
    ["mem", [h("strong", {}, fixed(score.mem, 3)), error, " ", setMark(score.set)]],
    ["95 % interval", [interval(score.interval, 3), track(score.mem, score.interval)]],
    ...byMargins(score),
    ["Label", [className(dataset, score.label), flipped && h("strong", {}, " (deliberately flipped)")]],
    ...voted(dataset, found),
    ...reviewed(dataset, decided),
    ["Rank", rank === null ? "none: mem is undefined" : ranks],
  ];
  return h(
    "dl",
    { class: "measure" },
    rows.map(([term, value]) => [h("dt", {}, term), h("dd", {}, value)]),
  );
}

/**
 * What trials say of its label that did not train on it, where they recorded predictions.
 * @param {DatasetDetail} dataset
 * @param {Explanation} explanation
 * @returns {[string, Child][]}
 */
function voted(dataset, { score, suggested, share, label_error: error, suspected }) {
  if (suggested === null || share === null) return [];
  const { label, p_out: right } = score;
  /** @type {[number, number | null][]} */
  const said = [
    [suggested, share],
    [label, right],
  ];
  const rest = 1 - share - (right ?? 0);
  const bars = [
    ...said.map(([one, part]) => bar(className(dataset, one), part ?? 0)),
    rest > 0.005 && bar("others", rest),
  ];
  const wrong =
    error !== null && `Label wrong with a probability of ${percent(error, 0)}${suspected ? ": suspected" : ""}`;
  return [
    [
      "Without it, models say",
      [h("span", { class: "votes" }, bars), wrong && h("span", { class: "soft small" }, wrong)],
    ],
  ];
}

/**
 * What reviewers decide on it.
 * @param {DatasetDetail} dataset
 * @param {Decisions} decided
 * @returns {[string, Child][]}
 */
function reviewed(dataset, { decision: [decision], label: [label] }) {
  if (decision === undefined) return [];
  const { words } = decisionText({ decision, label }, (one) => className(dataset, one));
  return [["Reviewed", h("span", { class: "mark reviewed" }, words)]];
}

/**
 * @param {string} name
 * @param {number} part
 */
const bar = (name, part) =>
  h(
    "span",
    { class: "vote" },
    h("span", {}, name),
    h("span", { class: "share-bar", "aria-hidden": "true" }, h("i", { style: { width: `${100 * part}%` } })),
    h("span", { class: "number" }, percent(part, 0)),
  );

/**
 * What the margins of the trials say, where trials recorded them.
 * @param {Score} score
 * @returns {[string, Child][]}
 */
function byMargins({ mem_margin: mem, se_margin: error, margin_interval: ends, risk, se_risk: riskError }) {
  /** @param {number | null | undefined} value */
  const within = (value) => h("span", { class: "soft" }, plusMinus(value, 3));
  /** @type {[string, Child][]} */
  const rows = [];
  if (known(mem)) rows.push(["mem by margins", [fixed(mem, 3), within(error), known(ends) && track(mem, ends)]]);
  if (known(mem) && known(ends)) rows.push(["95 % interval by margins", interval(ends, 3)]);
  if (known(risk))
    rows.push(["Privacy risk", [fixed(risk, 3), within(riskError), h("span", { class: "soft small" }, ` ${RISK}`)]]);
  return rows;
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

// One training sample: its image, why its mem is what it is, whom it influences, and which samples are like it.

import { h, put } from "../dom.js";
import { className, fixed, interval, whole } from "../format.js";
import { get, path } from "../http.js";
import { influenceText } from "../parts/influence.js";
import { drawPlace, placeFor } from "../parts/place.js";
import { empty } from "../parts/problem.js";
import { rates } from "../parts/rates.js";
import { byKeys, neighbours, sampleCard, sampleUrl, stepLinks } from "../parts/sample.js";
import { head, load } from "../parts/study_head.js";
import { image, setMark, track } from "../parts/tile.js";
import { enlarger } from "../parts/zoom.js";

const SHOWN = 24;

export async function show(page) {
  const { study: name, index } = page.params;
  page.title(`Training sample ${index} of ${name}`);
  byKeys(page, "train");
  const [{ study, dataset }, found] = await Promise.all([
    load(page),
    get(path`/v1/studies/${name}/explain/${index}`, { limit: SHOWN }, { signal: page.signal }),
  ]);
  const score = found.score;
  const links = await steps(page, study, found);
  const place = placeFor();
  put(
    page.main,
    head(study, dataset, null, `Training sample ${score.index}: ${className(dataset, score.label)}`),
    h(
      "section",
      { class: "sample", "aria-label": "Score" },
      h("div", {}, picture(dataset, score), links),
      h("div", {}, h("p", {}, found.sentence), measures(dataset, found), score.mem !== null && place, rates(score)),
    ),
    influences(page, study, dataset, found),
    alike(study, dataset, found),
  );
  if (score.mem !== null) await drawPlace(page, place, study, score);
}

function picture(dataset, score) {
  const large = image(dataset.name, "train", score.index, { label: className(dataset, score.label), scale: 8 });
  large.classList.add("large");
  large.loading = "eager";
  return large;
}

function measures(dataset, { score, rank, rank_in_class: inClass, samples, samples_in_class: ofClass }) {
  const flipped = dataset.flipped_indices.includes(score.index);
  const rows = [
    [
      "mem",
      [
        h("strong", {}, fixed(score.mem, 3)),
        score.se !== null && h("span", { class: "soft" }, ` ± ${fixed(score.se, 3)}`),
        " ",
        setMark(score.set),
      ],
    ],
    ["95 % interval", [interval(score.interval, 3), track(score.mem, score.interval)]],
    ["Label", [className(dataset, score.label), flipped && h("strong", {}, " (flipped on purpose)")]],
    [
      "Rank",
      rank === null
        ? "none: mem is undefined"
        : `${whole(rank)} of ${whole(samples)}, ${whole(inClass)} of ${whole(ofClass)} in its class`,
    ],
  ];
  return h(
    "dl",
    { class: "measure" },
    rows.map(([term, value]) => [h("dt", {}, term), h("dd", {}, value)]),
  );
}

async function steps(page, study, { score, position, samples }) {
  const { more, less } = await neighbours(page, study, position);
  return stepLinks(study, "train", [
    score.index > 0 && { to: score.index - 1, text: `← sample ${score.index - 1}`, key: "k" },
    score.index < samples - 1 && { to: score.index + 1, text: `sample ${score.index + 1} →`, key: "j" },
    more !== null && { to: more, text: "more memorized", key: "p" },
    less !== null && { to: less, text: "less memorized", key: "n" },
  ]);
}

function influences(page, study, dataset, { score, influences: found, floor }) {
  const title = h("h2", { id: "influences" }, "Test samples it influences");
  const about = h(
    "p",
    { class: "soft small" },
    `infl is the chance that a model is right on the test sample when it was trained on this one, less that chance when it was not. Pairs from ${floor} upwards are kept. The small images also influence the same test sample.`,
  );
  if (!found.length) {
    const none = empty("None", h("p", {}, `It influences no test sample by ${floor} or more.`));
    return h("section", { "aria-labelledby": "influences" }, title, none);
  }
  return h(
    "section",
    { "aria-labelledby": "influences" },
    title,
    about,
    h(
      "ul",
      { class: "influences" },
      found.map((one) => influence(page, study, dataset, score, one)),
    ),
  );
}

function influence(page, study, dataset, score, one) {
  const label = className(dataset, score.label);
  const both = [
    { split: "train", index: score.index, label },
    { split: "test", index: one.test_index, href: sampleUrl(study, "test", one.test_index) },
  ]; // of any class, where a study has all pairs
  return h(
    "li",
    { class: "influence" },
    h("a", { href: sampleUrl(study, "test", one.test_index) }, image(dataset.name, "test", one.test_index)),
    h(
      "div",
      {},
      h("p", {}, h("a", { href: sampleUrl(study, "test", one.test_index) }, `test ${one.test_index}`)),
      influenceText(one),
      enlarger(page, dataset, both, influenceText(one)),
      one.others.length > 0 &&
        h(
          "div",
          { class: "rests" },
          one.others.map((other) =>
            h(
              "a",
              {
                class: "rest",
                href: sampleUrl(study, "train", other.train_index),
                title: `training sample ${other.train_index}: infl ${fixed(other.infl)}`,
              },
              image(dataset.name, "train", other.train_index),
            ),
          ),
        ),
    ),
  );
}

function alike(study, dataset, { rivals }) {
  if (!rivals.length) return null;
  return h(
    "section",
    { "aria-labelledby": "rivals" },
    h("h2", { id: "rivals" }, "Training samples that influence the same test samples"),
    h(
      "div",
      { class: "cards" },
      rivals.map((one) =>
        sampleCard(study, dataset, "train", one.index, one.label, {
          right: fixed(one.mem),
          below: `${one.shared} shared, ${fixed(one.overlap)}`,
        }),
      ),
    ),
  );
}

// One test sample: its image, how often models are right on it, and which training samples it rests on.

import { fill, h, put } from "../dom.js";
import { className, fixed, percent } from "../format.js";
import { get, path } from "../http.js";
import { influenceText } from "../parts/influence.js";
import { empty, problem } from "../parts/problem.js";
import { byKeys, sampleUrl, stepLinks } from "../parts/sample.js";
import { head, load } from "../parts/study_head.js";
import { image, setMark } from "../parts/tile.js";
import { enlarger } from "../parts/zoom.js";

const SHOWN = 24; // at first, and again each time the reader wants more

export async function show(page) {
  const { study: name, index } = page.params;
  page.title(`Test sample ${index} of ${name}`);
  byKeys(page, "test");
  const asked = { signal: page.signal };
  const [{ study, dataset }, score] = await Promise.all([
    load(page),
    get(path`/v1/studies/${name}/test-scores/${index}`, {}, asked),
  ]);
  const found = await pairsOf(page, study, score, null);
  const label = className(dataset, score.label);
  const large = image(dataset.name, "test", score.index, { label, scale: 8 });
  large.classList.add("large");
  large.loading = "eager";
  put(
    page.main,
    head(study, dataset, null, `Test sample ${score.index}: ${label}`),
    h(
      "section",
      { class: "sample", "aria-label": "Score" },
      h("div", {}, large, steps(study, dataset, score)),
      h("div", {}, h("p", {}, sentence(score)), measures(study, label, score)),
    ),
    rests(page, study, dataset, score, found),
  );
}

/** The pairs of a test sample behind a cursor, strongest first. */
const pairsOf = (page, study, score, cursor) =>
  get(
    path`/v1/studies/${study.name}/pairs`,
    { test_index: score.index, limit: SHOWN, cursor },
    { signal: page.signal },
  );

function sentence(score) {
  if (score.p === null) return "Imported scores do not say how often models are right on it.";
  const right = `Right in ${percent(score.p)} of ${score.trials} trials`;
  return score.p_full === null
    ? `${right}.`
    : `${right}, and in ${percent(score.p_full)} of those that trained on all samples.`;
}

function measures(study, label, score) {
  const strongest = score.infl_index;
  const rows = [
    ["Label", label],
    ["Right in trials", fixed(score.p, 3)],
    ["Right in full trials", fixed(score.p_full, 3)],
    [
      "Largest influence",
      strongest === null
        ? fixed(score.infl_max, 3)
        : [
            `${fixed(score.infl_max, 3)}, of `,
            h("a", { href: sampleUrl(study, "train", strongest) }, `training sample ${strongest}`),
          ],
    ],
    ["Set", setMark(score.set) ?? "in between"],
  ];
  return h(
    "dl",
    { class: "measure" },
    rows.map(([term, value]) => [h("dt", {}, term), h("dd", {}, value)]),
  );
}

function steps(study, dataset, { index }) {
  return stepLinks(study, "test", [
    index > 0 && { to: index - 1, text: `← sample ${index - 1}`, key: "k" },
    index < dataset.test_samples - 1 && { to: index + 1, text: `sample ${index + 1} →`, key: "j" },
  ]);
}

function rests(page, study, dataset, score, { pairs, floor, next }) {
  const title = h("h2", { id: "rests" }, "Training samples it rests on");
  if (!pairs.length) {
    const none = empty(
      "None",
      h("p", {}, `No training sample influences it by ${floor} or more: models learn it from many others alike.`),
    );
    return h("section", { "aria-labelledby": "rests" }, title, none);
  }
  const about = `Without one of these in training, models are right on it less often, by infl. Pairs from ${floor} upwards are kept; a q-value up to 0.05 says that it is more than chance.`;
  const list = h(
    "ul",
    { class: "influences" },
    pairs.map((one) => row(page, study, dataset, score, one)),
  );
  const more = h("p", {});
  offerMore(page, study, dataset, score, list, more, next);
  return h("section", { "aria-labelledby": "rests" }, title, h("p", { class: "soft small" }, about), list, more);
}

/** A button that appends the pairs behind a cursor; nothing where there are none. */
function offerMore(page, study, dataset, score, list, more, cursor) {
  const append = async () => {
    const first = list.childElementCount;
    try {
      const { pairs, next } = await pairsOf(page, study, score, cursor);
      put(
        list,
        pairs.map((one) => row(page, study, dataset, score, one)),
      );
      offerMore(page, study, dataset, score, list, more, next);
      list.children[first]?.querySelector("a").focus();
    } catch (error) {
      if (!page.signal.aborted) fill(more, problem(error, { compact: true, retry: append }));
    }
  };
  fill(more, cursor && h("button", { type: "button", on: { click: append } }, "More training samples"));
}

function row(page, study, dataset, score, one) {
  const to = sampleUrl(study, "train", one.train_index);
  const label = className(dataset, score.label);
  const both = [
    { split: "train", index: one.train_index, href: to },
    { split: "test", index: score.index, label },
  ];
  return h(
    "li",
    { class: "influence" },
    h("a", { href: to }, image(dataset.name, "train", one.train_index)),
    h(
      "div",
      {},
      h("p", {}, h("a", { href: to }, `train ${one.train_index}`)),
      influenceText(one),
      one.mem !== null && h("p", { class: "soft" }, `its mem ${fixed(one.mem)}`),
      enlarger(page, dataset, both, influenceText(one)),
    ),
  );
}

// One test sample: its image, how often models are right on it, and which training samples it rests on.

import { h, put } from "../dom.js";
import { className, fixed, percent } from "../format.js";
import { get, path } from "../http.js";
import { influenceText } from "../parts/influence.js";
import { empty } from "../parts/problem.js";
import { byKeys, sampleUrl } from "../parts/sample.js";
import { head, load } from "../parts/study_head.js";
import { image, setMark } from "../parts/tile.js";

const SHOWN = 48;

export async function show(page) {
  const { study: name, index } = page.params;
  page.title(`Test sample ${index} of ${name}`);
  const asked = { signal: page.signal };
  const [{ study, dataset }, score] = await Promise.all([load(page), get(path`/v1/studies/${name}/test-scores/${index}`, {}, asked)]);
  const found = await get(path`/v1/studies/${name}/pairs`, { test_index: score.index, limit: SHOWN }, asked);
  const label = className(dataset, score.label);
  const large = image(dataset.name, "test", score.index, { label, scale: 8 });
  large.classList.add("large");
  large.loading = "eager";
  put(
    page.main,
    head(study, dataset, null, `Test sample ${score.index}: ${label}`),
    h("section", { class: "sample", "aria-label": "Score" }, h("div", {}, large, steps(study, dataset, score)), h("div", {}, h("p", {}, sentence(score)), measures(label, score))),
    rests(study, dataset, score, found),
  );
  byKeys(page);
}

function sentence(score) {
  if (score.p === null) return "Imported scores do not say how often models are right on it.";
  const right = `Right in ${percent(score.p)} of ${score.trials} trials`;
  return score.p_full === null ? `${right}.` : `${right}, and in ${percent(score.p_full)} of those that trained on all samples.`;
}

function measures(label, score) {
  const rows = [
    ["Label", label],
    ["Right in trials", fixed(score.p, 3)],
    ["Right in full trials", fixed(score.p_full, 3)],
    ["Largest influence", score.infl_index === null ? fixed(score.infl_max, 3) : `${fixed(score.infl_max, 3)}, of training sample ${score.infl_index}`],
    ["Set", setMark(score.set) ?? "in between"],
  ];
  return h("dl", { class: "measure" }, rows.map(([term, value]) => [h("dt", {}, term), h("dd", {}, value)]));
}

function steps(study, dataset, { index }) {
  return h(
    "nav",
    { class: "steps", "aria-label": "Neighbours" },
    index > 0 && h("a", { href: sampleUrl(study, "test", index - 1), "data-key": "j" }, `← sample ${index - 1}`),
    index < dataset.test_samples - 1 && h("a", { href: sampleUrl(study, "test", index + 1), "data-key": "k" }, `sample ${index + 1} →`),
  );
}

function rests(study, dataset, score, { pairs, floor, next }) {
  const title = h("h2", { id: "rests" }, "Training samples it rests on");
  if (!pairs.length) {
    const none = empty("None", h("p", {}, `No training sample of its class influences it by ${floor} or more: models learn it from many others alike.`));
    return h("section", { "aria-labelledby": "rests" }, title, none);
  }
  const about = `Without one of these in training, models are right on it less often, by infl. Pairs from ${floor} upwards are kept; a q-value up to 0.05 says that it is more than chance.`;
  return h(
    "section",
    { "aria-labelledby": "rests" },
    title,
    h("p", { class: "soft small" }, about),
    h("ul", { class: "influences" }, pairs.map((one) => row(study, dataset, score, one))),
    next && h("p", { class: "soft" }, `The ${SHOWN} strongest are shown.`),
  );
}

function row(study, dataset, score, one) {
  const to = sampleUrl(study, "train", one.train_index);
  return h(
    "li",
    { class: "influence" },
    h("a", { href: to }, image(dataset.name, "train", one.train_index, { label: className(dataset, score.label) })),
    h("div", {}, h("p", {}, h("a", { href: to }, `train ${one.train_index}`)), influenceText(one), one.mem !== null && h("p", { class: "soft" }, `its mem ${fixed(one.mem)}`)),
  );
}

// Two studies of one dataset: how well their scores agree, and the samples on which they do not.

import { ATYPICAL } from "../charts.js";
import { debounce, fill, h, put, say } from "../dom.js";
import { className, counted, fixed, interval, known, percent, whole } from "../format.js";
import { address, get, newest, path } from "../http.js";
import { DensityChart } from "../parts/density.js";
import { numberField } from "../parts/number_field.js";
import { empty, problem } from "../parts/problem.js";
import { sampleUrl } from "../parts/sample.js";
import { loadDataset } from "../parts/study_head.js";
import { curlTo, serviceUrl, takeAway } from "../parts/take_away.js";
import { image, track } from "../parts/tile.js";

/** @import { Agreement, ComparisonMessage, DatasetDetail, DatasetMessage, Datasets, Disagreement, Side } from "../api.js" */
/** @import { Studies, StudyMessage } from "../api.js" */
/** @import { Page } from "../types.js" */

const BINS = 50;
const SHOWN = 24;

/** @param {Page} page */
export async function show(page) {
  page.title("Compare studies");
  /** @type {[Studies, Datasets]} */
  const [{ studies }, { datasets }] = await Promise.all([
    get("/v1/studies", { limit: 1000 }, { signal: page.signal }),
    get("/v1/datasets", { limit: 1000 }, { signal: page.signal }),
  ]);
  const scored = studies.filter((one) => one.table);
  const wanted = { a: page.query.get("a"), b: page.query.get("b") };
  const { a, b } = chosen(wanted, scored);
  const threshold = Number(page.query.get("threshold") || ATYPICAL);
  const content = h("div", {});
  const comparison = a && b && new Comparison(page, content, a, b);
  put(
    page.main,
    h("h1", {}, "Compare two studies"),
    h(
      "p",
      { class: "soft" },
      "Scores of the same samples from other models, seeds or subsets: " +
        "agreement is a property of the data, disagreement is chance or the model's.",
    ),
    h(
      "form",
      { class: "filters", "aria-label": "Studies", on: { submit: (event) => event.preventDefault() } },
      pickers(page, scored, a, b, a ? relatedTo(a, scored, datasets) : []),
      comparison && thresholdField(page, comparison, threshold),
    ),
    content,
  );
  const missing = [];
  if (wanted.a && !a) missing.push(wanted.a);
  if (wanted.b && !b) missing.push(wanted.b);
  if (missing.length) {
    fill(content, await Promise.all(missing.map((name) => whyNot(page, name))));
  } else if (!comparison) {
    fill(content, alone(scored, a));
  } else {
    page.title(`${comparison.a.name} and ${comparison.b.name}`);
    await comparison.show(threshold);
  }
}

/**
 * The studies that an address names by name or id, and partners for what it leaves open.
 * @param {{ a: string | null, b: string | null }} wanted
 * @param {StudyMessage[]} scored
 */
function chosen(wanted, scored) {
  /** @param {string} name */
  const named = (name) => scored.find((one) => one.name === name || one.id === name) ?? null;
  const b = wanted.b ? named(wanted.b) : null;
  let a = firstWithPartner(scored);
  if (wanted.a) a = named(wanted.a);
  else if (wanted.b) a = partnersOf(b, scored)[0] ?? b;
  return { a, b: wanted.b ? b : (partnersOf(a, scored)[0] ?? null) };
}

/**
 * @param {Page} page
 * @param {Comparison} comparison
 * @param {number} value
 */
function thresholdField(page, comparison, value) {
  /** @param {number} threshold */
  const show = (threshold) => comparison.show(threshold);
  const refresh = debounce(200, show, page.signal);
  /** @param {number | null} threshold */
  const changed = (threshold) => {
    page.keep({ threshold: threshold === ATYPICAL ? null : threshold });
    refresh(threshold ?? ATYPICAL);
  };
  const placeholder = String(ATYPICAL);
  return numberField({ label: "Atypical above", value, min: 0, max: 1, step: "any", placeholder, changed });
}

/** How two studies agree, drawn in a place. */
class Comparison {
  #chart;
  #content;
  #newest;
  #page;

  /**
   * @param {Page} page
   * @param {HTMLElement} content
   * @param {StudyMessage} a
   * @param {StudyMessage} b
   */
  constructor(page, content, a, b) {
    this.a = a;
    this.b = b;
    this.#page = page;
    this.#content = content;
    this.#newest = newest(page.signal);
    this.#chart = new DensityChart(page.signal);
  }

  /**
   * Ask how the two studies agree, and show it.
   * @param {number} threshold
   */
  async show(threshold) {
    const { a, b } = this;
    const signal = this.#newest();
    try {
      const dataset = await loadDataset(a, this.#page.signal);
      const query = { with: b.name, threshold: threshold === ATYPICAL ? null : threshold, bins: BINS, limit: SHOWN };
      /** @type {ComparisonMessage} */
      const found = await get(path`/v1/studies/${a.name}/compare`, query, { signal });
      this.#draw(dataset, found);
      say(`atypical in both: ${counted(found.agreement.both, "sample")}`);
    } catch (error) {
      const retry = () => this.show(threshold);
      if (!signal.aborted) fill(this.#content, problem(error, { compact: true, retry }));
    }
  }

  /**
   * @param {DatasetDetail} dataset
   * @param {ComparisonMessage} found
   */
  #draw(dataset, { agreement, density, disagreements: all }) {
    const { a, b } = this;
    const { notes, threshold } = agreement;
    const some = all.filter((one) => one.difference);
    fill(
      this.#content,
      facts(agreement),
      notes.length > 0 &&
        h(
          "ul",
          { class: "notice" },
          notes.map((note) => h("li", {}, note)),
        ),
      h(
        "section",
        { class: "columns", "aria-label": "Agreement" },
        h("div", {}, h("h2", {}, "mem in both"), this.#chart.element),
        h("div", {}, h("h2", {}, "In numbers"), numbers(a, b, agreement)),
      ),
      h(
        "section",
        { "aria-labelledby": "disagree" },
        h("h2", { id: "disagree" }, "Where they disagree most"),
        disagreements(a, b, dataset, some),
      ),
      taken(a, b, threshold),
    );
    this.#chart.show({ density, a: a.name, b: b.name, threshold });
  }
}

/**
 * Why a study that the address names cannot be compared: it has no scores, or there is none of this name.
 * @param {Page} page
 * @param {string} name
 */
async function whyNot(page, name) {
  try {
    await get(path`/v1/studies/${name}/scores`, { limit: 1 }, { signal: page.signal });
    return empty(`${name} has just got its scores`, h("p", {}, "Reload the page to compare them."));
  } catch (error) {
    if (page.signal.aborted) throw error;
    return problem(error, { compact: true });
  }
}

/**
 * The other studies of the same dataset, images and labels alike.
 * @param {StudyMessage | null} study
 * @param {StudyMessage[]} scored
 */
const partnersOf = (study, scored) =>
  scored.filter((one) => study && one.fingerprint === study.fingerprint && one.id !== study.id);

/**
 * The studies of other datasets that may share samples, such as a dataset and its corrected version: their samples have
 * the same shape and classes.
 * @param {StudyMessage} study
 * @param {StudyMessage[]} scored
 * @param {DatasetMessage[]} datasets
 */
function relatedTo(study, scored, datasets) {
  const like = (/** @type {DatasetMessage | undefined} */ one) =>
    one && JSON.stringify([one.image_shape, one.class_names]);
  const shapes = new Map(datasets.map((one) => [one.fingerprint, like(one)]));
  const own = shapes.get(study.fingerprint);
  return scored.filter((one) => one.fingerprint !== study.fingerprint && own && shapes.get(one.fingerprint) === own);
}

/**
 * The newest study with another one of its dataset; the newest of all where there is none.
 * @param {StudyMessage[]} scored
 */
function firstWithPartner(scored) {
  return scored.findLast((one) => partnersOf(one, scored).length) ?? scored.at(-1) ?? null;
}

/**
 * @param {Page} page
 * @param {StudyMessage[]} scored
 * @param {StudyMessage | null} a
 * @param {StudyMessage | null} b
 * @param {StudyMessage[]} others of other datasets
 */
function pickers(page, scored, a, b, others) {
  const threshold = page.query.get("threshold");
  const offered = a ? partnersOf(a, scored) : scored;
  return [
    picker("Study a", a, scored, [], (name) => page.go(address("/compare", { a: name, threshold }))),
    picker("Study b", b, offered, others, (name) => page.go(address("/compare", { a: a?.name, b: name, threshold }))),
  ];
}

/**
 * A select of studies; `others` are of other datasets.
 * @param {string} label
 * @param {StudyMessage | null} chosen
 * @param {StudyMessage[]} offered
 * @param {StudyMessage[]} others
 * @param {(name: string) => void} choose
 */
function picker(label, chosen, offered, others, choose) {
  const known = !chosen || offered.includes(chosen) || others.includes(chosen);
  const all = known ? offered : [chosen, ...offered]; // what an address says, however odd
  /** @param {StudyMessage} one */
  const option = (one) => {
    const origin = one.imported ? "imported" : counted(one.trials, "trial");
    return h("option", { value: one.name, selected: one === chosen }, `${one.name} (${one.dataset}, ${origin})`);
  };
  const group = others.length > 0 && h("optgroup", { label: "of other datasets" }, others.map(option));
  const none = h("option", { value: "", selected: true, disabled: true }, "choose one");
  const select = h("select", { "aria-label": label }, !chosen && none, all.map(option), group);
  select.addEventListener("change", () => choose(select.value));
  return h("label", {}, label, select);
}

/**
 * @param {StudyMessage[]} scored
 * @param {StudyMessage | null} a
 */
function alone(scored, a) {
  if (!scored.length || !a) {
    return empty("No study has scores yet", h("p", {}, h("a", { href: address("/") }, "Overview")));
  }
  const advice = "Estimate the dataset again with another seed or recipe, or import published scores of it: ";
  const link = h("a", { href: address("/jobs/new", { dataset: a.dataset }) }, "New job");
  return empty(`No other study of ${a.dataset} has scores`, h("p", {}, advice, link, "."));
}

/**
 * The ends of a 95 % interval over samples.
 * @param {number[]} ends
 */
const between = ([low, high], digits = Math.max(Math.abs(low), Math.abs(high)) > 1.5 ? 0 : 2) =>
  `${fixed(low, digits)} to ${fixed(high, digits)}`;

/** @param {Agreement} found */
function facts(found) {
  /** @type {[string, string, number[] | null][]} */
  const entries = [
    ["Samples with both scores", whole(found.samples), null],
    ["Rank agreement (Spearman)", fixed(found.spearman), found.spearman_interval],
    ["Correlation (Pearson)", fixed(found.pearson), found.pearson_interval],
    ["… corrected for estimation error", fixed(found.corrected), found.corrected_interval],
    [
      "Atypical in both, of those in either",
      percent(found.jaccard),
      found.jaccard_interval?.map((end) => 100 * end) ?? null,
    ],
  ];
  return h(
    "dl",
    { class: "facts" },
    entries.map(([term, value, ends]) =>
      h("div", {}, h("dt", {}, term), h("dd", {}, value, ends && [" ", h("small", {}, between(ends))])),
    ),
  );
}

/**
 * @param {StudyMessage} a
 * @param {StudyMessage} b
 * @param {Agreement} found
 */
function numbers(a, b, found) {
  const rows = [
    [`Atypical in both (mem above ${found.threshold})`, whole(found.both)],
    [`Atypical only in ${a.name}`, whole(found.only_a)],
    [`Atypical only in ${b.name}`, whole(found.only_b)],
    ["Atypical in neither", whole(found.neither)],
    [
      "Cohen's kappa: agreement beyond chance",
      fixed(found.kappa) + (found.kappa_interval ? `, ${between(found.kappa_interval)}` : ""),
    ],
    [
      `Mean of mem in ${a.name} minus ${b.name}`,
      fixed(found.mean_difference, 3) +
        (found.mean_difference_interval ? `, ${between(found.mean_difference_interval, 3)}` : ""),
    ],
    [`Outside the 95 % interval of ${b.name}`, percent(found.a_outside_b)],
    [`Outside the 95 % interval of ${a.name}`, percent(found.b_outside_a)],
    [`Reliability of ${a.name}`, fixed(found.reliability_a)],
    [`Reliability of ${b.name}`, fixed(found.reliability_b)],
  ];
  const body = h(
    "tbody",
    {},
    rows.map(([term, value]) => h("tr", {}, h("th", { scope: "row" }, term), h("td", {}, value))),
  );
  const region = { class: "wide", tabindex: "0", role: "region", "aria-label": "Agreement in numbers" };
  return h("div", region, h("table", { class: "in-numbers" }, body));
}

/**
 * @param {StudyMessage} a
 * @param {StudyMessage} b
 * @param {DatasetDetail} dataset
 * @param {Disagreement[]} found
 */
function disagreements(a, b, dataset, found) {
  if (!found.length) return empty("They agree on every sample");
  /**
   * @param {StudyMessage} study
   * @param {number} index
   * @param {Side} side
   */
  const side = (study, index, { mem, interval: ends }) =>
    h(
      "p",
      {},
      h("a", { href: sampleUrl(study, "train", index) }, study.name),
      " ",
      h("strong", {}, fixed(mem)),
      h("span", { class: "soft" }, ` ${interval(ends)}`),
      track(mem, ends),
    );
  /** @param {Disagreement} one */
  const item = (one) => {
    const other = one.label_b;
    const renamed = known(other) && other !== one.label ? `, in b ${className(dataset, other)}` : "";
    const label = `${className(dataset, one.label)}${renamed}`;
    const picture = image(dataset.name, "train", one.index, { label });
    return h(
      "li",
      { class: "influence", "data-index": one.index },
      h("a", { href: sampleUrl(a, "train", one.index) }, picture),
      h(
        "div",
        {},
        h("p", {}, `${label}, train ${one.index}`),
        side(a, one.index, one.a),
        side(b, one.index_b ?? one.index, one.b),
      ),
    );
  };
  return h("ul", { class: "influences" }, found.map(item));
}

/**
 * @param {StudyMessage} a
 * @param {StudyMessage} b
 * @param {number} threshold
 */
function taken(a, b, threshold) {
  const own = threshold === ATYPICAL ? null : threshold;
  const option = own === null ? "" : ` --threshold ${own}`;
  return takeAway({
    shell: [
      `memscore scores compare ${a.name} ${b.name}${option} --url ${serviceUrl()}`,
      curlTo("comparison.json", path`/v1/studies/${a.name}/compare`, { with: b.name, threshold: own }),
    ].join("\n"),
  });
}

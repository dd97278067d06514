// Two studies of one dataset: how well their scores agree, and the samples on which they do not.

import { ATYPICAL } from "../charts.js";
import { calm, fill, h, put, say } from "../dom.js";
import { className, fixed, interval, percent, whole } from "../format.js";
import { address, get, newest, path } from "../http.js";
import { densityChart } from "../parts/density.js";
import { numberField } from "../parts/number_field.js";
import { empty, problem } from "../parts/problem.js";
import { sampleUrl } from "../parts/sample.js";
import { loadDataset } from "../parts/study_head.js";
import { curlTo, serviceUrl, takeAway } from "../parts/take_away.js";
import { image, track } from "../parts/tile.js";

const BINS = 50;
const SHOWN = 24;

export async function show(page) {
  page.title("Compare studies");
  const { studies } = await get("/v1/studies", { limit: 1000 }, { signal: page.signal });
  const scored = studies.filter((one) => one.table);
  const wanted = { a: page.query.get("a"), b: page.query.get("b") };
  const named = (name) => scored.find((one) => one.name === name || one.id === name) ?? null;
  const a = wanted.a
    ? named(wanted.a)
    : wanted.b
      ? (partnersOf(named(wanted.b), scored)[0] ?? named(wanted.b))
      : firstWithPartner(scored);
  const b = wanted.b ? named(wanted.b) : (partnersOf(a, scored)[0] ?? null);
  const threshold = Number(page.query.get("threshold") || ATYPICAL);
  const content = h("div", {});
  const view = { page, a, b, content, newest: newest(page.signal) };
  const refresh = calm(200, (value) => compare(view, value), page.signal);
  const changed = (value) => {
    page.keep({ threshold: value === ATYPICAL ? null : value });
    refresh(value ?? ATYPICAL);
  };
  put(
    page.main,
    h("h1", {}, "Compare two studies"),
    h(
      "p",
      { class: "soft" },
      "Scores of the same samples from other models, seeds or subsets: what agrees is a property of the data, what does not is chance or the model's.",
    ),
    h(
      "form",
      { class: "filters", "aria-label": "Studies", on: { submit: (event) => event.preventDefault() } },
      pickers(page, scored, a, b),
      a &&
        b &&
        numberField({
          label: "Atypical above",
          value: threshold,
          min: 0,
          max: 1,
          step: "any",
          placeholder: String(ATYPICAL),
          changed,
        }),
    ),
    content,
  );
  const missing = [wanted.a && !a && wanted.a, wanted.b && !b && wanted.b].filter(Boolean);
  if (missing.length) {
    fill(content, await Promise.all(missing.map((name) => whyNot(page, name))));
  } else if (!a || !b) {
    fill(content, alone(scored, a));
  } else {
    page.title(`${a.name} and ${b.name}`);
    await compare(view, threshold);
  }
}

/** Ask how the two studies agree, and show it. */
async function compare(view, threshold) {
  const { page, a, b, content } = view;
  const signal = view.newest();
  try {
    const dataset = await loadDataset(a.dataset, page.signal);
    const query = { with: b.name, threshold: threshold === ATYPICAL ? null : threshold, bins: BINS, limit: SHOWN };
    const found = await get(path`/v1/studies/${a.name}/compare`, query, { signal });
    draw(page, content, { a, b, dataset, found });
    say(`${whole(found.agreement.both)} samples are atypical in both`);
  } catch (error) {
    if (!signal.aborted) fill(content, problem(error, { compact: true, retry: () => compare(view, threshold) }));
  }
}

/** Why a study that the address names cannot be compared: it has no scores, or there is none of this name. */
async function whyNot(page, name) {
  try {
    await get(path`/v1/studies/${name}/scores`, { limit: 1 }, { signal: page.signal });
    return empty(`${name} has scores only now`, h("p", {}, "Load the page again to compare them."));
  } catch (error) {
    if (page.signal.aborted) throw error;
    return problem(error, { compact: true });
  }
}

/** The other studies of the same dataset, images and labels alike. */
const partnersOf = (study, scored) =>
  scored.filter((one) => study && one.fingerprint === study.fingerprint && one.id !== study.id);

/** The newest study with another one of its dataset; the newest of all where there is none. */
function firstWithPartner(scored) {
  return scored.findLast((one) => partnersOf(one, scored).length) ?? scored.at(-1) ?? null;
}

function pickers(page, scored, a, b) {
  const threshold = page.query.get("threshold");
  const pick = (name, label, chosen, offered) => {
    const all = !chosen || offered.includes(chosen) ? offered : [chosen, ...offered]; // what an address says, however odd
    const option = (one) =>
      h(
        "option",
        { value: one.name, selected: one === chosen },
        `${one.name} (${one.dataset}, ${one.imported ? "imported" : `${one.trials} trials`})`,
      );
    const change = (event) =>
      page.go(
        address("/compare", { a: a?.name, b: name === "a" ? null : b?.name, threshold, [name]: event.target.value }),
      );
    return h(
      "label",
      {},
      label,
      h(
        "select",
        { "aria-label": label, on: { change } },
        !chosen && h("option", { value: "", selected: true, disabled: true }, "choose one"),
        all.map(option),
      ),
    );
  };
  return [pick("a", "Study a", a, scored), pick("b", "Study b", b, a ? partnersOf(a, scored) : scored)];
}

function alone(scored, a) {
  const advice = h(
    "p",
    {},
    "Estimate the dataset once more with another seed or recipe, or import published scores of it: ",
    h("a", { href: address("/jobs/new", { dataset: a?.dataset }) }, "New job"),
    ".",
  );
  if (!scored.length) return empty("No study has scores yet", h("p", {}, h("a", { href: address("/") }, "Overview")));
  return empty(`No other study of ${a.dataset} has scores`, advice);
}

function draw(page, content, { a, b, dataset, found }) {
  const { threshold } = found.agreement;
  const plot = h("div", { class: "density" });
  fill(
    content,
    facts(found.agreement),
    found.agreement.notes.length > 0 &&
      h(
        "ul",
        { class: "notice" },
        found.agreement.notes.map((note) => h("li", {}, note)),
      ),
    h(
      "section",
      { class: "columns", "aria-label": "Agreement" },
      h("div", {}, h("h2", {}, "mem in both"), plot),
      h("div", {}, h("h2", {}, "In numbers"), numbers(a, b, found.agreement)),
    ),
    h(
      "section",
      { "aria-labelledby": "disagree" },
      h("h2", { id: "disagree" }, "Where they disagree most"),
      disagreements(
        a,
        b,
        dataset,
        found.disagreements.filter((one) => one.difference),
      ),
    ),
    taken(a, b, threshold),
  );
  densityChart(plot, found.density, { a: a.name, b: b.name, threshold, signal: page.signal });
}

function facts({ samples, pearson, corrected, spearman, jaccard }) {
  const entries = [
    ["Samples with both scores", whole(samples)],
    ["Rank agreement (Spearman)", fixed(spearman)],
    ["Correlation (Pearson)", fixed(pearson)],
    ["… without errors of estimation", fixed(corrected)],
    ["Atypical in both, of either", percent(jaccard)],
  ];
  return h(
    "dl",
    { class: "facts" },
    entries.map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value))),
  );
}

function numbers(a, b, found) {
  const rows = [
    [`Atypical in both (mem above ${found.threshold})`, whole(found.both)],
    [`Atypical in ${a.name} alone`, whole(found.only_a)],
    [`Atypical in ${b.name} alone`, whole(found.only_b)],
    ["Atypical in neither", whole(found.neither)],
    ["Cohen's kappa: agreement beyond chance", fixed(found.kappa)],
    [`Mean of mem in ${a.name} less ${b.name}`, fixed(found.mean_difference, 3)],
    [`Outside the 95 % interval of ${b.name}`, percent(found.a_outside_b)],
    [`Outside the 95 % interval of ${a.name}`, percent(found.b_outside_a)],
    [`Reliability of ${a.name}`, fixed(found.reliability_a)],
    [`Reliability of ${b.name}`, fixed(found.reliability_b)],
  ];
  return h(
    "div",
    { class: "wide", tabindex: "0", role: "region", "aria-label": "Agreement in numbers" },
    h(
      "table",
      { class: "in-numbers" },
      h(
        "tbody",
        {},
        rows.map(([term, value]) => h("tr", {}, h("th", { scope: "row" }, term), h("td", {}, value))),
      ),
    ),
  );
}

function disagreements(a, b, dataset, found) {
  if (!found.length) return empty("They agree on every sample");
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
  return h(
    "ul",
    { class: "influences" },
    found.map((one) =>
      h(
        "li",
        { class: "influence", "data-index": one.index },
        h(
          "a",
          { href: sampleUrl(a, "train", one.index) },
          image(dataset.name, "train", one.index, { label: className(dataset, one.label) }),
        ),
        h(
          "div",
          {},
          h("p", {}, `${className(dataset, one.label)}, train ${one.index}`),
          side(a, one.index, one.a),
          side(b, one.index, one.b),
        ),
      ),
    ),
  );
}

function taken(a, b, threshold) {
  const compare = path`/v1/studies/${a.name}/compare`;
  return takeAway({
    shell: `memscore scores compare ${a.name} ${b.name}${threshold === ATYPICAL ? "" : ` --threshold ${threshold}`} --url ${serviceUrl()}\n${curlTo("comparison.json", compare, { with: b.name, threshold: threshold === ATYPICAL ? null : threshold })}`,
  });
}

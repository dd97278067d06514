// Two studies of one dataset: how well their scores agree, and the samples on which they do not.

import { fill, h, put } from "../dom.js";
import { ATYPICAL } from "../charts.js";
import { className, fixed, interval, percent, whole } from "../format.js";
import { address, get, path } from "../http.js";
import { densityChart } from "../parts/density.js";
import { empty, problem } from "../parts/problem.js";
import { sampleUrl } from "../parts/sample.js";
import { loadDataset } from "../parts/study_head.js";
import { curlTo, takeAway } from "../parts/take_away.js";
import { image, track } from "../parts/tile.js";

const BINS = 50;
const SHOWN = 24;

export async function show(page) {
  page.title("Compare studies");
  const { studies } = await get("/v1/studies", { limit: 1000 }, { signal: page.signal });
  const scored = studies.filter((one) => one.table);
  const byName = new Map(scored.flatMap((one) => [[one.name, one], [one.id, one]]));
  const a = byName.get(page.query.get("a")) ?? (page.query.get("a") ? null : firstWithPartner(scored));
  const partners = a ? scored.filter((one) => one.fingerprint === a.fingerprint && one.id !== a.id) : [];
  const b = page.query.get("b") ? byName.get(page.query.get("b")) : partners[0];
  put(page.main, h("h1", {}, "Compare two studies"), h("p", { class: "soft" }, "Scores of the same samples from other models, seeds or subsets: what agrees is a property of the data, what does not is chance or the model's."));
  const content = h("div", {});
  put(page.main, pickers(page, scored, a, b), content);
  if (page.query.get("a") && !a) await unknown(page, page.query.get("a"));
  if (page.query.get("b") && !b) await unknown(page, page.query.get("b"));
  if (!a || !b) {
    fill(content, alone(scored, a));
    return;
  }
  page.title(`${a.name} and ${b.name}`);
  try {
    const dataset = await loadDataset(a.dataset, page.signal);
    const found = await get(path`/v1/studies/${a.name}/compare`, { with: b.name, bins: BINS, limit: SHOWN }, { signal: page.signal });
    draw(page, content, { a, b, dataset, found });
  } catch (error) {
    if (!page.signal.aborted) fill(content, problem(error, { compact: true }));
  }
}

/** A study that an address names and that has no scores, or is none: the service says which. Throws Problem. */
async function unknown(page, name) {
  await get(path`/v1/studies/${name}/scores`, { limit: 1 }, { signal: page.signal });
}

/** The newest study that another one is of the same dataset as. */
function firstWithPartner(scored) {
  return scored.findLast((one) => scored.some((other) => other.id !== one.id && other.fingerprint === one.fingerprint)) ?? null;
}

function pickers(page, scored, a, b) {
  const pick = (name, label, chosen, offered) =>
    h(
      "label",
      {},
      label,
      h(
        "select",
        { "aria-label": label, on: { change: (event) => page.go(address("/compare", { a: a?.name, b: b?.name, [name]: event.target.value, ...(name === "a" && { b: null }) })) } },
        !chosen && h("option", { value: "" }, "choose one"),
        offered.map((one) => h("option", { value: one.name, selected: one === chosen }, `${one.name} (${one.dataset}, ${one.imported ? "imported" : `${one.trials} trials`})`)),
      ),
    );
  const partners = a ? scored.filter((one) => one.fingerprint === a.fingerprint && one !== a) : [];
  return h("form", { class: "filters", "aria-label": "Studies", on: { submit: (event) => event.preventDefault() } }, pick("a", "Study a", a, scored), pick("b", "Study b", b, partners));
}

function alone(scored, a) {
  const advice = h("p", {}, "Estimate the dataset once more with another seed or recipe, or import published scores of it: ", h("a", { href: address("/jobs/new", { dataset: a?.dataset }) }, "New job"), ".");
  if (!scored.length) return empty("No study has scores yet", h("p", {}, h("a", { href: address("/") }, "Overview")));
  return empty(a ? `No other study of ${a.dataset} has scores` : "No two studies are of the same dataset", advice);
}

function draw(page, content, { a, b, dataset, found }) {
  const plot = h("div", { class: "density" });
  fill(
    content,
    facts(found.agreement),
    found.agreement.notes.length > 0 && h("ul", { class: "notice" }, found.agreement.notes.map((note) => h("li", {}, note))),
    h("section", { class: "columns", "aria-label": "Agreement" }, h("div", {}, h("h2", {}, "mem in both"), plot), h("div", {}, h("h2", {}, "In numbers"), numbers(a, b, found.agreement))),
    h("section", { "aria-labelledby": "disagree" }, h("h2", { id: "disagree" }, "Where they disagree most"), disagreements(a, b, dataset, found.disagreements)),
    taken(a, b),
  );
  densityChart(plot, found.density, { a: a.name, b: b.name, threshold: ATYPICAL, signal: page.signal });
}

function facts({ samples, pearson, corrected, spearman, jaccard }) {
  const entries = [
    ["Samples with both scores", whole(samples)],
    ["Rank agreement (Spearman)", fixed(spearman)],
    ["Correlation (Pearson)", fixed(pearson)],
    ["… without errors of estimation", fixed(corrected)],
    ["Atypical in both, of either", percent(jaccard)],
  ];
  return h("dl", { class: "facts" }, entries.map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value))));
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
  return h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Agreement in numbers" }, h("table", {}, h("tbody", {}, rows.map(([term, value]) => h("tr", {}, h("th", { scope: "row" }, term), h("td", {}, value))))));
}

function disagreements(a, b, dataset, found) {
  if (!found.length) return empty("They agree on every sample");
  const side = (study, index, { mem, interval: ends }) =>
    h("p", {}, h("a", { href: sampleUrl(study, "train", index) }, study.name), " ", h("strong", {}, fixed(mem)), h("span", { class: "soft" }, ` ${interval(ends)}`), track(mem, ends));
  return h(
    "ul",
    { class: "influences" },
    found.map((one) =>
      h(
        "li",
        { class: "influence", "data-index": one.index },
        h("a", { href: sampleUrl(a, "train", one.index) }, image(dataset.name, "train", one.index, { label: className(dataset, one.label) })),
        h("div", {}, h("p", {}, `${className(dataset, one.label)}, train ${one.index}`), side(a, one.index, one.a), side(b, one.index, one.b)),
      ),
    ),
  );
}

function taken(a, b) {
  const compare = path`/v1/studies/${a.name}/compare`;
  return takeAway({ shell: `memscore scores compare ${a.name} ${b.name} --url ${location.origin}\n${curlTo("comparison.json", compare, { with: b.name })}` });
}

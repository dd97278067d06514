// One training run: its course, its networks under attack, and what a reader of its results should know.

import { fill, h, put } from "../dom.js";
import { counted, duration, known, moment, whole } from "../format.js";
import { address, get, newest } from "../http.js";
import { Curves } from "../parts/curves.js";
import { problem } from "../parts/problem.js";
import { upToDate } from "../parts/up_to_date.js";
import { evaluation } from "../runs/accuracies.js";
import { escaped, sweepUrl } from "../runs/addresses.js";
import { along } from "../runs/groups.js";
import { lastPart, methodOf, onTest, points, range } from "../runs/words.js";

/** @import { RunDetail } from "../api.js" */
/** @import { Series } from "../parts/curves.js" */
/** @import { Page } from "../types.js" */

const BUSY_MILLISECONDS = 5000; // between two looks, while the run is not finished
const IDLE_MILLISECONDS = 20_000;
const NETWORKS = { network: "", averaged: "averaged weights, " };

/** @param {Page} page */
export async function show(page) {
  /** @returns {Promise<RunDetail>} */
  const look = () => get(`/v1/runs/${escaped(page.params.run)}`, {}, { signal: page.signal });
  const trouble = h("div", {});
  const place = h("div", {});
  put(page.main, trouble, place);
  const fresh = newest(page.signal); // charts of an earlier drawing observe their places no more
  let run = await look();
  page.title(lastPart(run.path));
  draw(fresh(), place, run);
  const again = async () => {
    const now = await look();
    fill(trouble);
    if (now.updated !== run.updated) draw(fresh(), place, now);
    run = now;
    return wait();
  };
  const wait = () => (run.state === "unfinished" ? BUSY_MILLISECONDS : IDLE_MILLISECONDS);
  upToDate(page, wait(), again, (error) => fill(trouble, problem(error, { compact: true })));
}

/**
 * @param {AbortSignal} signal
 * @param {HTMLElement} place
 * @param {RunDetail} run
 */
function draw(signal, place, run) {
  fill(
    place,
    h(
      "div",
      { class: "head" },
      h("p", { class: "crumbs" }, h("a", { href: address("/runs") }, "Runs"), run.sweep && [" / ", sweep(run.sweep)]),
      h("h1", { class: "break" }, lastPart(run.path)),
      h("p", { class: "soft" }, about(run)),
    ),
    run.problem && h("p", { class: "notice", role: "alert" }, `Some of its files cannot be read: ${run.problem}`),
    facts(run),
    events(run),
    course(signal, run),
    byGroup(signal, run, "test"),
    byGroup(signal, run, "train"),
    checkpoints(run),
    settings(run),
  );
}

/** @param {string} folder */
const sweep = (folder) => h("a", { href: sweepUrl(folder) }, folder);

/** @param {RunDetail} run */
function about(run) {
  const where = run.dataset ? `on ${run.dataset}` : "";
  const network = run.network ? `, network ${run.network}` : "";
  return `${methodOf(run)} ${where}${network}, seed ${whole(run.seed)}. ${state(run)}`;
}

/** @param {RunDetail} run */
function state({ state: word, epoch, epochs, updated }) {
  if (word === "finished") return `Finished after ${counted(epoch, "epoch")}.`;
  const of = known(epochs) ? ` of ${whole(epochs)}` : "";
  return `Not finished: ${whole(epoch)}${of} epochs; its files last changed at ${moment(updated)}.`;
}

/** @param {RunDetail} run */
function facts(run) {
  /** @type {[string, string, string][]} */
  const shown = [];
  for (const [group, attack, name] of [
    ["all", "clean", "Clean"],
    ["all", "worst", "Worst of all attacks"],
    ["typical", "worst", "Typical, worst"],
    ["atypical", "worst", "Atypical, worst"],
  ]) {
    const accuracy = onTest(run, group, attack);
    if (accuracy && known(accuracy.share))
      shown.push([name, `${points(accuracy.share)} %`, `${range(accuracy)}, of ${whole(accuracy.count)}`]);
  }
  if (known(run.seconds)) shown.push(["Time of training", duration(run.seconds), ""]);
  const alarms = run.checkpoints.length ? [["Alarms", whole(run.alarms), alarmed(run)]] : [];
  return h(
    "dl",
    { class: "facts", "aria-label": "Test samples, last network" },
    [...shown, ...alarms].map(([name, value, small]) =>
      h("div", {}, h("dt", {}, name), h("dd", {}, value, " ", h("small", { class: "wrapping" }, small))),
    ),
  );
}

/** @param {RunDetail} run */
function alarmed({ alarms, events: all }) {
  if (alarms) return "see its networks below";
  return all.length ? `none of its evaluations, but ${counted(all.length, "warning")} below` : "none";
}

/** @param {RunDetail} run */
function events({ events: all }) {
  if (!all.length) return null;
  return h(
    "section",
    { class: "notice", "aria-labelledby": "events" },
    h("h2", { id: "events" }, "What to know of its results"),
    h(
      "ul",
      {},
      all.map((text) => h("li", {}, text)),
    ),
  );
}

/**
 * Accuracies on the samples for selection.
 * @param {AbortSignal} signal
 * @param {RunDetail} run
 */
function course(signal, run) {
  /** @type {Series[]} */
  const series = [];
  const last = run.course.at(-1);
  for (const [network, splits] of Object.entries(last?.accuracy ?? {})) {
    for (const split of Object.keys(splits)) {
      for (const kind of ["clean", "adversarial"]) {
        series.push({
          name: `${NETWORKS[/** @type {keyof typeof NETWORKS} */ (network)] ?? `${network}, `}${split}, ${kind}`,
          colour: split === "test" ? (network === "averaged" ? "c5" : "c2") : network === "averaged" ? "c4" : "c1",
          dashed: kind === "adversarial",
          points: run.course.map((one) => ({
            at: one.epoch,
            value: one.accuracy[network]?.[split]?.[kind] ?? null,
          })),
        });
      }
    }
  }
  if (!series.length) return null;
  const curves = new Curves(signal, "accuracy in per cent");
  curves.show(series);
  return h(
    "section",
    { "aria-labelledby": "course" },
    h("h2", { id: "course" }, "While training"),
    h(
      "p",
      { class: "soft small" },
      "On the samples that select checkpoints, clean and under PGD; without intervals, which a run does not record.",
    ),
    curves.element,
  );
}

/**
 * Accuracies of the networks kept along the way.
 * @param {AbortSignal} signal
 * @param {RunDetail} run
 * @param {"test" | "train"} split
 */
function byGroup(signal, run, split) {
  /** @type {Series[]} */
  const series = [];
  for (const [group, colour] of [
    ["typical", "typical"],
    ["atypical", "atypical"],
    ["all", "between"],
  ]) {
    for (const attack of ["clean", "pgd"]) {
      const shown = along(run, split, group, attack);
      series.push({ name: `${group}, ${attack}`, colour, dashed: attack !== "clean", points: shown });
    }
  }
  const curves = new Curves(signal, "accuracy in per cent");
  const measured = series.some((one) => one.points.some(({ value }) => known(value)));
  if (!measured) return null;
  curves.show(series);
  return h(
    "section",
    { "aria-labelledby": `course-${split}` },
    h(
      "h2",
      { id: `course-${split}` },
      split === "test" ? "Typical and atypical test samples" : "Typical and atypical training samples",
    ),
    h(
      "p",
      { class: "soft small" },
      "Networks kept along the way, with 95 % intervals over samples; one seed, which decides nothing alone.",
    ),
    curves.element,
  );
}

/** @param {RunDetail} run */
function checkpoints({ checkpoints: all }) {
  if (!all.length) return null;
  return h(
    "section",
    { "aria-labelledby": "networks" },
    h("h2", { id: "networks" }, "Its networks under attack"),
    h("p", { class: "soft small" }, "Accuracy in per cent, with the 95 % interval over samples."),
    all.map(evaluation),
  );
}

/** @param {RunDetail} run */
function settings(run) {
  const all = { ...run.config, ...flat(run.environment) };
  return h(
    "details",
    {},
    h("summary", {}, "All settings"),
    h(
      "table",
      {},
      h(
        "tbody",
        {},
        Object.entries(all).map(([name, value]) =>
          h("tr", {}, h("th", { scope: "row", class: "text" }, name), h("td", { class: "text break" }, text(value))),
        ),
      ),
    ),
  );
}

/**
 * Entries of an object, with those of objects within it in its place.
 * @param {Record<string, unknown>} entries
 * @returns {Record<string, unknown>}
 */
function flat(entries) {
  return Object.fromEntries(
    Object.entries(entries).flatMap(([name, value]) =>
      typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : [[name, value]],
    ),
  );
}

/** @param {unknown} value */
const text = (value) => (typeof value === "string" ? value : JSON.stringify(value));

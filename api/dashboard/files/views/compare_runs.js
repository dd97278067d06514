// Up to ten runs side by side: accuracies of their last networks, and their curves.

import { fill, h, put } from "../dom.js";
import { known, whole } from "../format.js";
import { address, get } from "../http.js";
import { Curves } from "../parts/curves.js";
import { choice } from "../parts/fields.js";
import { empty, sentence } from "../parts/problem.js";
import { accuracyCell, accuracyTable, attacksOf } from "../runs/accuracies.js";
import { escaped, runUrl } from "../runs/addresses.js";
import { coloursOf } from "../runs/colours.js";
import { Differences } from "../runs/differences.js";
import { along } from "../runs/groups.js";
import { MOST_COMPARED } from "../runs/list.js";
import { attackName, GROUPS, lastPart, methodOf } from "../runs/words.js";

/** @import { RunDetail } from "../api.js" */
/** @import { Series } from "../parts/curves.js" */
/** @import { Page } from "../types.js" */

/** @param {Page} page */
export async function show(page) {
  page.title("Compare runs");
  const wanted = [...new Set(page.query.getAll("run"))];
  put(page.main, h("p", { class: "crumbs" }, h("a", { href: address("/runs") }, "Runs")), h("h1", {}, "Compare runs"));
  if (wanted.length < 2 || wanted.length > MOST_COMPARED) {
    const advice = `Mark 2 to ${MOST_COMPARED} runs in the list of runs.`;
    put(page.main, empty(wanted.length < 2 ? "Too few runs" : "Too many runs", h("p", {}, advice)));
    return;
  }
  const asked = wanted.map((path) => get(`/v1/runs/${escaped(path)}`, {}, { signal: page.signal }));
  const answers = await Promise.allSettled(asked);
  /** @type {RunDetail[]} */
  const runs = answers.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const failed = answers.flatMap((one) => (one.status === "rejected" ? [sentence(one.reason)] : []));
  put(
    page.main,
    failed.length > 0 &&
      h(
        "ul",
        { class: "notice", role: "alert" },
        failed.map((text) => h("li", {}, text)),
      ),
  );
  if (runs.length < 2) return;
  put(page.main, different(runs));
  tables(page, runs);
  curves(page, runs);
}

/**
 * What differs between the runs, besides their method and seed, and what their intervals leave out.
 * @param {RunDetail[]} runs
 */
function different(runs) {
  const names = [...new Set(runs.flatMap((run) => Object.keys(run.config)))];
  const differing = names.filter((name) => new Set(runs.map((run) => JSON.stringify(run.config[name]))).size > 1);
  if (new Set(runs.map((run) => run.dataset)).size > 1) differing.push("dataset");
  if (new Set(runs.map((run) => run.scores)).size > 1) differing.push("scores");
  const besides = differing.filter((name) => !["method", "seed", "options"].includes(name));
  return [
    besides.length > 0 && h("p", { class: "notice" }, `The runs also differ in ${besides.join(", ")}.`),
    h(
      "p",
      { class: "soft" },
      "Whether two methods differ takes several seeds of each: ",
      h("code", {}, `memscore compare-runs ${runs[0].path} ${runs[1].path} …`),
      " takes further pairs for them.",
    ),
  ];
}

/**
 * The accuracies of a run's last network, on all splits.
 * @param {RunDetail} run
 */
const rowsOf = ({ checkpoints }) => checkpoints.find(({ name, attacked }) => name === "last" && !attacked)?.rows ?? [];

/**
 * @param {RunDetail} run
 * @param {string} split
 * @param {string} name
 */
const countsOf = (run, split, name) =>
  rowsOf(run).flatMap((row) => (row.split === split && row.group === name ? [row.count] : []));

/**
 * @param {Page} page
 * @param {RunDetail[]} runs
 */
function tables(page, runs) {
  const place = h("div", {});
  const draw = () => {
    const [split, name] = group.value.split(" ");
    const rows = runs.map((run) => rowsOf(run).find((row) => row.split === split && row.group === name));
    const attacks = attacksOf(rows.flatMap((row) => (row && row.count > 0 ? [row] : [])));
    if (!attacks.length) {
      const those = group.selectedOptions[0].textContent;
      fill(place, h("p", { class: "soft" }, `None of these runs was evaluated on ${those}.`));
      return;
    }
    const lines = runs.map((run, at) => [
      h("th", { scope: "row", class: "text break" }, h("a", { href: runUrl(run.path) }, run.path)),
      h("td", { class: "text" }, methodOf(run)),
      h("td", {}, whole(run.seed)),
      ...attacks.map((attack) => accuracyCell(rows[at]?.accuracy[attack])),
    ]);
    fill(
      place,
      accuracyTable("Accuracies of the last networks", ["Run", "Method", "Seed", ...attacks.map(attackName)], lines),
    );
  };
  /** @type {[string, string][]} */
  const groups = [];
  for (const split of ["test", "train"]) {
    for (const name of GROUPS) {
      const count = Math.max(0, ...runs.flatMap((run) => countsOf(run, split, name)));
      const text = `${name} ${split === "test" ? "test" : "training"} samples (${whole(count)})`;
      groups.push([`${split} ${name}`, text]);
    }
  }
  const group = choice(groups, page.query.get("group") ?? groups[0][0]);
  group.addEventListener("change", () => {
    page.keep({ group: group.value === groups[0][0] ? null : group.value });
    draw();
    paired?.draw();
  });
  draw();
  const evaluated = runs.filter(({ test }) => test.length).map(({ path }) => path);
  const paired = evaluated.length > 1 ? new Differences(page, evaluated, () => group.value) : null;
  paired?.ask();
  put(
    page.main,
    h(
      "section",
      { "aria-labelledby": "accuracies" },
      h("h2", { id: "accuracies" }, "Last networks"),
      h("form", { class: "filters", on: { submit: (event) => event.preventDefault() } }, h("label", {}, "Of", group)),
      place,
      h("p", { class: "soft small" }, "Accuracy in per cent, with the 95 % interval over samples, not over seeds."),
    ),
    paired?.element,
  );
}

/**
 * @param {Page} page
 * @param {RunDetail[]} runs
 */
function curves(page, runs) {
  /** @type {[string, string][]} */
  const quantities = [
    ["selection adversarial", "adversarial, samples for selection"],
    ["selection clean", "clean, samples for selection"],
  ];
  for (const [split, name] of [
    ["test", "test"],
    ["train", "training"],
  ]) {
    for (const group of GROUPS) {
      for (const attack of ["clean", "pgd"]) {
        const there = runs.some((run) => along(run, split, group, attack).some(({ value }) => known(value)));
        if (there) quantities.push([`${split} ${group} ${attack}`, `${attackName(attack)}, ${group} ${name} samples`]);
      }
    }
  }
  const chart = new Curves(page.signal, "accuracy in per cent");
  const quantity = choice(quantities, page.query.get("curve") ?? quantities[0][0]);
  const colours = coloursOf(runs, ({ path }) => path);
  const draw = () => chart.show(runs.map((run) => series(run, colours, quantity.value)));
  quantity.addEventListener("change", () => {
    page.keep({ curve: quantity.value === quantities[0][0] ? null : quantity.value });
    draw();
  });
  put(
    page.main,
    h(
      "section",
      { "aria-labelledby": "curves" },
      h("h2", { id: "curves" }, "Over epochs"),
      h(
        "form",
        { class: "filters", on: { submit: (event) => event.preventDefault() } },
        h("label", {}, "Accuracy", quantity),
      ),
      chart.element,
    ),
  );
  draw();
}

/**
 * @param {RunDetail} run
 * @param {ReturnType<typeof coloursOf>} colours
 * @param {string} quantity
 * @returns {Series}
 */
function series(run, colours, quantity) {
  const { colour, again } = colours.get(run.path) ?? { colour: "c8", again: false };
  const look = { name: lastPart(run.path), colour, dashed: again };
  const [split, group, attack] = quantity.split(" ");
  if (split !== "selection") return { ...look, points: along(run, split, group, attack) };
  const of = run.selection_split ?? "";
  const points = run.course.map((one) => ({ at: one.epoch, value: one.accuracy.network?.[of]?.[group] ?? null }));
  return { ...look, points };
}

// A sweep: its methods compared over seeds, its runs, and their curves.

import { fill, h, put } from "../dom.js";
import { counted, fixed, known, whole } from "../format.js";
import { address, get } from "../http.js";
import { Curves } from "../parts/curves.js";
import { accuracyTable } from "../runs/accuracies.js";
import { escaped } from "../runs/addresses.js";
import { coloursOf } from "../runs/colours.js";
import { groupChoice } from "../runs/groups.js";
import { RunList } from "../runs/list.js";
import { attackName, lastPart, methodOf, points } from "../runs/words.js";

/** @import { RunSummary, SweepComparison, SweepDetail, SweptDifference } from "../api.js" */
/** @import { Series } from "../parts/curves.js" */
/** @import { Page } from "../types.js" */

const FEW = 30; // test samples of a group

/** @param {Page} page */
export async function show(page) {
  /** @type {SweepDetail} */
  const sweep = await get(`/v1/sweeps/${escaped(page.params.sweep)}`, {}, { signal: page.signal });
  page.title(lastPart(sweep.path));
  put(
    page.main,
    h(
      "div",
      { class: "head" },
      h("p", { class: "crumbs" }, h("a", { href: address("/runs") }, "Runs")),
      h("h1", { class: "break" }, lastPart(sweep.path)),
      h("p", { class: "soft" }, `A sweep of ${counted(sweep.runs, "run")}, ${whole(sweep.finished)} finished.`),
    ),
    sweep.problem && h("p", { class: "notice", role: "alert" }, sweep.problem),
    sweep.comparison && compared(page, sweep.comparison),
    !sweep.comparison && !sweep.problem && uncompared(),
  );
  curves(page, sweep.members);
  const list = new RunList({ within: sweep.path });
  list.show(sweep.members);
  put(page.main, h("section", { "aria-labelledby": "members" }, h("h2", { id: "members" }, "Runs"), list.element));
}

const uncompared = () =>
  h("p", { class: "notice" }, "Its methods are compared once its command ends; until then there are the runs alone.");

/**
 * @param {Page} page
 * @param {SweepComparison} comparison
 */
function compared(page, comparison) {
  const { warnings, unfinished, conditions } = comparison;
  const place = h("div", {});
  const draw = () =>
    fill(
      place,
      few(comparison, group.value),
      differences(comparison, group.value),
      accuracies(comparison, group.value),
    );
  const group = groupChoice(page, draw);
  draw();
  return h(
    "section",
    { "aria-labelledby": "compared" },
    h("h2", { id: "compared" }, "Methods compared"),
    h(
      "p",
      { class: "soft small" },
      Object.entries(conditions)
        .map(([name, value]) => `${name}: ${value}`)
        .join("; "),
    ),
    warnings.length > 0 &&
      h(
        "ul",
        { class: "notice" },
        warnings.map((text) => h("li", {}, text)),
      ),
    unfinished.length > 0 && h("p", { class: "notice" }, `Not finished, and not compared: ${unfinished.join(", ")}.`),
    h("form", { class: "filters", on: { submit: (event) => event.preventDefault() } }, h("label", {}, "Of", group)),
    place,
  );
}

/**
 * How many test samples a group has, and a warning where these are few.
 * @param {SweepComparison} comparison
 * @param {string} group
 */
function few({ samples, differences: all }, group) {
  const found = all.flatMap((one) => one.accuracy.filter((each) => each.split === "test" && each.group === group));
  const count = samples[`test ${group}`] ?? found[0]?.count;
  if (!known(count)) return null;
  const words = `${counted(count, "test sample")}${group === "all" ? "" : `, ${group}`}.`;
  if (count >= FEW) return h("p", { class: "soft small" }, words);
  return h("p", { class: "notice" }, `${words} So few decide nothing, whatever their intervals say.`);
}

/**
 * @param {SweepComparison} comparison
 * @param {string} group
 */
function differences({ differences: all }, group) {
  const ofGroup = (/** @type {SweptDifference} */ one) => one.split === "test" && one.group === group;
  const attacks = [...new Set(all.flatMap((one) => one.accuracy.filter(ofGroup).map(({ attack }) => attack)))];
  if (!attacks.length) return null;
  const rows = all.map((one) => [
    h("th", { scope: "row", class: "text" }, `${one.method} ${one.point} minus ${one.reference}`),
    ...attacks.map((attack) => differenceCell(one.accuracy.find((each) => ofGroup(each) && each.attack === attack))),
  ]);
  return [
    h("h3", {}, "Differences, in points"),
    accuracyTable("Differences", ["Method", ...attacks.map(attackName)], rows),
    h(
      "p",
      { class: "soft small" },
      "Last networks, paired by seed and sample, with the 95 % interval over both. Bold: several seeds tell the methods " +
        "apart. One seed decides nothing. Intervals are not adjusted for the number of comparisons.",
    ),
  ];
}

/** @param {SweptDifference | undefined} one */
function differenceCell(one) {
  if (!one || !known(one.difference)) return h("td", {}, "–");
  const value = signed(one.difference);
  const shown = one.decided ? h("strong", {}, value) : value;
  const [low, high] = [Math.max(-1, one.low ?? -1), Math.min(1, one.high ?? 1)]; // of few samples, an interval passes ±100
  const range = one.seeds > 1 ? `${signed(low)} to ${signed(high)}` : "one seed";
  return h("td", { "data-decided": one.decided }, shown, h("small", { class: "soft" }, range));
}

/** @param {number | null} share */
const signed = (share) => (known(share) ? `${share > 0 ? "+" : ""}${fixed(100 * share, 1)}` : "–");

/**
 * @param {SweepComparison} comparison
 * @param {string} group
 */
function accuracies({ rows }, group) {
  const cells = rows.flatMap((row) => row.accuracy);
  const there = cells.filter((cell) => cell.split === "test" && cell.group === group);
  const attacks = [...new Set(there.map(({ attack }) => attack))];
  attacks.sort(
    (a, b) => Number(b === "clean") - Number(a === "clean") || Number(a === "worst") - Number(b === "worst"),
  );
  const lines = rows
    .filter((row) => row.accuracy.some((cell) => cell.split === "test" && cell.group === group))
    .map((row) => [
      h(
        "th",
        { scope: "row", class: "text" },
        `${row.method} ${row.point}`,
        h("small", { class: "soft" }, row.checkpoint),
      ),
      h("td", {}, whole(row.seeds)),
      ...attacks.map((attack) => {
        const cell = row.accuracy.find((one) => one.split === "test" && one.group === group && one.attack === attack);
        if (!cell || !known(cell.mean)) return h("td", {}, "–");
        const spread = known(cell.deviation) ? `± ${points(cell.deviation)}` : "one seed";
        return h("td", {}, points(cell.mean), h("small", { class: "soft" }, spread));
      }),
    ]);
  if (!lines.length) return h("p", { class: "soft" }, "No run was evaluated on these samples.");
  return [
    h("h3", {}, "Accuracies, in per cent"),
    accuracyTable("Accuracies", ["Method, network", "Seeds", ...attacks.map(attackName)], lines),
    h(
      "p",
      { class: "soft small" },
      "Mean ± standard deviation over seeds: the deviation leaves out the uncertainty of a small test set.",
    ),
  ];
}

/**
 * Adversarial accuracy while training, a thin line for each seed in the colour of its method.
 * @param {Page} page
 * @param {RunSummary[]} members
 */
function curves(page, members) {
  const colours = coloursOf(members, methodOf);
  /** @type {Series[]} */
  const series = members.map((run) => ({
    name: methodOf(run),
    colour: colours.get(methodOf(run))?.colour ?? "c8",
    dashed: colours.get(methodOf(run))?.again,
    thin: true,
    points: run.curve.map((value, place) => ({ at: epochAt(run, place), value })),
  }));
  const chart = new Curves(page.signal, "accuracy in per cent");
  put(
    page.main,
    h(
      "section",
      { "aria-labelledby": "curves" },
      h("h2", { id: "curves" }, "Adversarial accuracy while training"),
      h("p", { class: "soft small" }, "A line for each run, on the samples that select checkpoints."),
      chart.element,
    ),
  );
  chart.show(series);
}

/**
 * The epoch of a place of a run's curve, which has every epoch of short runs, and equal steps of long ones.
 * @param {RunSummary} run
 * @param {number} at
 */
function epochAt({ curve, epoch }, at) {
  const step = Math.max(1, Math.ceil(epoch / 60));
  return at === curve.length - 1 ? epoch : 1 + at * step;
}

// Each class of a study: how much of it is memorized, and how accurate models are on it.

import { fill, focusIn, h } from "../dom.js";
import { fixed, percent, whole } from "../format.js";
import { address, path } from "../http.js";

/** @import { ClassScores, StudyMessage } from "../api.js" */
/** @import { Named, Page } from "../types.js" */
/** @import { Choices } from "./choices.js" */

/** @param {ClassScores} one */
const share = (one) => (one.samples ? one.atypical / one.samples : null);

/** @typedef {{ name: string, text: string, value: (one: ClassScores) => number | null, trained?: boolean }} Column */

/** `trained`: a column that published scores do not have. @type {Column[]} */
const COLUMNS = [
  { name: "label", text: "Class", value: (one) => one.label },
  { name: "samples", text: "Samples", value: (one) => one.samples },
  { name: "atypical", text: "Atypical", value: share },
  { name: "mem", text: "Mean mem", value: (one) => one.mem_mean },
  { name: "in", text: "In-sample accuracy", value: (one) => one.in_accuracy, trained: true },
  { name: "held_out", text: "Held-out accuracy", value: (one) => one.held_out_accuracy, trained: true },
  { name: "test", text: "Test accuracy", value: (one) => one.test_accuracy, trained: true },
];

/**
 * Whether the scores of a study have accuracies: published ones have not.
 * @param {StudyMessage} study
 */
const measured = ({ imported, table }) => !imported || Boolean(table?.trials);

/**
 * The table in `place`; a class's link lets the gallery show it by `choose(label)`. Returns what marks the chosen
 * class. Drawn over an earlier table it keeps place and focus.
 * @param {Page} page
 * @param {HTMLElement} place
 * @param {StudyMessage} study
 * @param {ClassScores[]} classes
 * @param {Choices} choices
 * @param {(label: number) => void} choose
 */
export function drawClasses(page, place, study, classes, choices, choose) {
  const columns = COLUMNS.filter(({ trained }) => !trained || measured(study));
  const body = h("tbody", {});
  const heads = columns.map(({ name, text }) => {
    const button = h("button", { type: "button", class: "plain", on: { click: () => sortBy(name) } }, text);
    return h("th", { scope: "col" }, button);
  });
  const most = Math.max(...classes.map((one) => share(one) ?? 0), 0.01);
  const rows = new Map(classes.map((one) => [one.label, row(study, one, most, choose)]));
  const draw = () => {
    const { name, descending } = order(page);
    const { value } = columns.find((column) => column.name === name) ?? columns[0];
    const sorted = [...classes].sort((a, b) => compare(value(a), value(b), descending) || a.label - b.label);
    columns.forEach((column, number) => {
      if (column.name === name) heads[number].setAttribute("aria-sort", descending ? "descending" : "ascending");
      else heads[number].removeAttribute("aria-sort");
    });
    fill(
      body,
      sorted.map((one) => rows.get(one.label)),
    );
  };
  /** @param {string} name */
  const sortBy = (name) => {
    const now = order(page);
    const first = name !== "label"; // numbers begin with the largest
    const down = now.name === name ? !now.descending : first;
    page.keep({ classes: name === "label" && !down ? null : (down ? "-" : "") + name });
    draw();
  };
  const mark = () => {
    for (const [label, element] of rows) element.classList.toggle("chosen", String(label) === choices.label);
  };
  draw();
  mark();
  const top = place.firstElementChild?.scrollTop ?? 0;
  const focused = place.contains(document.activeElement) ? document.activeElement?.closest("tr") : null;
  const table = h("table", { "data-part": "classes" }, h("thead", {}, h("tr", {}, heads)), body);
  const wide = h("div", { class: "wide tall", tabindex: "0", role: "region", "aria-label": "Classes" }, table);
  fill(place, wide);
  wide.scrollTop = top;
  if (focused?.dataset.label) focusIn(rows.get(Number(focused.dataset.label)), "a", { preventScroll: true });
  return mark;
}

/**
 * The column and direction that the address keeps.
 * @param {Page} page
 */
function order(page) {
  const kept = page.query.get("classes") ?? "label";
  const name = kept.replace(/^-/, "");
  const known = COLUMNS.some((column) => column.name === name);
  return known ? { name, descending: kept.startsWith("-") } : { name: "label", descending: false };
}

/**
 * Undefined values last, whichever way.
 * @param {number | null} a
 * @param {number | null} b
 * @param {boolean} descending
 */
function compare(a, b, descending) {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return descending ? b - a : a - b;
}

/**
 * @param {StudyMessage} study
 * @param {ClassScores} one
 * @param {number} most
 * @param {(label: number) => void} choose
 */
function row(study, one, most, choose) {
  const accuracies = [one.in_accuracy, one.held_out_accuracy, one.test_accuracy];
  return h(
    "tr",
    { "data-label": one.label },
    h("th", { scope: "row" }, link(study, one, choose)),
    h("td", {}, whole(one.samples)),
    h("td", { title: counts(one) }, shareBar(share(one), most)),
    h("td", {}, fixed(one.mem_mean, 3)),
    measured(study) && accuracies.map((accuracy) => h("td", {}, percent(accuracy))),
  );
}

/**
 * @param {Named} study
 * @param {ClassScores} one
 * @param {(label: number) => void} choose
 */
function link(study, one, choose) {
  const element = h("a", { href: address(path`/studies/${study.name}`, { label: one.label }) }, one.name);
  element.addEventListener("click", (event) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    choose(one.label);
  });
  return element;
}

/** @param {ClassScores} one */
function counts({ atypical, typical, undefined: missing }) {
  const without = missing ? `, ${whole(missing)} without a score` : "";
  return `${whole(atypical)} atypical, ${whole(typical)} typical${without}`;
}

/**
 * A share as a bar, of which the longest is `most`, and in numbers.
 * @param {number | null} part
 * @param {number} most
 */
function shareBar(part, most) {
  const width = `${(100 * (part ?? 0)) / most}%`;
  const bar = h("span", { class: "share-bar", "aria-hidden": "true" }, h("i", { style: { width } }));
  return h("span", { class: "share" }, bar, h("span", {}, percent(part)));
}

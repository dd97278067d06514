// Each class of a study: how much of it is memorized, and how accurate models are on it.

import { fill, h } from "../dom.js";
import { fixed, percent, whole } from "../format.js";
import { address, path } from "../http.js";

const share = (one) => (one.samples ? one.atypical / one.samples : null);
const COLUMNS = [
  ["label", "Class", (one) => one.label],
  ["samples", "Samples", (one) => one.samples],
  ["atypical", "Atypical", share],
  ["mem", "Mean mem", (one) => one.mem_mean],
  ["in", "In-sample accuracy", (one) => one.in_accuracy],
  ["held_out", "Held-out accuracy", (one) => one.held_out_accuracy],
  ["test", "Test accuracy", (one) => one.test_accuracy],
];

/**
 * The table in `place`; a class's link lets the gallery show it by `choose(label)`. Returns what marks the chosen class.
 * Drawn over an earlier table it keeps place and focus.
 */
export function drawClasses(page, place, study, classes, choices, choose) {
  const imported = study.imported;
  const columns = COLUMNS.filter(([name]) => !imported || !["in", "held_out", "test"].includes(name));
  const body = h("tbody", {});
  const heads = columns.map(([name, text]) => {
    const button = h("button", { type: "button", class: "plain", on: { click: () => sortBy(name) } }, text);
    return h("th", { scope: "col" }, button);
  });
  const most = Math.max(...classes.map((one) => share(one) ?? 0), 0.01);
  const rows = new Map(classes.map((one) => [one.label, row(page, study, one, imported, most, choose)]));
  const draw = () => {
    const [name, descending] = order(page);
    const value = (columns.find(([column]) => column === name) ?? columns[0])[2];
    const sorted = [...classes].sort((a, b) => compare(value(a), value(b), descending) || a.label - b.label);
    columns.forEach(([column], number) => {
      if (column === name) heads[number].setAttribute("aria-sort", descending ? "descending" : "ascending");
      else heads[number].removeAttribute("aria-sort");
    });
    fill(
      body,
      sorted.map((one) => rows.get(one.label)),
    );
  };
  const sortBy = (name) => {
    const [now, descending] = order(page);
    const first = name !== "label"; // numbers begin with the largest
    const down = now === name ? !descending : first;
    page.keep({ classes: name === "label" && !down ? null : (down ? "-" : "") + name });
    draw();
  };
  const mark = () =>
    rows.forEach((element, label) => element.classList.toggle("chosen", String(label) === choices.label));
  draw();
  mark();
  const top = place.firstElementChild?.scrollTop ?? 0;
  const focused = place.contains(document.activeElement)
    ? document.activeElement.closest("tr")?.dataset.label
    : undefined;
  fill(
    place,
    h(
      "div",
      { class: "wide tall", tabindex: "0", role: "region", "aria-label": "Classes" },
      h("table", { "data-part": "classes" }, h("thead", {}, h("tr", {}, heads)), body),
    ),
  );
  place.firstElementChild.scrollTop = top;
  if (focused !== undefined) rows.get(Number(focused))?.querySelector("a").focus({ preventScroll: true });
  return mark;
}

/** The column and direction that the address keeps. */
function order(page) {
  const kept = page.query.get("classes") ?? "label";
  const name = kept.replace(/^-/, "");
  return COLUMNS.some(([column]) => column === name) ? [name, kept.startsWith("-")] : ["label", false];
}

/** Undefined values last, whichever way. */
function compare(a, b, descending) {
  if (a === null || b === null) return (a === null) - (b === null);
  return descending ? b - a : a - b;
}

function row(page, study, one, imported, most, choose) {
  const part = share(one);
  const link = h("a", { href: address(path`/studies/${study.name}`, { label: one.label }) }, one.name);
  link.addEventListener("click", (event) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    choose(one.label);
  });
  return h(
    "tr",
    { "data-label": one.label },
    h("th", { scope: "row" }, link),
    h("td", {}, whole(one.samples)),
    h(
      "td",
      {
        title: `${whole(one.atypical)} atypical, ${whole(one.typical)} typical${one.undefined ? `, ${whole(one.undefined)} without a score` : ""}`,
      },
      h(
        "span",
        { class: "share" },
        h(
          "span",
          { class: "share-bar", "aria-hidden": "true" },
          h("i", { style: { width: `${(100 * (part ?? 0)) / most}%` } }),
        ),
        h("span", {}, percent(part)),
      ),
    ),
    h("td", {}, fixed(one.mem_mean, 3)),
    !imported && [
      h("td", {}, percent(one.in_accuracy)),
      h("td", {}, percent(one.held_out_accuracy)),
      h("td", {}, percent(one.test_accuracy)),
    ],
  );
}

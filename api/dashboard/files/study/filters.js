// The fields that choose which samples are shown, and how many these are.

import { fill, h, say } from "../dom.js";
import { counted, whole } from "../format.js";
import { REVIEWED, SHOWN, SORTS } from "./choices.js";

/** @import { Page, WithClasses } from "../types.js" */
/** @import { Choices } from "./choices.js" */

const TYPING_MILLISECONDS = 150;

/**
 * Fields for the range of mem, which do the same as the brush.
 * @param {Page} page
 * @param {Choices} choices
 */
export function rangeFields(page, choices) {
  /** @type {number | undefined} */
  let timer;
  page.signal.addEventListener("abort", () => clearTimeout(timer));
  const wrong = h("span", { class: "wrong", role: "status" });
  /**
   * @param {"mem_min" | "mem_max"} name
   * @param {string} label
   */
  const field = (name, label) => {
    const input = h("input", {
      type: "number",
      min: "-1",
      max: "1",
      step: "any",
      inputmode: "decimal",
      value: choices[name] ?? "",
      "aria-label": label,
    });
    input.addEventListener("input", () => {
      clearTimeout(timer);
      const fits = input.checkValidity();
      if (fits) input.removeAttribute("aria-invalid");
      else input.setAttribute("aria-invalid", "true");
      wrong.textContent = fits ? "" : "mem is between -1 and 1.";
      if (fits) timer = setTimeout(() => choices.change({ [name]: input.value }), TYPING_MILLISECONDS);
    });
    return input;
  };
  const least = field("mem_min", "mem from");
  const most = field("mem_max", "mem to");
  const clearRange = () => choices.change({ mem_min: null, mem_max: null });
  const clear = h("button", { type: "button", class: "small", on: { click: clearRange } }, "Clear range");
  const show = () => {
    if (document.activeElement !== least) least.value = choices.mem_min ?? "";
    if (document.activeElement !== most) most.value = choices.mem_max ?? "";
    const [from, to] = choices.memRange;
    if (from !== null && to !== null && from > to) wrong.textContent = "The range is empty: it ends before it starts.";
    else if (![least, most].some((input) => input.hasAttribute("aria-invalid"))) wrong.textContent = "";
    clear.disabled = choices.mem_min === null && choices.mem_max === null;
  };
  choices.listeners.push(show);
  show();
  return h(
    "div",
    { class: "filters range", role: "group", "aria-label": "Range of mem" },
    h("span", {}, "mem from"),
    least,
    "to",
    most,
    clear,
    wrong,
  );
}

/**
 * Fields for class, set and order.
 * @param {WithClasses} dataset
 * @param {Choices} choices
 */
export function listFields(dataset, choices) {
  /** @type {[string, string][]} */
  const names = dataset.class_names.map((name, label) => [String(label), name]);
  const label = choiceField(choices, "label", "Class", [["", "all classes"], ...names]);
  const set = choiceField(choices, "set", "Show", SHOWN);
  const review = choiceField(choices, "review", "Review", REVIEWED);
  const sort = choiceField(choices, "sort", "Sort by", SORTS);
  const click = () => choices.clear();
  const clear = h("button", { type: "button", class: "small", on: { click } }, "Clear all filters");
  const show = () => {
    const { suspects } = choices;
    sort.select.disabled = suspects;
    sort.select.title = suspects ? "Suspected label errors have a fixed order: the likeliest first" : "";
    clear.hidden = !choices.filtered;
  };
  choices.listeners.push(show);
  show();
  const properties = { class: "filters", role: "group", "aria-label": "Filters and order" };
  return h("div", properties, label.field, set.field, review.field, sort.field, clear);
}

/**
 * A select for one choice, whose first option is the same as no choice.
 * @param {Choices} choices
 * @param {"label" | "set" | "review" | "sort"} name
 * @param {string} label
 * @param {[string, string][]} options
 */
function choiceField(choices, name, label, options) {
  const none = options[0][0];
  const select = h(
    "select",
    {},
    options.map(([value, text]) => h("option", { value }, text)),
  );
  select.addEventListener("change", () => choices.change({ [name]: select.value === none ? null : select.value }));
  const show = () => {
    select.value = choices[name] ?? none;
  };
  choices.listeners.push(show);
  show();
  return { select, field: h("label", {}, label, select) };
}

/**
 * How many samples match; null while nobody knows.
 * @param {number} samples
 */
export function matchingText(samples) {
  const element = h("p", { class: "soft number", "data-part": "matching" }, "…");
  /** @type {number | null} */
  let known = null;
  let shown = "…";
  /**
   * @param {number | null} matching
   * @param {number | null} [suspected] in a list of suspected label errors, followed by the other samples
   */
  const show = (matching, suspected = null) => {
    const some = matching === samples ? "all" : `${whole(matching)} of`;
    let text = matching === null ? "" : `${some} ${counted(samples, "sample")}`;
    if (matching !== null && suspected !== null) {
      text = suspected < matching ? `${whole(suspected)} suspected come first, in ${text}` : `${text}, suspected first`;
    }
    if (text === shown) return;
    fill(element, text);
    if (known !== null && text) say(text);
    known = matching;
    shown = text;
  };
  return { element, show };
}

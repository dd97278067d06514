// The fields that choose which samples are shown, and how many these are.

import { fill, h, say } from "../dom.js";
import { whole } from "../format.js";
import { SHOWN, SORTS } from "./choices.js";

const TYPING_MILLISECONDS = 150;

/** Fields for the range of mem, which do the same as the brush. */
export function rangeFields(page, choices) {
  let timer = null;
  page.signal.addEventListener("abort", () => clearTimeout(timer));
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
      wrong.textContent = fits ? "" : "mem lies between -1 and 1.";
      if (fits) timer = setTimeout(() => choices.change({ [name]: input.value }), TYPING_MILLISECONDS);
    });
    return input;
  };
  const wrong = h("span", { class: "wrong", role: "status" });
  const least = field("mem_min", "mem from");
  const most = field("mem_max", "mem to");
  const clear = h(
    "button",
    { type: "button", class: "small", on: { click: () => choices.change({ mem_min: null, mem_max: null }) } },
    "Clear range",
  );
  const show = () => {
    for (const [name, input] of [
      ["mem_min", least],
      ["mem_max", most],
    ]) {
      if (document.activeElement !== input) input.value = choices[name] ?? "";
    }
    const [from, to] = choices.range;
    if (from !== null && to !== null && from > to) wrong.textContent = "The range is empty: it ends before it begins.";
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
    h("span", { class: "soft small" }, "or drag over the chart"),
    wrong,
  );
}

/** Fields for class, set and order. */
export function listFields(dataset, choices) {
  const select = (name, label, options) => {
    const element = h(
      "select",
      { on: { change: () => choices.change({ [name]: element.value === options[0][0] ? null : element.value }) } },
      options.map(([value, text]) => h("option", { value }, text)),
    );
    const show = () => (element.value = choices[name] ?? options[0][0]);
    choices.listeners.push(show);
    show();
    return { element, field: h("label", {}, label, element) };
  };
  const classes = [["", "all classes"], ...dataset.class_names.map((name, label) => [String(label), name])];
  const label = select("label", "Class", classes);
  const set = select("set", "Show", SHOWN);
  const sort = select("sort", "Sort by", SORTS);
  const clear = h(
    "button",
    {
      type: "button",
      class: "small",
      on: { click: () => choices.change({ label: null, set: null, mem_min: null, mem_max: null }) },
    },
    "Clear all filters",
  );
  const show = () => {
    sort.element.disabled = choices.suspects;
    sort.element.title = choices.suspects
      ? "Suspected label errors have an order of their own: the likeliest first"
      : "";
    clear.hidden = !choices.filtered;
  };
  choices.listeners.push(show);
  show();
  return h(
    "div",
    { class: "filters", role: "group", "aria-label": "Filters and order" },
    label.field,
    set.field,
    sort.field,
    clear,
  );
}

/** How many samples match; null while nobody knows. */
export function matchingText(samples) {
  const element = h("p", { class: "soft number", "data-part": "matching" }, "…");
  let known = null;
  return {
    element,
    show(matching) {
      if (matching === known) return;
      const text =
        matching === null
          ? ""
          : matching === samples
            ? `all ${whole(samples)} samples`
            : `${whole(matching)} of ${whole(samples)} samples`;
      fill(element, text);
      if (known !== null && text) say(text);
      known = matching;
    },
  };
}

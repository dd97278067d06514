// Numbers that a view depends on: a field, or a slider with a field beside it.

import { fill, h } from "../dom.js";

/**
 * A labelled number field; `changed` gets the number, or null where the field is empty. Invalid input is reported.
 * @param {{
 *   label: string,
 *   value: number | null,
 *   min: number,
 *   max: number,
 *   step: number | "any",
 *   placeholder: string,
 *   changed: (value: number | null) => void,
 * }} options
 */
export function numberField({ label, value, min, max, step, placeholder, changed }) {
  const field = h("input", { type: "number", inputmode: "decimal", value, min, max, step, placeholder });
  const wrong = h("span", { class: "wrong", role: "alert" });
  field.addEventListener("input", () => {
    if (valid(field, wrong)) changed(field.value === "" ? null : Number(field.value));
  });
  return h("span", { class: "number-field" }, h("label", {}, label, field), wrong);
}

/**
 * A slider and a field for the same number, from 0 to 1. `set(value)` moves both; `changed` gets what the reader chose.
 * @param {{ name: string, label: string, hint: string, value: number, changed: (value: number) => void }} options
 */
export function slider({ name, label, hint, value, changed }) {
  const id = `slider-${name}`;
  const bounds = { min: 0, max: 1, value };
  const range = h("input", { type: "range", id, step: 0.01, ...bounds, "aria-describedby": `${id}-hint` });
  const field = h("input", { type: "number", required: true, step: "any", ...bounds, "aria-label": label });
  const wrong = h("p", { class: "wrong", role: "alert" });
  /** @param {number | string} to */
  const set = (to) => {
    range.value = String(to);
    field.value = String(to);
    valid(field, wrong);
  };
  range.addEventListener("input", () => {
    set(range.value);
    changed(Number(range.value));
  });
  field.addEventListener("input", () => {
    if (!valid(field, wrong)) return;
    range.value = field.value;
    changed(Number(field.value));
  });
  const element = h(
    "div",
    { class: "slider" },
    h("label", { htmlFor: id, for: id }, label),
    range,
    field,
    wrong,
    h("p", { class: "soft small", id: `${id}-hint` }, hint),
  );
  return { element, set };
}

/**
 * Whether a field holds what it may; the browser's sentence stands in `wrong` where it does not.
 * @param {HTMLInputElement} field
 * @param {HTMLElement} wrong
 */
function valid(field, wrong) {
  const fits = field.checkValidity();
  if (fits) field.removeAttribute("aria-invalid");
  else field.setAttribute("aria-invalid", "true");
  fill(wrong, fits ? null : field.validationMessage);
  return fits;
}

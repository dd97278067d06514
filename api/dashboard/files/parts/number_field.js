// Numbers that a view depends on: a field, or a slider with a field beside it.

import { h } from "../dom.js";

/** A labelled number field; `changed` gets the number, or null where the field is empty. Wrong input is left alone. */
export function numberField({ label, value, min, max, step, placeholder, changed }) {
  const field = h("input", { type: "number", inputmode: "decimal", value: value ?? "", min, max: String(max), step, placeholder });
  field.addEventListener("input", () => field.checkValidity() && changed(field.value === "" ? null : Number(field.value)));
  return h("label", {}, label, field);
}

/** A slider and a field for the same number. `set(value)` moves both; `changed` gets what the reader chose. */
export function slider({ name, label, hint, value, min = 0, max = 1, step = 0.01, changed }) {
  const id = `slider-${name}`;
  const range = h("input", { type: "range", id, min, max: String(max), step, value, "aria-describedby": `${id}-hint` });
  const field = h("input", { type: "number", min, max: String(max), step: "any", value, "aria-label": label });
  const set = (to) => {
    range.value = to;
    if (document.activeElement !== field) field.value = to;
  };
  range.addEventListener("input", () => {
    field.value = range.value;
    changed(Number(range.value));
  });
  field.addEventListener("input", () => {
    if (field.value === "" || !field.checkValidity()) return;
    range.value = field.value;
    changed(Number(field.value));
  });
  const element = h(
    "div",
    { class: "slider" },
    h("label", { htmlFor: id, for: id }, label),
    range,
    field,
    h("p", { class: "soft small", id: `${id}-hint` }, hint),
  );
  return { element, set };
}

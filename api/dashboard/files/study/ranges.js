// Bounds of any column: a field to add one, and the present ones, each with a button that ends it.

import { fill, h } from "../dom.js";
import { choice } from "../parts/fields.js";
import { COLUMNS, inWords } from "./columns.js";

/** @import { Choices } from "./choices.js" */

/** @param {Choices} choices */
export function columnRanges(choices) {
  const present = h("span", { class: "chips" });
  const column = choice(
    Object.entries(COLUMNS).map(([name, { text }]) => [name, text]),
    "p_out",
  );
  column.setAttribute("aria-label", "Column");
  const [least, most] = ["at least", "at most"].map((label) =>
    h("input", { type: "number", step: "any", inputmode: "decimal", "aria-label": label, placeholder: label }),
  );
  const wrong = h("span", { class: "wrong", role: "status" });
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const [low, high] = [least.value, most.value];
    if (low === "" && high === "") wrong.textContent = "Give a bound.";
    else if (low !== "" && high !== "" && Number(low) > Number(high))
      wrong.textContent = "The range is empty: it ends before it starts.";
    else {
      wrong.textContent = "";
      choices.bound({ [column.value]: [plain(low), plain(high)] });
    }
  };
  const show = () => {
    fill(
      present,
      choices.ranges.map((range) => {
        const end = () => choices.bound({ [range.split(":")[0]]: null });
        return h(
          "button",
          { type: "button", class: "small chip", "aria-label": `End ${inWords(range)}`, on: { click: end } },
          `${inWords(range)} ✕`,
        );
      }),
    );
  };
  choices.listeners.push(show);
  show();
  return h(
    "form",
    { class: "filters", novalidate: true, "aria-label": "Bounds of a column", on: { submit } },
    h("label", {}, "Bound", column),
    least,
    most,
    h("button", { class: "small" }, "Add"),
    present,
    wrong,
  );
}

/**
 * A number as the service reads it, without an exponent.
 * @param {string} text
 */
const plain = (text) => (text === "" ? "" : String(Number(Number(text).toFixed(9))));

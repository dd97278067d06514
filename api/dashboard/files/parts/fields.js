// Fields of a form, each under the pointer by which the service names it, where its problems are shown.

import { fill, h } from "../dom.js";

/** @import { FieldError } from "../api.js" */
/** @import { Child } from "../types.js" */

/** A set of fields. Pointers are those of a problem's `errors`: "body/design/seed". */
export class Fields {
  /** By pointer. @type {Map<string, { wrong: HTMLElement, control: HTMLElement | null }>} */
  #places = new Map();
  /** @type {Map<string, string>} */
  #others = new Map();

  /**
   * Another pointer of a field whose meaning depends on a choice.
   * @param {string} pointer
   * @param {string} place
   */
  also(pointer, place) {
    this.#others.set(pointer, place);
  }

  /**
   * A control with its label, a hint, and a place for what is wrong with it.
   * @param {string} pointer
   * @param {string} label
   * @param {HTMLElement} control
   * @param {Child} [hint]
   */
  field(pointer, label, control, hint) {
    const id = pointer.replaceAll("/", "-");
    control.id = id;
    const wrong = h("p", { class: "wrong", id: `${id}-wrong`, role: "status" });
    control.setAttribute("aria-describedby", hint ? `${id}-hint ${id}-wrong` : `${id}-wrong`);
    this.#places.set(pointer, { wrong, control });
    const hinted = hint && h("span", { class: "hint", id: `${id}-hint` }, hint);
    return h("div", { class: "field" }, h("label", { for: id }, label), control, hinted, wrong);
  }

  /**
   * Fields that belong together, with a place for what is wrong with all of them.
   * @param {string} pointer
   * @param {string} legend
   * @param {...Child} children
   */
  group(pointer, legend, ...children) {
    const wrong = h("p", { class: "wrong", role: "status" });
    this.#places.set(pointer, { wrong, control: null });
    return h("fieldset", {}, h("legend", {}, legend), ...children, wrong);
  }

  /**
   * Show problems at their fields, and no others. Returns those that belong to none.
   * @param {FieldError[]} errors
   */
  show(errors) {
    /** @type {Map<string, string[]>} */
    const texts = new Map();
    const homeless = errors.filter(({ pointer, message }) => {
      const parts = (this.#others.get(pointer) ?? pointer).split("/");
      let count = parts.length;
      while (count && !this.#places.has(parts.slice(0, count).join("/"))) count -= 1;
      if (!count) return true;
      const place = parts.slice(0, count).join("/");
      const inside = parts.slice(count).join(".");
      texts.set(place, [...(texts.get(place) ?? []), inside ? located(inside, message) : message]);
      return false;
    });
    for (const [pointer, { wrong, control }] of this.#places) {
      const found = texts.get(pointer);
      const text = found?.join("; ") ?? "";
      if (wrong.textContent !== text) wrong.textContent = text;
      if (found) wrong.closest("details:not([open])")?.setAttribute("open", "");
      if (found && control) control.setAttribute("aria-invalid", "true");
      else control?.removeAttribute("aria-invalid");
    }
    return homeless;
  }
}

/**
 * What is wrong at a place inside a field, as the service words it: `epochs must be at least 1, not 0`.
 * @param {string} where
 * @param {string} message
 */
const located = (where, message) => `${where}${message.startsWith("must ") ? "" : ":"} ${message}`;

/**
 * A number field's value; null where it is empty or no number, which the service then says.
 * @param {HTMLInputElement} input
 */
export const number = (input) => (input.value === "" ? null : Number(input.value));

/**
 * A select of [value, text] pairs.
 * @param {[string, string][]} options
 * @param {string | null | undefined} value
 */
export function choice(options, value) {
  const select = h("select", {});
  fill(
    select,
    options.map(([one, text]) => h("option", { value: one }, text)),
  );
  const chosen = options.find(([one]) => one === value);
  if (chosen) select.value = chosen[0];
  return select;
}

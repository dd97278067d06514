// Fields of a form, each under the pointer by which the service names it, where its problems are shown.

import { fill, h } from "../dom.js";

/** A set of fields. Pointers are those of a problem's `errors`: "body/design/seed". */
export class Fields {
  constructor() {
    this.places = new Map();
    this.others = new Map();
  }

  /** Another pointer of a field: what it stands for depends on a choice. */
  also(pointer, place) {
    this.others.set(pointer, place);
  }

  /** A control with its label, a hint, and a place for what is wrong with it. */
  field(pointer, label, control, hint) {
    const id = pointer.replaceAll("/", "-");
    control.id = id;
    const wrong = h("p", { class: "wrong", id: `${id}-wrong`, role: "status" });
    control.setAttribute("aria-describedby", hint ? `${id}-hint ${id}-wrong` : `${id}-wrong`);
    this.places.set(pointer, { wrong, control });
    return h(
      "div",
      { class: "field" },
      h("label", { for: id }, label),
      control,
      hint && h("span", { class: "hint", id: `${id}-hint` }, hint),
      wrong,
    );
  }

  /** Fields that belong together, with a place for what is wrong with all of them. */
  group(pointer, legend, ...children) {
    const wrong = h("p", { class: "wrong", role: "status" });
    this.places.set(pointer, { wrong, control: null });
    return h("fieldset", {}, h("legend", {}, legend), ...children, wrong);
  }

  /** Show problems at their fields, and no others; those that belong to none are given back. */
  show(errors) {
    const texts = new Map();
    const homeless = errors.filter(({ pointer, message }) => {
      const parts = (this.others.get(pointer) ?? pointer).split("/");
      let count = parts.length;
      while (count && !this.places.has(parts.slice(0, count).join("/"))) count -= 1;
      if (!count) return true;
      const place = parts.slice(0, count).join("/");
      const inside = parts.slice(count).join(".");
      texts.set(place, [...(texts.get(place) ?? []), inside ? `${inside}: ${message}` : message]);
      return false;
    });
    for (const [pointer, { wrong, control }] of this.places) {
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

/** A number field's value; null where it is empty or no number, which the service then says. */
export const number = (input) => (input.value === "" ? null : Number(input.value));

/** A select of [value, text] pairs. */
export function choice(options, value) {
  const select = h("select", {});
  fill(
    select,
    options.map(([one, text]) => h("option", { value: one }, text)),
  );
  if (options.some(([one]) => one === value)) select.value = value;
  return select;
}

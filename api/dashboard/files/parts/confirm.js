// A question in the page, before something is done that ends work.

import { h, required } from "../dom.js";

/** @import { Child } from "../types.js" */

/**
 * Whether the reader says yes. `text`: what it means, a sentence or nodes; `typed`: what has to be typed first.
 * @param {{ title: string, text: Child, yes: string, no: string, signal: AbortSignal, typed?: string }} options
 * @returns {Promise<boolean>}
 */
export function confirmed({ title, text, yes, no, signal, typed }) {
  return new Promise((resolve) => {
    const button = h("button", { value: "yes", class: "primary", disabled: typed !== undefined }, yes);
    const check = () => {
      button.disabled = field.value !== typed;
    };
    const field = h("input", { type: "text", autocomplete: "off", spellcheck: "false", on: { input: check } });
    const dialog = h(
      "dialog",
      { class: "question", "aria-labelledby": "question" },
      h("h2", { id: "question" }, title),
      h("p", {}, text),
      h(
        "form",
        { method: "dialog", class: "actions" },
        typed !== undefined && h("label", {}, `Type ${typed}`, field),
        button,
        h("button", { value: "no", autofocus: true }, no),
      ),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    signal.addEventListener("abort", () => dialog.close());
    required("#main").append(dialog);
    dialog.showModal();
  });
}

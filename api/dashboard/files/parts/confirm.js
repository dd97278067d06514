// A question in the page, before something is done that ends work.

import { h, required } from "../dom.js";

/** @import { Child } from "../types.js" */

/**
 * Whether the reader says yes. `text`: what it means, a sentence or nodes.
 * @param {{ title: string, text: Child, yes: string, no: string, signal: AbortSignal }} options
 * @returns {Promise<boolean>}
 */
export function confirmed({ title, text, yes, no, signal }) {
  return new Promise((resolve) => {
    const dialog = h(
      "dialog",
      { class: "question", "aria-labelledby": "question" },
      h("h2", { id: "question" }, title),
      h("p", {}, text),
      h(
        "form",
        { method: "dialog", class: "actions" },
        h("button", { value: "yes", class: "primary" }, yes),
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

// Text to take away: a block of code with a button that copies it.

import { h, say } from "../dom.js";

/**
 * Code with a button; `label` says what it is.
 * @param {string} code
 * @param {string} label
 */
export function copyable(code, label) {
  const button = h("button", { type: "button", class: "small", "aria-label": `Copy ${label}` }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code);
      button.textContent = "Copied";
      say(`${label} copied`);
    } catch {
      getSelection()?.selectAllChildren(block);
      button.textContent = "Press Ctrl-C";
    }
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
  const block = h("code", {}, code);
  return h(
    "div",
    { class: "copyable" },
    h("pre", { tabindex: "0", "aria-label": label, role: "region" }, block),
    button,
  );
}

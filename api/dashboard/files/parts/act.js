// Buttons that do something to what is stored; what the service refuses is shown where they stand.

import { fill, h } from "../dom.js";
import { problem } from "./problem.js";

/** @import { Page } from "../types.js" */

/**
 * A button. `act` is called once at a time; `trouble` shows the problem that it throws, and nothing otherwise.
 * @param {Page} page
 * @param {{ text: string, action: string, label?: string, small?: boolean, trouble: HTMLElement }} options
 * @param {() => Promise<unknown>} act
 */
export function actionButton(page, { text, action, label, small, trouble }, act) {
  const click = async () => {
    button.disabled = true;
    try {
      fill(trouble);
      await act();
    } catch (error) {
      if (!page.signal.aborted) fill(trouble, problem(error, { compact: true }));
    } finally {
      button.disabled = false;
      if (document.activeElement === document.body) button.focus();
    }
  };
  const button = h(
    "button",
    { type: "button", "data-action": action, "aria-label": label, class: small ? "small" : undefined, on: { click } },
    text,
  );
  return button;
}

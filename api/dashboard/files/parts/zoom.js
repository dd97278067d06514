// Images enlarged in a dialog, alone or side by side, to compare them by eye.

import { h } from "../dom.js";
import { image } from "./tile.js";
import { inWords } from "./words.js";

/** @import { Child, Page, Picture } from "../types.js" */

/** @typedef {{ name: string }} Dataset */

const BLINK_MILLISECONDS = 600;

/**
 * Show images large until the reader closes them; `text` stands below.
 * @param {Page} page
 * @param {Dataset} dataset
 * @param {Picture[]} pictures
 * @param {...Child} text
 */
function enlarge(page, dataset, pictures, ...text) {
  const ended = new AbortController();
  const close = h("button", { type: "button", autofocus: true }, "Close");
  const shown = h(
    "div",
    { class: "zoomed" },
    pictures.map((one) => enlarged(dataset, one)),
  );
  const dialog = h(
    "dialog",
    { class: "zoom", "aria-label": `Enlarged: ${namesOf(pictures)}` },
    shown,
    h("div", { class: "zoom-text" }, text),
    h(
      "p",
      { class: "actions" },
      close,
      pictures.length === 2 && !inWords(dataset.name) && sideBySide(shown, ended.signal),
    ),
  );
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    ended.abort();
    dialog.remove();
  });
  dialog.addEventListener("click", ({ target }) => {
    if (target === dialog || (target instanceof Element && target.closest("a"))) dialog.close();
  });
  page.signal.addEventListener("abort", () => dialog.close());
  page.main.append(dialog);
  dialog.showModal();
  dialog.scrollTop = 0; // the focus is at its end
}

/**
 * Buttons that help to compare two images: one mirrors the first, the other shows both in one place in turn.
 * @param {HTMLElement} shown
 * @param {AbortSignal} ended
 */
function sideBySide(shown, ended) {
  const [first] = shown.children;
  /**
   * @param {string} text
   * @param {(on: boolean) => void} change
   */
  const button = (text, change) => {
    const made = h("button", { type: "button", "aria-pressed": "false" }, text);
    made.addEventListener("click", () => {
      const on = made.getAttribute("aria-pressed") === "false";
      made.setAttribute("aria-pressed", String(on));
      change(on);
    });
    return made;
  };
  /** @type {number | undefined} */
  let timer;
  const stop = () => clearInterval(timer);
  ended.addEventListener("abort", stop);
  return [
    button("Mirror the first", (on) => first.classList.toggle("mirrored", on)),
    button("Blink", (on) => {
      stop();
      shown.classList.toggle("blinking", on);
      shown.classList.remove("second");
      if (on) timer = setInterval(() => shown.classList.toggle("second"), BLINK_MILLISECONDS);
    }),
  ];
}

/** @param {Picture[]} pictures */
const namesOf = (pictures) => pictures.map(({ split, index }) => `${split} ${index}`).join(" and ");

/**
 * @param {Dataset} dataset
 * @param {Picture} picture
 */
function enlarged(dataset, { split, index, label, href }) {
  const name = `${split} ${index}`;
  const caption = h("figcaption", {}, href ? h("a", { href }, name) : name, label && `, ${label}`);
  return h("figure", {}, image(dataset.name, split, index, { label, scale: 8 }), caption);
}

/**
 * A button that enlarges.
 * @param {Page} page
 * @param {Dataset} dataset
 * @param {Picture[]} pictures
 * @param {...Child} text
 */
export function enlarger(page, dataset, pictures, ...text) {
  const click = () => enlarge(page, dataset, pictures, ...text);
  const label = `Enlarge ${namesOf(pictures)}`;
  return h("button", { type: "button", class: "plain", "aria-label": label, on: { click } }, "Enlarge");
}

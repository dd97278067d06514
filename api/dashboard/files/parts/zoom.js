// Images enlarged in a dialog, alone or side by side, to compare them by eye.

import { h } from "../dom.js";
import { image } from "./tile.js";

/** @import { Child, Page, Picture } from "../types.js" */

/** @typedef {{ name: string }} Dataset */

/**
 * Show images large until the reader closes them; `text` stands below.
 * @param {Page} page
 * @param {Dataset} dataset
 * @param {Picture[]} pictures
 * @param {...Child} text
 */
function enlarge(page, dataset, pictures, ...text) {
  const close = h("button", { type: "button", autofocus: true }, "Close");
  const dialog = h(
    "dialog",
    { class: "zoom", "aria-label": `Enlarged: ${namesOf(pictures)}` },
    h(
      "div",
      { class: "zoomed" },
      pictures.map((one) => enlarged(dataset, one)),
    ),
    h("div", { class: "zoom-text" }, text),
    close,
  );
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", ({ target }) => {
    if (target === dialog || (target instanceof Element && target.closest("a"))) dialog.close();
  });
  page.signal.addEventListener("abort", () => dialog.close());
  page.main.append(dialog);
  dialog.showModal();
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

// Images enlarged in a dialog, alone or side by side, to compare them by eye.

import { h } from "../dom.js";
import { image } from "./tile.js";

/** Show images large until the reader closes them. `pictures`: {split, index, label, href} each; `text`: nodes below. */
function enlarge(page, dataset, pictures, ...text) {
  const names = pictures.map(({ split, index }) => `${split} ${index}`).join(" and ");
  const close = h("button", { type: "button", autofocus: true, on: { click: () => dialog.close() } }, "Close");
  const one = ({ split, index, label, href }) =>
    h(
      "figure",
      {},
      image(dataset.name, split, index, { label, scale: 8 }),
      h("figcaption", {}, href ? h("a", { href }, `${split} ${index}`) : `${split} ${index}`, label && `, ${label}`),
    );
  const dialog = h(
    "dialog",
    { class: "zoom", "aria-label": `Enlarged: ${names}` },
    h("div", { class: "zoomed" }, pictures.map(one)),
    h("div", { class: "zoom-text" }, text),
    close,
  );
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => (event.target === dialog || event.target.closest("a")) && dialog.close());
  page.signal.addEventListener("abort", () => dialog.close());
  page.main.append(dialog);
  dialog.showModal();
}

/** A button that enlarges. */
export function enlarger(page, dataset, pictures, ...text) {
  const names = pictures.map(({ split, index }) => `${split} ${index}`).join(" and ");
  return h(
    "button",
    {
      type: "button",
      class: "plain",
      "aria-label": `Enlarge ${names}`,
      on: { click: () => enlarge(page, dataset, pictures, ...text) },
    },
    "Enlarge",
  );
}

// Two samples side by side, with what is known of them.

import { h } from "../dom.js";
import { image } from "./tile.js";
import { enlarger } from "./zoom.js";

/** @import { Child, Page, Picture } from "../types.js" */

/**
 * `brief` stands below the enlarged images, `further` on the card alone.
 * @param {Page} page
 * @param {{ name: string }} dataset
 * @param {Picture[]} both
 * @param {{ data: Record<string, string | number>, brief: () => Child, further?: Child }} options
 */
export function pairCard(page, dataset, both, { data, brief, further }) {
  return h(
    "article",
    { class: "pair", ...data },
    both.map((one) => side(dataset, one)),
    h("div", {}, brief(), further, enlarger(page, dataset, both, brief())),
  );
}

/**
 * @param {{ name: string }} dataset
 * @param {Picture} picture
 */
function side({ name }, { split, index, label, href }) {
  return h(
    "a",
    { class: "card", href },
    image(name, split, index, { label }),
    h("span", { class: "line" }, `${split} ${index}`),
    label && h("span", { class: "line soft" }, label),
  );
}

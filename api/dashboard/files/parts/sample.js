// What the pages of samples share: their addresses, cards that lead to them, and steps from one to the next.

import { h } from "../dom.js";
import { className } from "../format.js";
import { address, get, path } from "../http.js";
import { image } from "./tile.js";

/** @import { DatasetMessage, Scores, StudyMessage } from "../api.js" */
/** @import { Named, Page, Query, Split } from "../types.js" */

/**
 * The address of a sample's page. `query`: the list that it stands in, and its place there (parts/listed.js).
 * @param {Named} study
 * @param {Split} split
 * @param {number | string} index
 * @param {Query} [query]
 */
export const sampleUrl = (study, split, index, query = {}) =>
  address(path`/studies/${study.name}/${split}/${index}`, query);

/**
 * A small card that leads to a sample's page; `right` stands beside its index, `below` under it.
 * @param {Named} study
 * @param {DatasetMessage} dataset
 * @param {Split} split
 * @param {{ index: number, label: number }} sample
 * @param {{ right?: string, below?: string }} texts
 */
export function sampleCard(study, dataset, split, { index, label }, { right, below } = {}) {
  const name = className(dataset, label);
  return h(
    "a",
    { class: "card", href: sampleUrl(study, split, index), "data-index": index },
    image(dataset.name, split, index, { label: name }),
    h("span", { class: "line" }, h("span", {}, name), right !== undefined && h("strong", {}, right)),
    h("span", { class: "line soft" }, `${split} ${index}`),
    below && h("span", { class: "soft" }, below),
  );
}

/**
 * The indices of the samples before and behind a position in the list by mem (0: the most memorized); null at the ends.
 * @param {Page} page
 * @param {StudyMessage} study
 * @param {number} position
 */
export async function neighbours(page, study, position) {
  const before = Math.min(1, position);
  const query = { sort: "-mem", offset: position - before, limit: before + 2 };
  /** @type {Scores} */
  const { scores } = await get(path`/v1/studies/${study.name}/scores`, query, { signal: page.signal });
  const indices = scores.map((one) => one.index);
  return { more: before ? indices[0] : null, less: indices[before + 1] ?? null };
}

/**
 * A step to another sample, made by a key too (see `byKeys`).
 * @typedef {{ to: number, text: string, key?: string, query?: Query }} Step
 */

/**
 * Links to other samples; null and false are left out.
 * @param {Named} study
 * @param {Split} split
 * @param {(Step | null | false)[]} steps
 */
export function stepLinks(study, split, steps, label = "Neighbours") {
  /** @param {Step} step */
  const link = ({ to, text, key, query }) =>
    h(
      "a",
      { href: sampleUrl(study, split, to, query), "data-key": key, "aria-keyshortcuts": key },
      text,
      key && h("kbd", { "aria-hidden": "true" }, key),
    );
  return h(
    "nav",
    { class: "steps", "aria-label": label },
    steps.map((step) => step && link(step)),
  );
}

/** @type {Record<string, number>} */
const BY_INDEX = { j: 1, k: -1 };

/**
 * Follow the links of a page that name a key (data-key) when it is pressed outside of fields. While the page of a
 * sample of `split` is still on its way, j and k step on from its index, so that no press is lost.
 * @param {Page} page
 * @param {Split} split
 */
export function byKeys(page, split) {
  /** @param {KeyboardEvent} event */
  const press = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.target instanceof Element && event.target.closest("input, select, textarea")) return;
    const link = page.main.querySelector(`a[data-key="${CSS.escape(event.key)}"]`);
    const listed = page.query.has("at"); // then j and k step through a list, which is on its way too
    const next = listed ? Number.NaN : Number(page.params.index) + (BY_INDEX[event.key] ?? Number.NaN);
    if (link instanceof HTMLElement) link.click();
    else if (!page.main.childElementCount && next >= 0) page.go(sampleUrl({ name: page.params.study }, split, next));
  };
  document.addEventListener("keydown", press, { signal: page.signal });
}

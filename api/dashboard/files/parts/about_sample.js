// What is known of a sample besides its scores: its name, text and columns, and the nearest samples by feature.

import { h } from "../dom.js";
import { fixed } from "../format.js";
import { get, path } from "../http.js";
import { sampleCard } from "./sample.js";
import { inWords, isRemoved, sampleOf } from "./words.js";

/** @import { DatasetDetail, Neighbours, StudyMessage } from "../api.js" */
/** @import { Page, Split } from "../types.js" */

const NEAREST = 12;

/**
 * Its name, text and columns; empty where the dataset has none, or the service not its files.
 * @param {DatasetDetail} dataset
 * @param {Split} split
 * @param {number} index
 */
export function about(dataset, split, index) {
  const place = h("div", { class: "about-sample" });
  sampleOf(dataset.name, split, index).then(
    ({ name, text, columns }) => {
      const named = name !== `${split} ${index}`;
      const others = Object.entries(columns);
      if (named) place.append(h("p", { class: "sample-name" }, name));
      if (text && !inWords(dataset.name)) place.append(h("p", { class: "sample-text" }, text));
      if (others.length) place.append(h("dl", { class: "measure" }, others.map(row)));
    },
    () => {},
  );
  return place;
}

/** @param {[string, string | number | null]} column */
const row = ([name, value]) => [h("dt", {}, name), h("dd", {}, shown(value))];

/** @param {string | number | null} value */
const shown = (value) => (typeof value === "number" ? String(Number(value.toPrecision(6))) : (value ?? "missing"));

/**
 * The training samples with the nearest features; nothing for a dataset of images, or a sample that was removed.
 * @param {Page} page
 * @param {StudyMessage} study
 * @param {DatasetDetail} dataset
 * @param {Split} split
 * @param {number} index
 */
export async function nearest(page, study, dataset, split, index) {
  if (!inWords(dataset.name) || isRemoved(dataset.name, split, index)) return null;
  const address = path`/v1/datasets/${dataset.name}/${split}/${index}/neighbours`;
  /** @type {Neighbours} */
  const { neighbours } = await get(address, { count: NEAREST }, { signal: page.signal });
  const cards = neighbours.map((one) =>
    sampleCard(study, dataset, "train", one, { right: fixed(one.closeness), below: one.name }),
  );
  return h(
    "section",
    { "aria-labelledby": "nearest" },
    h("h2", { id: "nearest" }, "Nearest training samples by feature"),
    h("p", { class: "soft small" }, "The number is 1 for equal features, and 0 for unrelated ones."),
    h("div", { class: "cards" }, cards),
  );
}

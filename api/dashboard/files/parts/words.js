// Samples without images in words: their text, or their other columns, or their name; many are asked for at once.

import { h } from "../dom.js";
import { get, path } from "../http.js";

/** @import { DatasetDetail, Sample, Samples } from "../api.js" */
/** @import { Split } from "../types.js" */

const WAIT_MILLISECONDS = 10; // for more samples of the same part to ask for
const MOST = 400; // samples of one call
const KEPT = 5000;
const COLUMNS = 6; // of a sample without a text

/** @type {Set<string>} */
const wordy = new Set(); // datasets of features
/** @type {Map<string, Record<Split, Set<number>>>} */
const removed = new Map(); // samples whose content was removed on request, by dataset
/** @type {Map<string, Promise<Sample>>} */
const known = new Map();
/** @type {Map<string, { index: number, done: (sample: Sample) => void, failed: (error: unknown) => void }[]>} */
const waiting = new Map();

/**
 * Remember whether the samples of a dataset have images, and which were removed on request.
 * @param {DatasetDetail} dataset
 */
export function learnKind({ name, kind, forgotten_train: train, forgotten_test: test }) {
  if (kind === "features") wordy.add(name);
  else wordy.delete(name);
  removed.set(name, { train: new Set(train), test: new Set(test) });
}

/**
 * Whether the content of a sample was removed on request.
 * @param {string} dataset
 * @param {Split} split
 * @param {number} index
 */
export const isRemoved = (dataset, split, index) => Boolean(removed.get(dataset)?.[split].has(index));

/**
 * Whether the samples of a dataset are shown in words.
 * @param {string} dataset
 */
export const inWords = (dataset) => wordy.has(dataset);

/**
 * A sample; calls for samples of the same part are made together.
 * @param {string} dataset
 * @param {Split} split
 * @param {number} index
 */
export function sampleOf(dataset, split, index) {
  const key = `${dataset} ${split} ${index}`;
  const before = known.get(key);
  if (before) return before;
  if (known.size >= KEPT) known.clear();
  /** @type {Promise<Sample>} */
  const asked = new Promise((done, failed) => {
    const part = path`/v1/datasets/${dataset}/${split}/samples`;
    const queue = waiting.get(part) ?? [];
    if (!queue.length) setTimeout(() => ask(part), WAIT_MILLISECONDS);
    waiting.set(part, [...queue, { index, done, failed }]);
  });
  known.set(key, asked);
  asked.catch(() => known.delete(key));
  return asked;
}

/** @param {string} part */
async function ask(part) {
  const all = waiting.get(part) ?? [];
  waiting.delete(part);
  for (let first = 0; first < all.length; first += MOST) {
    const some = all.slice(first, first + MOST);
    try {
      /** @type {Samples} */
      const { samples } = await get(part, { indices: some.map(({ index }) => index).join(",") });
      some.forEach(({ done }, place) => {
        done(samples[place]);
      });
    } catch (error) {
      for (const { failed } of some) failed(error);
    }
  }
}

/**
 * What stands in place of an image: filled as soon as the sample is known.
 * @param {string} dataset
 * @param {Split} split
 * @param {number} index
 */
export function words(dataset, split, index) {
  const place = h("span", { class: "picture words" });
  if (isRemoved(dataset, split, index)) {
    place.textContent = `This ${inWords(dataset) ? "sample" : "image"} was removed on request.`;
    return place;
  }
  sampleOf(dataset, split, index).then(
    (sample) => {
      place.textContent = wordsOf(sample);
      place.title = sample.name;
    },
    () => {
      place.textContent = `${split} ${index}`;
    },
  );
  return place;
}

/** @param {Sample} sample */
function wordsOf({ name, text, columns, forgotten }) {
  if (forgotten) return "This sample was removed on request.";
  if (text) return text;
  const others = Object.entries(columns).slice(0, COLUMNS);
  return others.map(([column, value]) => `${column} ${shown(value)}`).join(", ") || name;
}

/** @param {string | number | null} value */
const shown = (value) => (typeof value === "number" ? Number(value.toPrecision(4)) : (value ?? "missing"));

// Images of samples: one by one, or many cut out of one sprite.

import { h } from "../dom.js";
import { address, path } from "../http.js";
import { tellGone } from "./images_gone.js";
import { inWords, isRemoved, words } from "./words.js";

/** @import { Interval, SetName } from "../api.js" */
/** @import { Split } from "../types.js" */

/**
 * The address of one image; `scale` enlarges each pixel.
 * @param {string} dataset
 * @param {Split} split
 * @param {number} index
 */
const imageUrl = (dataset, split, index, scale = 1) =>
  address(path`/v1/datasets/${dataset}/${split}/${index}/image.png`, scale === 1 ? {} : { scale });

/**
 * The address of many images in one file, `columns` side by side.
 * @param {string} dataset
 * @param {Split} split
 * @param {number[]} indices
 * @param {number} columns
 */
export const spriteUrl = (dataset, split, indices, columns) =>
  address(path`/v1/datasets/${dataset}/${split}/sprite.png`, { indices: indices.join(","), columns });

/**
 * One image, or words where the dataset has none; where it cannot be had its place says so, and the view says why.
 * @param {string} dataset
 * @param {Split} split
 * @param {number} index
 * @param {{ label?: string, scale?: number, size?: string }} options
 */
export function image(dataset, split, index, { label = "", scale = 1, size } = {}) {
  if (inWords(dataset) || isRemoved(dataset, split, index)) return sized(words(dataset, split, index), size);
  const text = `${split === "train" ? "Training" : "Test"} image ${index}${label ? `, ${label}` : ""}`;
  const picture = h("img", {
    class: "picture",
    src: imageUrl(dataset, split, index, scale),
    alt: text,
    loading: "lazy",
    decoding: "async",
  });
  sized(picture, size);
  const failed = () => {
    const stand = gone(text);
    stand.classList.add(...picture.classList);
    picture.replaceWith(sized(stand, size));
    tellGone(picture.getAttribute("src") ?? "");
  };
  picture.addEventListener("error", failed, { once: true });
  return picture;
}

/**
 * @template {HTMLElement} E
 * @param {E} element
 * @param {string | undefined} size
 */
function sized(element, size) {
  if (size) element.style.width = element.style.height = size;
  return element;
}

/**
 * Stands where an image cannot be had.
 * @param {string} text
 */
export const gone = (text) =>
  h("span", { class: "picture gone", role: "img", "aria-label": `${text}: not available` }, "no image");

/**
 * Let an element show cell `place` of a sprite of `columns` x `rows` images, filling it.
 * @param {HTMLElement} element
 * @param {string} url
 * @param {number} place
 * @param {number} columns
 * @param {number} rows
 */
export function cut(element, url, place, columns, rows) {
  const column = place % columns;
  const row = Math.floor(place / columns);
  element.style.backgroundImage = `url("${url}")`;
  element.style.backgroundSize = `${100 * columns}% ${100 * rows}%`;
  const left = columns > 1 ? (100 * column) / (columns - 1) : 0;
  const top = rows > 1 ? (100 * row) / (rows - 1) : 0;
  element.style.backgroundPosition = `${left}% ${top}%`;
}

/**
 * mem with its interval as a track from 0 to 1.
 * @param {number | null} mem
 * @param {Interval} ends
 */
export function track(mem, [low, high]) {
  /** @param {number} value */
  const clamp = (value) => Math.min(1, Math.max(0, value));
  const shown = h("span", { class: "track", "aria-hidden": "true" });
  if (mem === null) return shown;
  if (low !== null && high !== null) {
    shown.append(h("i", { style: { left: `${100 * clamp(low)}%`, width: `${100 * (clamp(high) - clamp(low))}%` } }));
  }
  shown.append(h("b", { style: { left: `${100 * clamp(mem)}%` } }));
  return shown;
}

/**
 * "typical" or "atypical" as a mark with its own shape and colour; null in between.
 * @param {SetName | null} name
 */
export const setMark = (name) => name && h("span", { class: `mark ${name}` }, name);

// CSV files that the browser makes.

import { h } from "../dom.js";

/**
 * A cell of a CSV file.
 * @param {unknown} value
 */
export function quoted(value) {
  const text = value === null || value === undefined ? "" : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * Let the browser download a CSV file.
 * @param {string} file
 * @param {string} text
 */
export function save(file, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  h("a", { href: url, download: file }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

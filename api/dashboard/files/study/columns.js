// The columns that a list can be bounded by, and two of which can be looked at together.

import { fixed } from "../format.js";

/** By name: what it is, and whether values of two columns can be counted with it. @type {Record<string, { text: string, counted: boolean }>} */
export const COLUMNS = {
  p_out: { text: "p_out, accuracy when held out", counted: true },
  p_in: { text: "p_in, accuracy when trained on", counted: true },
  mem: { text: "mem", counted: true },
  se: { text: "standard error of mem", counted: true },
  mem_low: { text: "lower end of the interval", counted: false },
  mem_high: { text: "upper end of the interval", counted: false },
  mem_margin: { text: "mem by margins", counted: true },
  risk: { text: "privacy risk", counted: true },
  n_out: { text: "trials that held it out", counted: false },
  index: { text: "index", counted: false },
};

/**
 * Bounds of a column in words: "p_out 0.1 to 0.5".
 * @param {string} range
 */
export function inWords(range) {
  const [column, least, most] = range.split(":");
  if (least && most) return `${column} ${least} to ${most}`;
  return least ? `${column} at least ${least}` : `${column} at most ${most}`;
}

/**
 * A bound as text: short, and so that a value at an edge of two bins is in the upper one alone.
 * @param {number} value
 */
export const bound = (value) => String(Number(value.toFixed(6)));

/**
 * A value on an axis or in a sentence.
 * @param {number} value
 */
export const shown = (value) => fixed(value, 3);

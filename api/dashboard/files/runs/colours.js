// The colour of a method, the same on every page and as in the figures of the paper's items.

/** @import { RunSummary } from "../api.js" */

const OWN = ["pgd", "trades", "mart", "gairat", "bat", "dpls", "erm"]; // c1, c2 and so on in style/charts.css
const COLOURS = 8;

/**
 * A colour for each key, such as a method with its options, by the first of its runs: its method's own, unless another
 * key has it, and then one that is free. Beyond eight they are used again.
 * @param {RunSummary[]} runs
 * @param {(run: RunSummary) => string} keyOf
 * @returns {Map<string, { colour: string, again: boolean }>}
 */
export function coloursOf(runs, keyOf) {
  /** @type {Map<string, { colour: string, again: boolean }>} */
  const found = new Map();
  /** @type {Set<number>} */
  const taken = new Set();
  /** @type {string[]} */
  const later = [];
  /** @param {string} key @param {number} place */
  const take = (key, place, again = false) => {
    taken.add(place);
    found.set(key, { colour: `c${place + 1}`, again });
  };
  for (const run of runs) {
    const key = keyOf(run);
    const place = OWN.indexOf(run.method ?? "");
    if (found.has(key) || later.includes(key)) continue;
    if (place >= 0 && !taken.has(place)) take(key, place);
    else later.push(key);
  }
  later.forEach((key, at) => {
    const free = Array.from({ length: COLOURS }, (_, place) => place).find((place) => !taken.has(place));
    take(key, free ?? at % COLOURS, free === undefined);
  });
  return found;
}

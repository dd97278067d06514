// Numbers and times as the pages write them.

/** @import { Interval } from "./api.js" */
/** @import { WithClasses } from "./types.js" */

const WHOLE = new Intl.NumberFormat("en-GB");

/**
 * Whether there is a value.
 * @template Value
 * @param {Value | null | undefined} value
 * @returns {value is Value}
 */
export const known = (value) => value !== null && value !== undefined;

/**
 * 12,345; a dash for what is undefined.
 * @param {number | null | undefined} value
 */
export const whole = (value) => (value === null || value === undefined ? "–" : WHOLE.format(value));

/**
 * A number with its noun, "1 trial" and "2 trials"; a plural that is not the noun with an s is given.
 * @param {number | null | undefined} value
 * @param {string} noun
 */
export const counted = (value, noun, plural = `${noun}s`) => `${whole(value)} ${value === 1 ? noun : plural}`;

/**
 * A value of mem or the like, with two digits behind the point unless `digits` says otherwise.
 * @param {number | null | undefined} value
 */
export const fixed = (value, digits = 2) =>
  value === null || value === undefined ? "–" : value.toFixed(digits).replace(/^-(0\.?0*)$/, "$1");

/**
 * A share as a percentage.
 * @param {number | null | undefined} value
 */
export const percent = (value, digits = 1) =>
  value === null || value === undefined ? "–" : `${(100 * value).toFixed(digits)} %`;

/**
 * An interval, "0.84 to 0.97".
 * @param {Interval} ends
 */
export const interval = ([low, high], digits = 2) =>
  low === null || high === null ? "no interval" : `${fixed(low, digits)} to ${fixed(high, digits)}`;

/**
 * A standard error behind its estimate, " ± 0.012".
 * @param {number | null | undefined} error
 */
export function plusMinus(error, digits = 2) {
  if (error === null || error === undefined) return "";
  const least = 10 ** -digits;
  return error < least / 2 ? ` ± under ${least.toFixed(digits)}` : ` ± ${fixed(error, digits)}`;
}

/**
 * The standard error of a difference of shares, behind it. One of 0 is not certainty: a few trials that all agree have
 * it too.
 * @param {number | null | undefined} error
 */
export const ofShares = (error, digits = 2) => (error === 0 ? " (all trials alike)" : plusMinus(error, digits));

/**
 * A q-value: small ones as a bound.
 * @param {number | null | undefined} value
 */
export const chance = (value) =>
  value === null || value === undefined ? "–" : value < 0.001 ? "< 0.001" : fixed(value, 3);

/**
 * Seconds in the two largest units: "3 min 20 s".
 * @param {number | null | undefined} seconds
 */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 1) return "under 1 s";
  /** @type {[string, number][]} */
  const units = [
    ["d", 86_400],
    ["h", 3600],
    ["min", 60],
    ["s", 1],
  ];
  let left = Math.round(seconds);
  const parts = [];
  for (const [name, size] of units) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count) parts.push(`${count} ${name}`);
    if (parts.length === 2) break;
  }
  return parts.join(" ");
}

/**
 * Bytes in the unit that fits.
 * @param {number} count
 */
export function bytes(count) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let place = 0;
  while (count >= 1000 && place < units.length - 1) {
    count /= 1000;
    place += 1;
  }
  return `${place ? count.toPrecision(3) : count} ${units[place]}`;
}

/**
 * A moment of the service's, in the reader's own time zone, to the second.
 * @param {string | null | undefined} text
 */
export function moment(text) {
  if (!text) return "–";
  const time = new Date(text);
  /** @param {number} number */
  const two = (number) => String(number).padStart(2, "0");
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

/**
 * The name of a class; nothing where the label is not known.
 * @param {WithClasses} dataset
 * @param {number | string | null} label
 */
export const className = (dataset, label) =>
  label === null ? "" : (dataset.class_names[Number(label)] ?? String(label));

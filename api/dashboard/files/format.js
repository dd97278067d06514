// Numbers and times as the pages write them.

const WHOLE = new Intl.NumberFormat("en-GB");

/** 12,345; a dash for what is undefined. */
export const whole = (value) => (value === null || value === undefined ? "–" : WHOLE.format(value));

/** A value of mem or the like with two digits, or so many. */
export const fixed = (value, digits = 2) =>
  value === null || value === undefined ? "–" : value.toFixed(digits).replace(/^-(0\.?0*)$/, "$1");

/** A share as a percentage. */
export const percent = (value, digits = 1) =>
  value === null || value === undefined ? "–" : `${(100 * value).toFixed(digits)} %`;

/** An interval, "0.84 to 0.97". */
export const interval = ([low, high], digits = 2) =>
  low === null || high === null ? "no interval" : `${fixed(low, digits)} to ${fixed(high, digits)}`;

/** A q-value: small ones as a bound. */
export const chance = (value) =>
  value === null || value === undefined ? "–" : value < 0.001 ? "< 0.001" : fixed(value, 3);

/** Seconds in the two largest units: "3 min 20 s". */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 1) return "under 1 s";
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

/** Bytes in the unit that fits. */
export function bytes(count) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let place = 0;
  while (count >= 1000 && place < units.length - 1) {
    count /= 1000;
    place += 1;
  }
  return `${place ? count.toPrecision(3) : count} ${units[place]}`;
}

/** A moment of the service's, in the reader's own time zone, to the second. */
export function moment(text) {
  if (!text) return "–";
  const time = new Date(text);
  const two = (number) => String(number).padStart(2, "0");
  const day = `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
  return `${day} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

/** The name of a class; nothing where the label is not known. */
export const className = (dataset, label) => dataset.class_names[label] ?? (label === null ? "" : String(label));

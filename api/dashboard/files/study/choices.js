// What of a study's samples is shown: filters and order, kept in the address.

/** @import { Page, Query } from "../types.js" */

/** @type {[string, string][]} */
export const SORTS = [
  ["-mem", "most memorized"],
  ["mem", "least memorized"],
  ["-se", "most uncertain"],
  ["-risk", "highest privacy risk"],
  ["p_out", "least accurate when held out"],
  ["p_in", "least accurate when trained on"],
  ["index", "index"],
  ["label", "class"],
  ["se", "most certain"],
  ["risk", "lowest privacy risk"],
  ["-p_out", "most accurate when held out"],
  ["-p_in", "most accurate when trained on"],
  ["-mem_margin", "most memorized by margins"],
  ["mem_margin", "least memorized by margins"],
  ["-mem_low", "highest lower end of the interval"],
  ["mem_high", "lowest upper end of the interval"],
  ["n_out", "held out by the fewest trials"],
  ["-index", "index, descending"],
];
/** @type {[string, string][]} */
export const SHOWN = [
  ["", "all samples"],
  ["atypical", "atypical"],
  ["typical", "typical"],
  ["undecided", "undecided at 0.15"],
  ["suspects", "suspected label errors"],
];

/** @type {[string, string][]} */
export const REVIEWED = [
  ["", "reviewed or not"],
  ["none", "not reviewed"],
  ["any", "reviewed"],
  ["relabel", "to relabel"],
  ["leave_out", "to leave out"],
  ["fine", "fine"],
  ["unsure", "unsure"],
  ["disputed", "disputed"],
];

/** @typedef {"label" | "set" | "review" | "mem_min" | "mem_max" | "range" | "sort"} Name */
/** @typedef {[number | null, number | null]} Range */

/** @type {Name[]} */
const NAMES = ["label", "set", "review", "mem_min", "mem_max", "range", "sort"];

export class Choices {
  /** Called with the names of what has changed. @type {((changed: Name[]) => void)[]} */
  listeners = [];
  /** @type {string | null} */
  label;
  /** @type {string | null} */
  set;
  /** @type {string | null} */
  review;
  /** @type {string | null} */
  mem_min;
  /** @type {string | null} */
  mem_max;
  /** Bounds of columns, "p_out:0.1:0.5,se::0.05". @type {string | null} */
  range;
  /** @type {string | null} */
  sort;
  #page;

  /** @param {Page} page */
  constructor(page) {
    this.#page = page;
    /** @param {Name} name */
    const kept = (name) => page.query.get(name) || null;
    this.label = kept("label");
    this.set = kept("set");
    this.review = kept("review");
    this.mem_min = this.suspects ? null : kept("mem_min");
    this.mem_max = this.suspects ? null : kept("mem_max");
    this.range = this.suspects ? null : kept("range");
    this.sort = this.suspects ? null : kept("sort");
    const ordered = ["mem_min", "mem_max", "range", "sort"].filter((name) => page.query.has(name));
    if (this.suspects && ordered.length) page.keep(Object.fromEntries(ordered.map((name) => [name, null])));
  }

  /**
   * Change some, and call the listeners with the names of those. Null takes one back. Suspected label errors come in an
   * order of their own from all values of mem: to choose these is to leave that list.
   * @param {Partial<Record<Name, string | number | null>>} changes
   */
  change(changes) {
    const wanted = this.#whole(changes);
    const changed = NAMES.filter((name) => name in wanted && (this[name] ?? "") !== String(wanted[name] ?? ""));
    if (!changed.length) return;
    for (const name of changed) {
      const value = wanted[name] ?? "";
      this[name] = value === "" ? null : String(value);
    }
    /** @type {Query} */
    const kept = Object.fromEntries(changed.map((name) => [name, this[name]]));
    this.#page.keep(kept);
    for (const listener of this.listeners) listener(changed);
  }

  /**
   * Changes with those that they bring along.
   * @param {Partial<Record<Name, string | number | null>>} changes
   */
  #whole(changes) {
    if (changes.set === "suspects") return { ...changes, mem_min: null, mem_max: null, range: null, sort: null };
    const { mem_min, mem_max, range, sort } = changes;
    if (this.suspects && (mem_min || mem_max || range || sort)) return { set: null, ...changes };
    return changes;
  }

  /** Show all samples of all classes. */
  clear() {
    this.change({ label: null, set: null, review: null, mem_min: null, mem_max: null, range: null });
  }

  /** Whether the list is that of suspected label errors, which has an order of its own. */
  get suspects() {
    return this.set === "suspects";
  }

  /** Whether anything is filtered. */
  get filtered() {
    return Boolean(this.label || this.set || this.review || this.mem_min || this.mem_max || this.range);
  }

  /** The call that answers the list: its path below the study, and its query. */
  get call() {
    const { label, set, review, mem_min, mem_max, range } = this;
    if (this.suspects) return { list: "suspects", query: { label, review } };
    return { list: "scores", query: { label, set, review, mem_min, mem_max, range, sort: this.sort ?? "-mem" } };
  }

  /** What the address keeps of them. @returns {Query} */
  get kept() {
    return Object.fromEntries(NAMES.map((name) => [name, this[name]]));
  }

  /** Bounds of columns, one for each. @returns {string[]} */
  get ranges() {
    return this.range?.split(",").filter(Boolean) ?? [];
  }

  /**
   * Bound columns, in place of earlier bounds of these; null ends those of a column.
   * @param {Record<string, [string, string] | null>} bounds
   */
  bound(bounds) {
    const others = this.ranges.filter((one) => !(one.split(":")[0] in bounds));
    const added = Object.entries(bounds).flatMap(([column, ends]) => (ends ? [`${column}:${ends.join(":")}`] : []));
    this.change({ range: [...others, ...added].join(",") || null });
  }

  /** The bounds of mem as numbers; null where there is none. @returns {Range} */
  get memRange() {
    return [bound(this.mem_min), bound(this.mem_max)];
  }
}

/** @param {string | null} text */
const bound = (text) => (text === null || Number.isNaN(Number(text)) ? null : Number(text));

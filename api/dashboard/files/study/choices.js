// What of a study's samples is shown: filters and order, kept in the address.

export const SORTS = [
  ["-mem", "most memorized"],
  ["mem", "least memorized"],
  ["-se", "most uncertain"],
  ["index", "index"],
  ["label", "class"],
];
export const SHOWN = [
  ["", "all samples"],
  ["atypical", "atypical"],
  ["typical", "typical"],
  ["suspects", "suspected label errors"],
];
const NAMES = ["label", "set", "mem_min", "mem_max", "sort"];

export class Choices {
  constructor(page) {
    this.page = page;
    this.listeners = [];
    for (const name of NAMES) this[name] = page.query.get(name) || null;
    if (this.suspects) this.mem_min = this.mem_max = this.sort = null;
  }

  /**
   * Change some, and tell everybody who depends on them which. Null takes one back. Suspected label errors come in an
   * order of their own from all values of mem: to choose these is to leave that list.
   */
  change(changes) {
    if (changes.set === "suspects") changes = { ...changes, mem_min: null, mem_max: null, sort: null };
    else if (this.suspects && (changes.mem_min || changes.mem_max || changes.sort)) changes = { set: null, ...changes };
    const changed = Object.keys(changes).filter((name) => (this[name] ?? "") !== String(changes[name] ?? ""));
    if (!changed.length) return;
    for (const name of changed)
      this[name] = changes[name] === null || changes[name] === "" ? null : String(changes[name]);
    this.page.keep(Object.fromEntries(changed.map((name) => [name, this[name]])));
    for (const listener of this.listeners) listener(changed);
  }

  /** Whether the list is that of suspected label errors, which has an order of its own. */
  get suspects() {
    return this.set === "suspects";
  }

  /** Whether anything is filtered. */
  get filtered() {
    return Boolean(this.label || this.set || this.mem_min || this.mem_max);
  }

  /** The call that answers the list: its path below the study, and its query. */
  get call() {
    if (this.suspects) return ["suspects", { label: this.label }];
    const { label, set, mem_min, mem_max } = this;
    return ["scores", { label, set, mem_min, mem_max, sort: this.sort ?? "-mem" }];
  }

  /** The bounds of mem as numbers; null where there is none. */
  get range() {
    return [this.mem_min, this.mem_max].map((text) =>
      text === null || Number.isNaN(Number(text)) ? null : Number(text),
    );
  }
}

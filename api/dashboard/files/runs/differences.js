// Runs against the first of them that was evaluated, sample by sample: which differences are more than chance.

import { fill, h } from "../dom.js";
import { fixed, whole } from "../format.js";
import { get } from "../http.js";
import { sentence } from "../parts/problem.js";
import { accuracyTable } from "./accuracies.js";
import { runUrl } from "./addresses.js";
import { attackName } from "./words.js";

/** @import { RunDifference, RunDifferences } from "../api.js" */
/** @import { Page } from "../types.js" */

/** A section that asks for its numbers; `draw` shows those of the split and group of samples that `group` says. */
export class Differences {
  element = h("section", { "aria-labelledby": "differences" });
  /** By run; an error says why two cannot be compared. @type {PromiseSettledResult<RunDifferences>[]} */
  #found = [];
  #group;
  #page;
  #place = h("div", {});
  #runs;

  /**
   * @param {Page} page
   * @param {string[]} runs
   * @param {() => string} group
   */
  constructor(page, runs, group) {
    this.#page = page;
    this.#runs = runs;
    this.#group = group;
    fill(
      this.element,
      h("h2", { id: "differences" }, "Differences, sample by sample"),
      h(
        "p",
        { class: "soft small" },
        "In points, on the samples that both runs were evaluated on, with the 95 % interval for two networks on other samples of the kind. Bold: the interval excludes 0. It leaves out how much networks of other seeds would differ.",
      ),
      this.#place,
    );
  }

  async ask() {
    const [reference, ...others] = this.#runs;
    const { signal } = this.#page;
    this.#found = await Promise.allSettled(
      others.map((run) => get("/v1/run-differences", { reference, run }, { signal })),
    );
    if (!signal.aborted) this.draw();
  }

  draw() {
    const [split, group] = this.#group().split(" ");
    const [reference, ...others] = this.#runs;
    const rows = this.#found.map((one) => (one.status === "fulfilled" ? one.value.differences : []));
    const attacks = [...new Set(rows.flatMap((differences) => differences.map(({ attack }) => attack)))];
    const lines = this.#found.map((one, at) => {
      const name = h("th", { scope: "row", class: "text break" }, h("a", { href: runUrl(others[at]) }, others[at]));
      if (one.status === "rejected") {
        return [name, h("td", { class: "text", colspan: String(Math.max(1, attacks.length)) }, sentence(one.reason))];
      }
      const of = (/** @type {string} */ attack) =>
        rows[at].find((row) => row.split === split && row.group === group && row.attack === attack);
      return [name, ...attacks.map((attack) => cell(of(attack)))];
    });
    const heads = [`Minus ${reference}`, ...(attacks.length ? attacks.map(attackName) : [""])];
    fill(this.#place, accuracyTable(`Differences to ${reference}`, heads, lines));
  }
}

/** @param {RunDifference | undefined} one */
function cell(one) {
  if (!one) return h("td", {}, "–");
  const { difference, low, high, count, only_first: worse, only_second: better } = one;
  const sure = low > 0 || high < 0;
  const title = `right only in this run: ${whole(better)}, only in the first: ${whole(worse)}, of ${whole(count)}`;
  const value = signed(difference);
  return h(
    "td",
    { title },
    sure ? h("strong", {}, value) : value,
    h("small", { class: "soft" }, `${signed(low)} to ${signed(high)}`),
  );
}

/** @param {number} share */
const signed = (share) => `${share > 0 ? "+" : ""}${fixed(100 * share, 1)}`;

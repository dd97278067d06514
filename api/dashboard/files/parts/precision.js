// How precise scores are after how many trials: measured up to now, and what more trials should bring.

import { fill, h } from "../dom.js";
import { counted, fixed, known, whole } from "../format.js";
import { get, path } from "../http.js";
import { Curves } from "./curves.js";

/** @import { PrecisionCourse, PrecisionPoint } from "../api.js" */
/** @import { Series } from "./curves.js" */

const TRIALS = {
  title: "trials",
  label: "Trials",
  after: (/** @type {number} */ at) => `After ${counted(at, "trial")}`,
};

/** A section with a sentence and a chart; hidden until there are scores, and for scores whose trials nobody knows. */
export class Precision {
  element = h("section", { "aria-labelledby": "precision", hidden: true });
  #curves;
  #signal;
  #words = h("p", {});

  /**
   * @param {AbortSignal} signal
   * @param {string} title
   */
  constructor(signal, title) {
    this.#signal = signal;
    this.#curves = new Curves(signal, "per cent", TRIALS);
    const caption =
      "Expected from the trials so far, which the dashed lines go beyond. Standard error of mem: 95 % of the training " +
      "samples have a smaller one. Settled: the 95 % interval of mem lies wholly above or below 0.15. Pairs: the share of " +
      "those of influence 0.2 that would be told from chance.";
    fill(
      this.element,
      h("h2", { id: "precision" }, title),
      this.#words,
      this.#curves.element,
      h("p", { class: "soft small" }, caption),
    );
  }

  /**
   * Ask for the course to at least `until` trials, and show it.
   * @param {string} study
   * @param {number} [until]
   */
  async ask(study, until) {
    /** @type {PrecisionCourse | null} */
    const course = await get(path`/v1/studies/${study}/precision`, { until }, { signal: this.#signal }).catch(
      () => null,
    );
    if (this.#signal.aborted) return;
    this.element.hidden = !course;
    if (course) this.#show(course);
  }

  /** @param {PrecisionCourse} course */
  #show({ trials, points }) {
    const now = points.find((one) => one.trials === trials);
    const last = points[points.length - 1];
    const further = last.trials > trials && ` After ${whole(last.trials)}, expect ${said(last)}.`;
    fill(this.#words, now && `After ${counted(trials, "trial")}: ${said(now)}.`, further);
    /**
     * @param {string} name
     * @param {string} colour
     * @param {(point: PrecisionPoint) => number | null} value
     * @returns {Series[]}
     */
    const both = (name, colour, value) => {
      const all = points.map((one) => ({ at: one.trials, value: value(one) }));
      return [
        { name, colour, points: all.filter(({ at }) => at <= trials) },
        { name, colour, dashed: true, points: all.filter(({ at }) => at >= trials) },
      ];
    };
    this.#curves.show([
      ...both("standard error of mem", "c1", (one) => one.standard_error),
      ...both("settled at 0.15", "c2", (one) => one.settled),
      ...both("pairs of influence 0.2 found", "c3", (one) => one.pairs_found),
    ]);
  }
}

/** @param {PrecisionPoint} point */
function said({ standard_error: error, settled, pairs_found: pairs }) {
  const parts = [
    known(error) && `a standard error of mem of at most ${fixed(error, 3)} for 95 % of the samples`,
    known(settled) && `${fixed(100 * settled, 0)} % of the samples settled at 0.15`,
    known(pairs) && `${fixed(100 * pairs, 0)} % of the pairs of influence 0.2 found`,
  ];
  return parts.filter(Boolean).join(", ");
}

// An influence in words: how large, how sure, and whether it is more than chance.

import { h } from "../dom.js";
import { chance, counted, fixed, known, ofShares } from "../format.js";

/** @import { Influence } from "../api.js" */
/** @import { Child } from "../types.js" */

export const DISCOVERY_RATE = 0.05; // pairs with a q-value up to it are marked: 5 % of these are false discoveries

const ABOUT_Q = "q-value: the false-discovery rate of all pairs up to this one";
const ABOUT_WEIGHTED = `${ABOUT_Q}, of the same class and with similar pairs weighted more`;

/**
 * infl with its standard error, and its q-value with a mark where it is beyond chance. A weighted q-value goes before
 * the other, and then pairs within chance are marked too.
 * @param {Pick<Influence, "infl" | "se" | "q_value" | "q_weighted" | "p_strong">} influence
 * @param {number | null} [strong] the infl that p_strong is about
 * @returns {Child[]}
 */
export function influenceText(influence, strong = null) {
  const { infl, se, q_value: q, q_weighted: weighted, p_strong: probability } = influence;
  return [
    h("p", { class: "number" }, h("strong", {}, fixed(infl)), h("span", { class: "soft" }, ofShares(se)), " infl"),
    known(weighted) && judged(weighted, "weighted q", ABOUT_WEIGHTED, ", within chance"),
    known(q) &&
      (known(weighted) ? h("p", { class: "soft", title: ABOUT_Q }, `q ${chance(q)}`) : judged(q, "q", ABOUT_Q)),
    known(probability) &&
      strong !== null &&
      h("p", { class: "soft", title: `Probability that infl is above ${strong}` }, likely(strong, probability)),
    tiny(influence),
  ];
}

/**
 * Whether an influence is beyond chance; null where it was not tested.
 * @param {Pick<Influence, "q_value" | "q_weighted">} influence
 */
export function holds({ q_value: q, q_weighted: weighted }) {
  const judge = known(weighted) ? weighted : q;
  return known(judge) ? judge <= DISCOVERY_RATE : null;
}

/**
 * A list of influences that grows: those beyond chance, or not tested, in sight, and the others folded with their number.
 * @template {Pick<Influence, "q_value" | "q_weighted">} One
 */
export class Influences {
  #beyond = h("ul", { class: "influences" });
  #draw;
  /** The list that the newest one is in. */
  #last;
  #within = h("ul", { class: "influences" });
  element;

  /**
   * `all` and `holding`: how many influences there are, and hold (null: not tested).
   * @param {(one: One) => HTMLElement} draw
   * @param {{ all: number, holding: number | null, trials: number }} counts
   */
  constructor(draw, { all, holding, trials }) {
    this.#draw = draw;
    const rest = holding === null ? 0 : all - holding;
    const noun = (/** @type {number} */ count) => counted(count, "influence");
    const after = `after ${counted(trials, "trial")}`;
    const none =
      all === 1
        ? `Its only influence is within chance ${after}.`
        : `None of its ${noun(all)} is beyond chance ${after}.`;
    const summary = h("summary", {}, `${noun(rest)} that cannot be told from chance`);
    const folded = h("details", { "data-part": "chance", hidden: rest === 0 }, summary, this.#within);
    this.element = h(
      "div",
      {},
      rest > 0 && rest === all ? h("p", { "data-part": "none-holds" }, none) : this.#beyond,
      folded,
    );
    this.#last = this.#beyond;
  }

  /**
   * Add some, and return their elements.
   * @param {One[]} some
   */
  add(some) {
    return some.map((one) => {
      const drawn = this.#draw(one);
      this.#last = holds(one) === false ? this.#within : this.#beyond;
      this.#last.append(drawn);
      return drawn;
    });
  }

  /**
   * Put an element behind the newest influence.
   * @param {HTMLElement} element
   */
  follow(element) {
    this.#last.after(element);
  }
}

const SMALL = 0.02; // an influence below it changes answers of hardly any model

/**
 * What a small influence beyond chance means.
 * @param {Pick<Influence, "infl" | "q_value" | "q_weighted">} influence
 */
const tiny = (influence) =>
  holds(influence) && Math.abs(influence.infl) < SMALL
    ? h("p", { class: "soft" }, "tiny: it moves margins, hardly any answer")
    : null;

/**
 * @param {number} strong
 * @param {number} probability
 */
const likely = (strong, probability) => `P(infl > ${strong}) ${fixed(probability)}`;

/**
 * A q-value with a mark where it is beyond chance, and with `within` where it is not.
 * @param {number} q
 * @param {string} name
 * @param {string} title
 */
function judged(q, name, title, within = "") {
  const beyond = q <= DISCOVERY_RATE;
  const mark = beyond ? ", beyond chance" : within;
  return h("p", { class: beyond ? "beyond" : "soft", title }, `${name} ${chance(q)}${mark}`);
}

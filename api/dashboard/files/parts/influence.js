// An influence in words: how large, how sure, and whether it is more than chance.

import { h } from "../dom.js";
import { chance, fixed, known } from "../format.js";

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
export function influenceText({ infl, se, q_value: q, q_weighted: weighted, p_strong: probability }, strong = null) {
  const error = known(se) ? ` ± ${fixed(se)}` : "";
  return [
    h("p", { class: "number" }, h("strong", {}, fixed(infl)), h("span", { class: "soft" }, error), " infl"),
    known(weighted) && judged(weighted, "weighted q", ABOUT_WEIGHTED, ", within chance"),
    known(q) &&
      (known(weighted) ? h("p", { class: "soft", title: ABOUT_Q }, `q ${chance(q)}`) : judged(q, "q", ABOUT_Q)),
    known(probability) &&
      strong !== null &&
      h("p", { class: "soft", title: `Probability that infl is above ${strong}` }, likely(strong, probability)),
  ];
}

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

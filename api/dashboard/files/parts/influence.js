// An influence in words: how large, how sure, and whether it is more than chance.

import { h } from "../dom.js";
import { chance, fixed } from "../format.js";

/** @import { Influence } from "../api.js" */
/** @import { Child } from "../types.js" */

const DISCOVERY_RATE = 0.05; // pairs with a q-value up to it are marked: 5 % of these are false discoveries

/**
 * infl with its standard error, and its q-value with a mark where it is beyond chance.
 * @param {Pick<Influence, "infl" | "se" | "q_value">} influence
 * @returns {Child[]}
 */
export function influenceText({ infl, se, q_value: q }) {
  const error = se === null || se === undefined ? "" : ` ± ${fixed(se)}`;
  const beyond = q !== null && q !== undefined && q <= DISCOVERY_RATE;
  return [
    h("p", { class: "number" }, h("strong", {}, fixed(infl)), h("span", { class: "soft" }, error), " infl"),
    q !== null &&
      q !== undefined &&
      h(
        "p",
        { class: beyond ? "beyond" : "soft", title: "q-value: the false-discovery rate of all pairs up to this one" },
        `q ${chance(q)}${beyond ? ", beyond chance" : ""}`,
      ),
  ];
}

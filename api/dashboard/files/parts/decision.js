// What the reviewers of a sample decide, in words.

/** @import { Decided } from "../types.js" */

/**
 * A mark of a word or two, and the whole in words.
 * @param {Decided} decided
 * @param {(label: number) => string} nameOf
 */
export function decisionText({ decision, label }, nameOf) {
  const name = label === null ? "" : nameOf(label);
  const texts = {
    relabel: { mark: `✓ ${name}`, words: `the label should be ${name}` },
    leave_out: { mark: "✕ out", words: "no class is right" },
    fine: { mark: "✓ fine", words: "the label is right" },
    unsure: { mark: "? unsure", words: "unsure" },
    disputed: { mark: "≠ disputed", words: "the reviewers disagree" },
  };
  return texts[decision];
}

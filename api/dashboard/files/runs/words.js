// Runs, networks and accuracies in words.

import { fixed, known, whole } from "../format.js";

/** @import { CheckpointEvaluation, RunAccuracy, RunSummary } from "../api.js" */

export const GROUPS = ["all", "typical", "atypical"];
const ATTACKS = { clean: "Clean", fgsm: "FGSM", cw: "CW", autoattack: "AutoAttack", worst: "Worst of all" };

/**
 * The name of an attack, as the field writes it.
 * @param {string} name
 */
export const attackName = (name) => /** @type {Record<string, string>} */ (ATTACKS)[name] ?? name.toUpperCase();

/**
 * An accuracy in per cent.
 * @param {number | null | undefined} share
 */
export const points = (share) => (known(share) ? fixed(100 * share, 1) : "–");

/**
 * The interval of an accuracy in per cent.
 * @param {{ low: number | null, high: number | null }} accuracy
 */
export const range = ({ low, high }) =>
  known(low) && known(high) ? `${points(low)} to ${points(high)}` : "no interval";

/**
 * The accuracy of the group `group` of test samples under an attack; undefined where it was not measured.
 * @param {RunSummary} run
 * @param {string} group
 * @param {string} attack
 * @returns {RunAccuracy | undefined}
 */
export const onTest = (run, group, attack) => run.test.find((row) => row.group === group)?.accuracy[attack];

/**
 * The method with its options, such as "bat, alpha 1".
 * @param {RunSummary} run
 */
export function methodOf({ method, options }) {
  const given = Object.entries(options).map(([name, value]) => `${name} ${value}`);
  return [method ?? "unknown method", ...given].join(", ");
}

/**
 * How a checkpoint was selected.
 * @param {CheckpointEvaluation} checkpoint
 */
export function selectedBy({ epoch, selected }) {
  const after = known(epoch) ? `after epoch ${epoch}` : "";
  if (!selected?.on) return after;
  const on = known(selected.samples)
    ? `${whole(selected.samples)} ${selected.on} samples`
    : `the ${selected.on} samples`;
  const within = known(selected.low) ? `, ${range(selected)}, and flattered as the best of its epochs` : "";
  return `${after}, selected by ${selected.by} on ${on} (${points(selected.value)} %${within})`;
}

/**
 * The name of a folder, without those around it.
 * @param {string} folder
 */
export const lastPart = (folder) => folder.split("/").at(-1) ?? folder;

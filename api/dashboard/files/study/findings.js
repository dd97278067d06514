// What a study found, before anything else: a sentence, and numbers that lead to what they count.

import { ATYPICAL } from "../charts.js";
import { fill, h } from "../dom.js";
import { counted, fixed, percent, whole } from "../format.js";
import { address, path } from "../http.js";

/** @import { ClassShare, DatasetDetail, Findings, StudyMessage } from "../api.js" */
/** @import { Child, Named } from "../types.js" */

/**
 * A finding: a number, what it counts, what it is worth, and the address that shows it; on the study's own page that is
 * what to choose in its list, or a section.
 * @typedef {{
 *   key: string,
 *   number: string,
 *   text: string,
 *   note: string,
 *   to: string,
 *   choose?: Record<string, string | number>,
 *   section?: string,
 * }} Finding
 */

/**
 * The findings, as far as these scores can tell; `copies`: of training samples, null where nobody has looked.
 * @param {Named} study
 * @param {Findings} found
 * @param {number | null} copies
 * @returns {Finding[]}
 */
export function findingsOf(study, found, copies = null) {
  const here = path`/studies/${study.name}`;
  const { samples, suspected, suspected_precision: precision, pairs, privacy, undecided } = found;
  /** @param {Record<string, string | number>} choose */
  const listed = (choose) => ({ to: address(here, choose), choose });
  /** @type {(Finding | null)[]} */
  const all = [
    {
      key: "atypical",
      number: percent(found.atypical / Math.max(1, samples)),
      text: "memorized",
      note: `${whole(found.atypical)} with mem above ${ATYPICAL}${sure(found)}`,
      ...listed({ set: "atypical" }),
    },
    suspected !== null
      ? {
          key: "suspects",
          number: whole(suspected),
          text: suspected === 1 ? "suspected label error" : "suspected label errors",
          note: `${precision === null ? "no label looks wrong enough" : `wrong with ${percent(precision, 0)} on average`}${planted(found)}`,
          to: address(`${here}/review`),
        }
      : {
          key: "suspects",
          number: "–",
          text: "suspected label errors",
          note: "no cut-off: these trials recorded no predictions",
          ...listed({ set: "suspects" }),
        },
    found.test_samples > 0 && pairs !== null
      ? {
          key: "pairs",
          number: whole(pairs),
          text: pairs === 1 ? "pair beyond chance" : "pairs beyond chance",
          note: `for ${whole(found.test_samples_in_pairs)} of ${counted(found.test_samples, "test sample")}`,
          to: address(`${here}/pairs`),
        }
      : null,
    {
      key: "copies",
      number: whole(copies),
      text: copies === 1 ? "copy of a training sample" : "copies of training samples",
      note: copies === null ? "look for copies, also in the test part" : "equal, nearly equal or mirrored",
      to: address(`${here}/duplicates`),
    },
    undecided === null
      ? null
      : {
          key: "undecided",
          number: whole(undecided),
          text: `undecided at ${ATYPICAL}`,
          note: `${percent(undecided / Math.max(1, samples))}: intervals contain ${ATYPICAL}; more trials decide`,
          ...listed({ set: "undecided" }),
        },
    found.most_memorized && {
      ...ofClass(found.most_memorized),
      ...listed({ label: found.most_memorized.label, set: "atypical" }),
    },
    privacy && {
      key: "privacy",
      number: percent(privacy.tpr_at_0_001.value),
      text: "recognized by an attacker",
      note: `at 0.1 % false alarms; ${percent(privacy.tpr_at_0_001.low)} to ${percent(privacy.tpr_at_0_001.high)}`,
      to: address(here),
      section: "privacy",
    },
  ];
  return all.filter((one) => one !== null);
}

/** @param {Findings} found */
const planted = ({ planted: flipped }) =>
  flipped
    ? `; ${whole(flipped.suspected)} of ${whole(flipped.labels)} flipped on purpose, AUROC ${fixed(flipped.auroc, 3)}`
    : "";

/** @param {Findings} found */
const sure = ({ atypical_sure: surely }) => (surely === null ? "" : `, ${whole(surely)} of them surely`);

/**
 * @param {ClassShare} one
 */
function ofClass({ name, samples, atypical, interval: [low, high], differs }) {
  const range = `${percent(low, 0)} to ${percent(high, 0)}`;
  return {
    key: "class",
    number: percent(atypical / samples),
    text: `of ${name}, the most memorized class`,
    note: differs ? range : `${range}: not beyond chance`,
  };
}

const WAITING = 7;

/**
 * What there is to draw; `found` is null until it is known. `show` is called with a finding that the page itself shows.
 * @typedef {{
 *   study: StudyMessage,
 *   dataset: DatasetDetail,
 *   found: Findings | null,
 *   copies: number | null,
 *   show: (finding: Finding) => void,
 * }} Drawn
 */

/**
 * Draw the findings.
 * @param {HTMLElement} place
 * @param {Drawn} drawn
 */
export function drawFindings(place, { study, dataset, found, copies, show }) {
  /** @type {Child[]} */
  const tiles = found
    ? findingsOf(study, found, copies).map((one) => tile(one, show))
    : Array.from({ length: WAITING }, () => h("li", {}, h("strong", {}, "…"), h("span", { class: "soft" }, "\u00a0")));
  fill(
    place,
    h("p", { class: "lead", "data-part": "sentence" }, found?.sentence ?? "\u00a0"),
    h("ul", { class: "findings", "aria-label": `What was found in ${study.name}` }, tiles),
    accuracies(study, dataset),
  );
}

/**
 * @param {Finding} one
 * @param {(finding: Finding) => void} show
 */
function tile(one, show) {
  const { key, number, text, note, to, choose, section } = one;
  /** @param {MouseEvent} event */
  const click = (event) => {
    if (!(choose || section) || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    event.stopPropagation(); // the router would draw the whole page
    show(one);
  };
  return h(
    "li",
    { "data-finding": key },
    h("a", { href: to, on: { click } }, h("strong", { class: "number" }, number), " ", text),
    h("span", { class: "soft small" }, note),
  );
}

/**
 * How often models are right, in a line.
 * @param {StudyMessage} study
 * @param {DatasetDetail} dataset
 */
function accuracies({ table }, { test_samples: tested }) {
  if (!table) return null;
  const parts = [
    table.in_sample_accuracy !== null && `${percent(table.in_sample_accuracy)} of the samples they trained on`,
    table.held_out_accuracy !== null && `${percent(table.held_out_accuracy)} of those they did not`,
    tested > 0 && table.test_accuracy !== null && `${percent(table.test_accuracy)} of the test samples`,
  ].filter(Boolean);
  if (!parts.length) return null;
  return h("p", { class: "soft", "data-part": "accuracies" }, `Models are right on ${parts.join(", ")}.`);
}

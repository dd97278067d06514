// The list that a sample's page was opened from: its filters and order stand in the address, with the sample's place.

import { h } from "../dom.js";
import { whole } from "../format.js";
import { address, get, path } from "../http.js";
import { Choices } from "../study/choices.js";
import { stepLinks } from "./sample.js";

/** @import { Scores, StudyMessage, Suspects } from "../api.js" */
/** @import { Page, Query } from "../types.js" */
/** @import { Step } from "./sample.js" */

/**
 * What a link to the sample at a place of a list keeps of it; nothing for all samples in their usual order.
 * @param {Choices} choices
 * @param {number} at
 * @returns {Query}
 */
export const kept = (choices, at) => (choices.filtered || choices.sort ? { ...choices.kept, at } : {});

/**
 * Steps to the samples before and behind this one in its list, and the way back; null without a list, or where newer
 * scores have moved the sample to another place.
 * @param {Page} page
 * @param {StudyMessage} study
 * @param {number} index
 */
export async function inList(page, study, index) {
  const at = Number(page.query.get("at") ?? Number.NaN);
  if (!Number.isSafeInteger(at) || at < 0) return null;
  const choices = new Choices(page);
  const { list, query } = choices.call;
  const first = Math.max(0, at - 1);
  const asked = { ...query, offset: first, limit: at - first + 2 };
  /** @type {Scores | Suspects} */
  const { scores, matching } = await get(path`/v1/studies/${study.name}/${list}`, asked, { signal: page.signal });
  const rows = scores.map((one) => one.index);
  if (rows[at - first] !== index) return null;
  /**
   * @param {number} place
   * @param {string} text
   * @param {string} key
   * @returns {Step | false}
   */
  const step = (place, text, key) => {
    const to = rows[place - first];
    return to !== undefined && { to, text, key, query: { ...choices.kept, at: place } };
  };
  const back = address(path`/studies/${study.name}`, choices.kept);
  return h(
    "div",
    { "data-part": "in-list" },
    h("p", {}, `${whole(at + 1)} of ${whole(matching)} in `, h("a", { href: back }, "this list")),
    stepLinks(study, "train", [at > 0 && step(at - 1, "← previous", "k"), step(at + 1, "next →", "j")], "The list"),
  );
}
